import { canaryReleases } from '../../api/resources.ts';
import { Access, OwnGate, startDashboard } from '../../dashboard/index.ts';
import { aborted } from '../../kube/deadline.ts';
import { isApiError } from '../../kube/types.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, type Cluster, EXIT } from '../shell.ts';
import { UsageError } from '../usage.ts';

const HELP = `kubectl songbird dashboard [options]

Serves a page with all releases on this machine, until Ctrl-C: the split of traffic, errors and evidence as they go, pods,
Events, history, and buttons for the commands. It sees and does what your kubeconfig may; other machines cannot reach it.

  --port N             another port than any that is free
${CLUSTER_HELP}`;

/** Names of this machine, as seen from itself: no other page can call the server by them. */
const HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]']);

export const dashboard = commandOf(
  HELP,
  {
    options: { ...CLUSTER_OPTIONS, port: { type: 'string', default: '0' } },
  },
  async ({ values }, shell) => {
    const { output } = shell;
    const port = Number(values.port);
    if (!/^\d+$/.test(values.port) || port > 65_535)
      throw new UsageError(`--port must be a number from 0 to 65535, not ${values.port}`);
    const cluster = await shell.connect(values);
    const namespace = values.namespace ?? (await placeOf(cluster));
    const running = await startDashboard({
      client: cluster.client,
      namespace,
      gate: new OwnGate(cluster.client, new Access(cluster.client, shell.clock)),
      clock: shell.clock,
      host: '127.0.0.1',
      port,
      hosts: HOSTS,
      onError: (error) => {
        output.complain(error instanceof Error ? error.message : String(error));
      },
    });
    output.print(
      `${running.url}  ${namespace === undefined ? 'all namespaces' : `namespace ${namespace}`}; Ctrl-C ends it`,
    );
    await aborted(shell.stopping);
    await running.close();
    return EXIT.done;
  },
);

/** All namespaces, or that of the context for those who may not see all. */
async function placeOf({ client, namespace }: Cluster): Promise<string | undefined> {
  try {
    await client.list(canaryReleases, { limit: 1 });
    return undefined;
  } catch (error) {
    if (isApiError(error, 403)) return namespace;
    if (isApiError(error, 404))
      throw new UsageError(
        'the cluster does not know CanaryReleases: install Songbird first, kubectl apply -k config/',
      );
    throw error;
  }
}
