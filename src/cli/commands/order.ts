import { randomBytes } from 'node:crypto';
import { API_VERSION, type Action, type ReleaseCommand } from '../../api/index.ts';
import { releaseCommands } from '../../api/resources.ts';
import { whoAmI } from '../../kube/who.ts';
import { within } from '../limit.ts';
import { ORDERS, type OrderWord } from '../orders.ts';
import { oneName, releaseNamed } from '../releases.ts';
import { type Command, commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, type Cluster, EXIT, type Shell } from '../shell.ts';
import { statesOf } from '../states.ts';
import { UsageError, period } from '../usage.ts';
import { type ReleaseView, viewOf } from '../view/release.ts';

/** What an order is about. @throws UsageError where there is nothing that it could be about */
type About = (view: ReleaseView, revision: string | undefined) => Ordered;

/** What is ordered of which revision. */
interface Ordered {
  readonly action: Action;
  readonly revision: string;
}

const OF_CANDIDATE =
  (action: Action): About =>
  ({ name, status }, revision = status.candidateRevision) => {
    if (revision !== undefined) return { action, revision };
    throw new UsageError(
      `no release of ${name} is in progress: ${status.message ?? 'the operator has not seen it'}`,
    );
  };

const ABOUT: Readonly<Record<OrderWord, About>> = {
  pause: OF_CANDIDATE('pause'),
  resume: OF_CANDIDATE('resume'),
  promote: OF_CANDIDATE('promote'),
  abort: OF_CANDIDATE('abort'),
  retry: ({ name, status }, revision = status.rejected?.revision) => {
    if (revision !== undefined) return { action: 'retry', revision };
    throw new UsageError(`no revision of ${name} was rolled back`);
  },
  'rollback-to': (view, revision) => ({ action: 'rollbackTo', revision: earlier(view, revision) }),
};

/** One of those whose Deployments are still there, by the beginning of its name. */
function earlier({ name, status }: ReleaseView, wanted: string | undefined): string {
  const known = (status.retired ?? []).map(({ revision }) => revision);
  const there = known.length === 0 ? `${name} has none` : `${name} has ${known.join(', ')}`;
  if (wanted === undefined)
    throw new UsageError(`to which revision? kubectl songbird rollback-to ${name} REVISION; ${there}`);
  const found = known.filter((revision) => revision.startsWith(wanted));
  const [revision, ...others] = found;
  if (revision === undefined) throw new UsageError(`there is no earlier revision ${wanted}: ${there}`);
  if (others.length > 0) throw new UsageError(`${wanted} may be ${found.join(' or ')}: give more of it`);
  return revision;
}

function helpOf(word: OrderWord): string {
  const summary = ORDERS[word];
  const revision = word === 'rollback-to' ? ' REVISION' : '';
  const option =
    word === 'rollback-to'
      ? ''
      : '  --revision REV       only if it is this one (default: the one that it is about)\n';
  const full =
    word === 'promote'
      ? '  --full               all steps that remain pass, and nothing is analysed any more\n'
      : '';
  return `kubectl songbird ${word} NAME${revision} [options]

${summary.charAt(0).toUpperCase()}${summary.slice(1)}. Makes a ReleaseCommand, and waits until it is executed (exit status 0) or refused (1).

${full}${option}  --no-wait            does not wait
  --timeout PERIOD     waits no longer (default 30s), exit status 4
${CLUSTER_HELP}`;
}

/** The command that gives this order. */
export function ordering(word: OrderWord): Command {
  return commandOf(
    helpOf(word),
    {
      allowPositionals: true,
      options: {
        ...CLUSTER_OPTIONS,
        full: { type: 'boolean', default: false },
        revision: { type: 'string' },
        'no-wait': { type: 'boolean', default: false },
        timeout: { type: 'string', default: '30s' },
      },
    },
    async ({ values, positionals }, shell) => {
      if (values.full && word !== 'promote') throw new UsageError(`--full is for promote, not for ${word}`);
      const [named, ...rest] = positionals;
      const takesRevision = word === 'rollback-to';
      const name = oneName(
        takesRevision && named !== undefined ? [named, ...rest.slice(1)] : positionals,
        word,
      );
      const timeoutMs = period('timeout', values.timeout);
      const cluster = await shell.connect(values);
      const [release, by] = await Promise.all([releaseNamed(cluster, name), whoAmI(cluster.client)]);
      const view = viewOf(release);
      const { action, revision } = ABOUT[word](view, takesRevision ? rest[0] : values.revision);
      const made = await make(cluster, name, { action: values.full ? 'promoteFull' : action, revision, by });
      if (!values['no-wait']) return outcomeOf(made, cluster, shell, timeoutMs);
      shell.output.print(`releasecommand.songbird.dev/${made.metadata.name} created`);
      return EXIT.done;
    },
  );
}

async function make(
  { client, namespace }: Cluster,
  release: string,
  { action, revision, by }: Ordered & { readonly by: string | undefined },
): Promise<ReleaseCommand> {
  const suffix = randomBytes(4).toString('hex');
  const name = `${release.slice(0, 200)}-${action.toLowerCase()}-${suffix}`;
  const command = {
    apiVersion: API_VERSION,
    kind: 'ReleaseCommand',
    metadata: { name, namespace },
    spec: { release, revision, action, ...(by === undefined ? {} : { by: by.slice(0, 256) }) },
  };
  // Defaults are the API server's to fill in.
  return client.create<ReleaseCommand>(releaseCommands, command as ReleaseCommand);
}

async function outcomeOf(
  { metadata: { name } }: ReleaseCommand,
  cluster: Cluster,
  shell: Shell,
  timeoutMs: number,
): Promise<number> {
  const exit = await within(shell, timeoutMs, (signal) => handling(name, cluster, shell, signal));
  if (exit !== undefined) return exit;
  shell.output.complain(
    `nobody has handled ${name} within ${shell.stopping.aborted ? 'the time that it had' : `${timeoutMs / 1000} s`}: it stays, and is executed once the operator sees it; kubectl delete releasecommand ${name} takes it back; is the operator running? kubectl songbird doctor`,
  );
  return EXIT.timeout;
}

/** The exit status once a command was handled; undefined when the signal aborts before. */
async function handling(
  name: string,
  { client, namespace }: Cluster,
  shell: Shell,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { output } = shell;
  const states = statesOf<ReleaseCommand>(client, releaseCommands, { name, namespace }, shell, signal);
  for await (const command of states) {
    const { phase, message = '' } = command?.status ?? {};
    if (phase === undefined && command !== undefined) continue;
    if (command === undefined) output.complain(`${name} was deleted before it was handled`);
    else if (phase === 'Executed') output.print(message);
    else output.complain(`refused: ${message}`);
    return phase === 'Executed' ? EXIT.done : EXIT.failed;
  }
  return undefined;
}
