import type { CanaryReleaseObject } from '../../api/index.ts';
import { canaryReleases } from '../../api/resources.ts';
import { sleep } from '../../kube/clock.ts';
import { type Course, courseAfter } from '../../core/course.ts';
import { within } from '../limit.ts';
import { absence, oneName, releaseNamed } from '../releases.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, type Cluster, EXIT, type Shell } from '../shell.ts';
import { statesOf } from '../states.ts';
import { UsageError, period } from '../usage.ts';
import { type ReleaseView, isUnderWay, viewOf } from '../view/release.ts';
import { statusLines } from '../view/status.ts';
import { styleFor } from '../view/style.ts';

const HELP = `kubectl songbird status NAME [options]

One release at a glance: its steps, the split of traffic, what is counted on both sides, and why.

  -w, --watch          draws it anew as it goes, until Ctrl-C
  --wait               waits until the release is over, for pipelines: exit status 0 Healthy, 3 rolled back,
                       4 time-out, 1 where the manifest cannot work
  --timeout PERIOD     of --wait (default 30m)
${CLUSTER_HELP}`;

/** Where nobody says how wide the picture may be. */
const COLUMNS = 80;
/** Times are drawn anew so often (ms). */
const TICK_MS = 1000;

export const status = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: {
      ...CLUSTER_OPTIONS,
      watch: { type: 'boolean', short: 'w', default: false },
      wait: { type: 'boolean', default: false },
      timeout: { type: 'string', default: '30m' },
    },
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const name = oneName(positionals, 'status');
    const timeoutMs = period('timeout', values.timeout);
    if (values.watch && values.wait)
      throw new UsageError('either --watch or --wait: --wait draws as it goes, too');
    const cluster = await shell.connect(values);
    if (values.wait) return waitFor(name, cluster, shell, timeoutMs);
    if (values.watch) return watch(name, cluster, shell);
    const view = viewOf(await releaseNamed(cluster, name));
    for (const line of picture(view, courseAfter(undefined, view.status), shell)) output.print(line);
    return EXIT.done;
  },
);

function picture(view: ReleaseView, course: Course | undefined, { output, clock }: Shell): string[] {
  const columns = Math.max(20, output.columns ?? COLUMNS);
  return statusLines(view, course, { now: clock.now(), columns, style: styleFor(output.color === true) });
}

async function watch(name: string, cluster: Cluster, shell: Shell): Promise<number> {
  const seen: ReleaseView[] = [];
  await follow(name, cluster, shell, shell.stopping, (view) => {
    if (view !== undefined) seen[0] = view;
    return seen.length > 0;
  });
  if (seen.length > 0 || shell.stopping.aborted) return EXIT.done;
  throw new UsageError(await absence(cluster, name));
}

/** How a release ended for a pipeline; undefined while it has not. */
function endOf(view: ReleaseView): number | undefined {
  if (!view.isSeen || isUnderWay(view)) return undefined;
  const { phase, conditions = [] } = view.status;
  if (phase === 'RolledBack') return EXIT.rolledBack;
  // What a person must mend first does not end by waiting.
  if (conditions.some(({ type, status: is }) => type === 'Stalled' && is === 'True')) return EXIT.failed;
  const isReady = conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  return phase === 'Healthy' && isReady ? EXIT.done : undefined;
}

async function waitFor(name: string, cluster: Cluster, shell: Shell, timeoutMs: number): Promise<number> {
  let exit: number | undefined;
  let last: ReleaseView | undefined;
  await within(shell, timeoutMs, (signal) =>
    follow(name, cluster, shell, signal, (view) => {
      if (view === undefined) return true;
      last = view;
      exit = endOf(view);
      return exit === undefined;
    }),
  );
  const sentence = `${name}: ${last?.problems[0]?.message ?? last?.status.message ?? 'not there'}`;
  if (exit === EXIT.done) shell.output.print(sentence);
  else if (exit === undefined) shell.output.complain(`time is over. ${sentence}`);
  else shell.output.complain(sentence);
  return exit ?? EXIT.timeout;
}

/**
 * Draws a release as it goes, and tells of each state, until `goesOn` says no or the signal aborts. Where nobody looks on, a
 * line is printed when its sentence changes.
 */
async function follow(
  name: string,
  { client, namespace }: Cluster,
  shell: Shell,
  signal: AbortSignal,
  goesOn: (view: ReleaseView | undefined) => boolean,
): Promise<void> {
  const { output } = shell;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  let view: ReleaseView | undefined;
  let course: Course | undefined;
  let told: string | undefined;
  const draw = () => {
    if (view === undefined) return;
    if (output.redraw !== undefined) output.redraw(picture(view, course, shell));
    else if (view.status.message !== told) {
      told = view.status.message;
      output.print(`${view.status.phase ?? 'Unseen'}: ${told ?? ''}`);
    }
  };
  const ticking = tick(draw, shell, either);
  try {
    const states = statesOf<CanaryReleaseObject>(client, canaryReleases, { name, namespace }, shell, either);
    for await (const object of states) {
      view = object === undefined ? undefined : viewOf(object);
      if (view !== undefined) course = courseAfter(course, view.status);
      draw();
      if (!goesOn(view)) break;
    }
  } finally {
    over.abort();
    await ticking;
  }
}

async function tick(draw: () => void, { clock, output }: Shell, signal: AbortSignal): Promise<void> {
  if (output.redraw === undefined) return;
  for (;;) {
    await sleep(clock, TICK_MS, signal);
    if (signal.aborted) return;
    draw();
  }
}
