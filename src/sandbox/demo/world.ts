import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../kube/clock.ts';
import type { ApiClient, KubeObject } from '../../kube/types.ts';
import { customResourceDefinitions, namespaces } from '../../kube/well-known.ts';
import { Cluster, startHttp, writeKubeconfig } from '../index.ts';
import { Mesh } from '../mesh/mesh.ts';
import { Load } from './load.ts';
import { readCrds } from './manifests.ts';
import { NodeAgent } from './node-agent.ts';
import { dashboardProcess, freePort, type NodeProcess, operatorProcess } from './node-process.ts';

export const NAMESPACE = 'demo';
export const HOST = 'shop';
const DRAIN_MS = 1500;

/** Everything that the demo runs on this machine. */
export interface World {
  readonly client: ApiClient;
  readonly mesh: Mesh;
  readonly load: Load;
  readonly operator: NodeProcess;
  readonly kubeconfig: string;
  readonly operatorLog: string;
  /** Ends all of it; keeps the operator's log where it is of use. */
  close(keepLog: boolean): Promise<void>;
}

export interface WorldOptions {
  readonly perSecond: number;
  /** Told of faults that end nothing: a watch that broke, a pod that could not be started. */
  readonly onError: (error: unknown) => void;
  /** Told where the dashboard will be, before all else. Nobody waits until it is there. */
  readonly onDashboard: (url: string) => void;
}

/** Starts cluster, mesh, node and operator; the load stands ready. What was started ends again when a part fails. */
export async function startWorld({ perSecond, onError, onDashboard }: WorldOptions): Promise<World> {
  const endings: (() => Promise<unknown> | undefined)[] = [];
  const end = async () => {
    for (const ending of endings.reverse()) {
      try {
        await ending();
      } catch (error) {
        onError(error);
      }
    }
  };
  try {
    const clock = systemClock;
    const port = await freePort();
    onDashboard(`http://127.0.0.1:${port}/`);
    const folder = await mkdtemp(path.join(tmpdir(), 'songbird-demo-'));
    const files = {
      kubeconfig: path.join(folder, 'kubeconfig'),
      operatorLog: path.join(folder, 'operator.log'),
      dashboardLog: path.join(folder, 'dashboard.log'),
    };
    let keep = false;
    endings.push(async () => {
      if (!keep) await rm(folder, { recursive: true, force: true });
    });

    const cluster = new Cluster({ kubelet: 'external', seed: Date.now() });
    endings.push(async () => {
      cluster.stop();
    });
    const api = await startHttp(cluster);
    endings.push(() => api.close());
    await writeKubeconfig(files.kubeconfig, api.url);
    const client = cluster.client({ user: 'demo' });
    for (const crd of await readCrds()) await client.create(customResourceDefinitions, crd);
    await client.create<KubeObject>(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE },
    });

    const mesh = new Mesh({ client: cluster.client({ user: 'demo-mesh' }), namespace: NAMESPACE, onError });
    endings.push(() => mesh.close());
    await mesh.start();
    const node = new NodeAgent({
      client: cluster.client({ user: 'kubelet' }),
      clock,
      nodeName: 'laptop',
      sidecars: mesh.sidecars,
      drainMs: DRAIN_MS,
      onError,
    });
    endings.push(() => node.close());
    await node.start();

    const { kubeconfig, operatorLog, dashboardLog } = files;
    const operator = operatorProcess({ kubeconfig, logFile: operatorLog });
    endings.push(() => operator.stop());
    const dashboard = dashboardProcess({ kubeconfig, logFile: dashboardLog }, port);
    endings.push(() => dashboard.stop());
    // The story goes on without it.
    dashboard.failed.catch(onError);
    const load = new Load({ port: mesh.port, host: HOST, perSecond, clock });
    endings.push(() => load.stop());

    const close = async (keepLog: boolean) => {
      keep = keepLog;
      await end();
    };
    return { client, mesh, load, operator, ...files, close };
  } catch (error) {
    await end();
    throw error;
  }
}
