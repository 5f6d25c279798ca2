import type { CanaryReleaseStatus, MetricStatus } from '../../api/index.ts';
import { formatPercent } from '../../api/index.ts';
import { oneName, releaseNamed } from '../releases.ts';
import { commandOf } from '../command.ts';
import { CLUSTER_HELP, CLUSTER_OPTIONS, type Cluster, EXIT } from '../shell.ts';
import { events } from '../../kube/well-known.ts';
import { type ReadEvent, eventTimeOf } from '../../kube/event-time.ts';
import { type ReleaseView, isUnderWay, viewOf } from '../view/release.ts';
import { ago, odds } from '../view/status.ts';
import { type Style, styleFor, wrapped } from '../view/style.ts';

const HELP = `kubectl songbird why NAME [options]

Why a release is where it is: the verdict in numbers, what happened last, and what to do about it.

${CLUSTER_HELP}`;

const COLUMNS = 100;
/** Events that are shown. */
const SHOWN = 8;

export const why = commandOf(
  HELP,
  {
    allowPositionals: true,
    options: CLUSTER_OPTIONS,
  },
  async ({ values, positionals }, shell) => {
    const { output } = shell;
    const name = oneName(positionals, 'why');
    const cluster = await shell.connect(values);
    const view = viewOf(await releaseNamed(cluster, name));
    const told = await eventsOf(cluster, name);
    const width = Math.min(COLUMNS, output.columns ?? COLUMNS);
    const style = styleFor(output.color === true);
    const paragraphs = [
      wrapped(sentenceOf(view, shell.clock.now()), width),
      ...(view.status.analysis?.metrics ?? []).map((metric) => metricLines(metric, width, style)),
      (view.status.analysis?.values ?? []).flatMap(({ message }) => wrapped(message, width)),
      eventLines(told, shell.clock.now(), width, style),
      wrapped(adviceFor(view), width),
    ];
    paragraphs
      .filter((lines) => lines.length > 0)
      .forEach((lines, index) => {
        if (index > 0) output.print('');
        for (const line of lines) output.print(line);
      });
    return EXIT.done;
  },
);

/** What is so, and since when. */
function sentenceOf(view: ReleaseView, now: number): string {
  const { name, status, problems, isSeen } = view;
  const [problem] = problems;
  if (problem !== undefined) return `The manifest of ${name} cannot work: ${problem.message}`;
  if (!isSeen) return `The operator has not seen the present manifest of ${name} yet.`;
  const { rejected, phase = 'Unseen', message = '', candidateRevision: candidate = '', attempt } = status;
  if (phase === 'RolledBack' && rejected !== undefined)
    return `Revision ${rejected.revision} of ${name} was rolled back ${ago(rejected.at, now)} ago (${rejected.reason}): ${rejected.message}.`;
  if (!isUnderWay(view)) return `${name} is ${phase}: ${message}.`;
  const since = attempt === undefined ? '' : `, ${ago(attempt.startedAt, now)} after its release began`;
  return `Revision ${candidate} of ${name} is ${phase}${since}: ${message}.`;
}

function metricLines(metric: MetricStatus, width: number, style: Style): string[] {
  const { name, verdict, message, candidate, stable, ratio, evidence, needed = 2, dispersion = 1 } = metric;
  const paint = verdict === 'Fail' ? style.bad : verdict === 'Pass' ? style.good : style.dim;
  const share = ({ all, bad }: { all: number; bad: number }) =>
    `${Math.round(bad)} of ${Math.round(all)}${all === 0 ? '' : ` (${formatPercent(bad / all)})`}`;
  const lines = [
    `${share(candidate)} on the candidate, ${share(stable)} on stable`,
    ...(ratio === undefined || isUnknown(ratio) ? [] : [ratioText(ratio)]),
    `evidence of harm: ${odds(evidence)}; a rollback takes ${odds(needed)}`,
    ...(dispersion > 1.05
      ? [`bad events come about ${dispersion.toFixed(1)} at a time, and count once`]
      : []),
    message,
  ];
  return [
    `${style.bold(name)}: ${paint(verdict)}`,
    ...lines.flatMap((line) => wrapped(line, width - 2)).map((line) => `  ${line}`),
  ];
}

function ratioText({ estimate, atLeast, atMost }: NonNullable<MetricStatus['ratio']>): string {
  const end = atMost === undefined ? 'or anything more' : `to ${atMost}`;
  const likely = estimate === undefined ? '' : `likeliest ${estimate}, surely `;
  return `times as often as on stable: ${likely}${atLeast} ${end}`;
}

/** Nothing is known while it may be anything. */
function isUnknown({ atLeast, atMost }: NonNullable<MetricStatus['ratio']>): boolean {
  return atLeast === 0 && atMost === undefined;
}

async function eventsOf({ client, namespace }: Cluster, name: string): Promise<ReadEvent[]> {
  const fieldSelector = `regarding.kind=CanaryRelease,regarding.name=${name}`;
  const { items } = await client.list<ReadEvent>(events, { namespace, fieldSelector });
  return items.sort((a, b) => eventTimeOf(a).localeCompare(eventTimeOf(b))).slice(-SHOWN);
}

function eventLines(told: readonly ReadEvent[], now: number, width: number, style: Style): string[] {
  if (told.length === 0) return [];
  const lines = told.flatMap((event) => {
    const often = event.series === undefined ? '' : ` (${event.series.count} times)`;
    const text = `${ago(eventTimeOf(event), now)} ago  ${event.reason ?? ''}: ${event.note ?? ''}${often}`;
    const paint = event.type === 'Warning' ? style.warn : (line: string) => line;
    return wrapped(text, width - 2).map((line, at) => `${at === 0 ? '  ' : '    '}${paint(line)}`);
  });
  return [style.bold('What happened'), ...lines];
}

/** What a person can do now. */
function adviceFor({ name, namespace, status, problems }: ReleaseView): string {
  const order = (word: string) => `kubectl songbird ${word} ${name} -n ${namespace}`;
  if (problems.length > 0)
    return 'Mend the manifest and apply it; kubectl songbird lint -f FILE says before what is wrong.';
  return ADVICE[status.phase ?? 'Initializing'](order, status);
}

type Advice = (order: (word: string) => string, status: CanaryReleaseStatus) => string;

const ADVICE: Readonly<Record<NonNullable<CanaryReleaseStatus['phase']>, Advice>> = {
  Initializing: () => '',
  Healthy: () => '',
  Waiting: () => '',
  Progressing: (order) => `To take it back: ${order('abort')}. To hold it: ${order('pause')}.`,
  Promoting: (order) => `To take it back: ${order('abort')}.`,
  Paused: (order) => `To go on: ${order('resume')}. To take it back: ${order('abort')}.`,
  RollingBack: () => 'Nothing is to be done: traffic goes back by itself.',
  RolledBack: (order) =>
    `The stable version serves. Mend the new one and apply it: that is a release of its own. The same one again: ${order('retry')}.`,
};
