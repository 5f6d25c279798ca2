import {
  type HistoryEntry,
  type MetricStatus,
  type Phase,
  type Step,
  durationMs,
  formatDuration,
  formatPercent,
} from '../../api/index.ts';
import { type Course, sharesBetween } from '../../core/course.ts';
import { type ReleaseView, isUnderWay, revisionText } from './release.ts';
import { bar, sparkline } from './sparkline.ts';
import { type Style, padded, shortened, widthOf, wrapped } from './style.ts';

/** What a picture of a release is drawn with. */
export interface Frame {
  /** The present (ms since the epoch). */
  readonly now: number;
  /** How wide it may be. */
  readonly columns: number;
  readonly style: Style;
}

/** Narrower than this nothing is drawn side by side. */
const WIDE = 64;

/**
 * One release at a glance: where it is, how traffic is split, what is counted on both sides, and why.
 *
 * @param course how it went while somebody watched; nothing of it is drawn where there is but one look
 */
export function statusLines(view: ReleaseView, course: Course | undefined, frame: Frame): string[] {
  return [
    ...heading(view, frame),
    '',
    ...(isUnderWay(view) ? underWay(view, course, frame) : atRest(view, frame)),
    ...(view.problems.length === 0 ? [] : ['', ...problemLines(view, frame)]),
  ];
}

function heading(view: ReleaseView, { columns, style }: Frame): string[] {
  const { name, namespace, status, deleting, isSeen } = view;
  const phase = deleting ? 'Deleting' : (status.phase ?? 'Unseen');
  const left = shortened(`${namespace}/${name}`, columns - widthOf(phase) - 1);
  const lines = [padded(style.bold(left), columns - widthOf(phase)) + phaseStyle(phase, style)(phase)];
  if (!isSeen && !deleting) lines.push(style.warn('the operator has not seen the present manifest yet'));
  return lines;
}

function phaseStyle(phase: Phase | 'Deleting' | 'Unseen', style: Style): Style['good'] {
  switch (phase) {
    case 'Healthy':
      return style.good;
    case 'RollingBack':
    case 'RolledBack':
      return style.bad;
    case 'Paused':
    case 'Deleting':
    case 'Unseen':
      return style.warn;
    case 'Initializing':
    case 'Waiting':
    case 'Progressing':
    case 'Promoting':
      return style.candidate;
  }
}

function underWay(view: ReleaseView, course: Course | undefined, frame: Frame): string[] {
  const { status } = view;
  const { candidateRevision: candidate = '', stableRevision: stable, attempt, message = '' } = status;
  const since = attempt === undefined ? '' : `, for ${ago(attempt.startedAt, frame.now)}`;
  const beside = stable === undefined ? 'the first revision' : `beside ${revisionText(stable, view)}`;
  return [
    ...wrapped(`revision ${candidate} ${beside}${since}`, frame.columns),
    '',
    ...stepLines(view, frame),
    ...trafficLines(view, frame),
    '',
    ...(status.analysis?.metrics ?? []).flatMap((metric) => metricLines(metric, course, frame)),
    ...(status.analysis?.values ?? []).map((value) =>
      shortened(`${verdictMark(value.verdict)} ${value.message}`, frame.columns),
    ),
    '',
    ...wrapped(message, frame.columns),
    ...nextLines(view, frame),
  ];
}

/** The steps in a row: those that are over, the present one with its time, those to come. */
function stepLines({ spec, status }: ReleaseView, { columns, style, now }: Frame): string[] {
  const { step, ending } = status;
  if (spec === undefined || step === undefined) return [];
  if (ending !== undefined) return [style.bad(`taken back: ${ending.reason}`)];
  const words = spec.steps.map((one) => {
    if (one.weight < step.weight) return `${one.weight}% ✔`;
    if (one.weight > step.weight) return `${one.weight}%`;
    return `${one.weight}% ▸${timeOf(one, step.observedAt, now)}`;
  });
  // A step is not broken between its words.
  return wrapped(words.map((word) => word.replaceAll(' ', '\u00a0')).join(' '), columns).map((line) =>
    line.replaceAll(' ', '   ').replaceAll('\u00a0', ' '),
  );
}

function timeOf({ for: dwell }: Step, observedAt: string | undefined, now: number): string {
  if (dwell === undefined) return '';
  const passed = observedAt === undefined ? 0 : Math.max(0, now - Date.parse(observedAt));
  const whole = durationMs(dwell);
  return ` ${seconds(Math.min(passed, whole))} of ${formatDuration(whole)}`;
}

function trafficLines({ status }: ReleaseView, { columns, style }: Frame): string[] {
  const weight = status.step?.observedWeight ?? 0;
  const words = `${weight}% new, ${100 - weight}% stable`;
  const room = columns - LABEL - words.length - 2;
  const picture = room < 10 ? '' : `${style.candidate(bar(weight / 100, Math.min(40, room)))}  `;
  return [`${padded('traffic', LABEL)}${picture}${words}`];
}

const LABEL = 10;
const CURVE = 16;

function metricLines(metric: MetricStatus, course: Course | undefined, frame: Frame): string[] {
  const { columns, style } = frame;
  const { name, candidate, stable, evidence, needed = 2, verdict } = metric;
  const share = ({ all, bad }: { all: number; bad: number }) => (all === 0 ? '–' : formatPercent(bad / all));
  const of = ({ all, bad }: { all: number; bad: number }) => `${rounded(bad)} of ${rounded(all)}`;
  const points = pointsOf(course, name);
  const shares = points.flatMap((point) => [point.candidate ?? 0, point.stable ?? 0]);
  const top = Math.max(0.01, ...shares);
  const curves = points.length > 1 && columns >= WIDE;
  const side = (label: string, counts: { all: number; bad: number }, values: (number | undefined)[]) => {
    const text = `${padded(label, LABEL)}${padded(share(counts), 7)} ${padded(of(counts), 20)}`;
    return curves ? `${text} ${style.dim(sparkline(values, top, CURVE))}` : text.trimEnd();
  };
  const limit = `${odds(evidence)} of ${odds(needed)}`;
  const cells = Math.max(6, Math.min(20, columns - LABEL - limit.length - 4));
  const mark = verdict === 'Fail' ? style.bad : verdict === 'Pass' ? style.good : style.dim;
  return [
    style.bold(name),
    side(
      '  new',
      candidate,
      points.map((point) => point.candidate),
    ),
    side(
      '  stable',
      stable,
      points.map((point) => point.stable),
    ),
    `${padded('  harm', LABEL)}${mark(bar(evidence / needed, cells))} ${limit}`,
  ];
}

/** Evidence (log10 of an e-value) as what a bet against the candidate would have won. */
export function odds(log10: number): string {
  return log10 < 3 ? `${Number((10 ** log10).toPrecision(2))}:1` : `10^${log10.toFixed(0)}:1`;
}

/** Shares of bad events from look to look. */
function pointsOf(course: Course | undefined, name: string): ReturnType<typeof sharesBetween>[] {
  const counts = (course?.points ?? []).flatMap(({ metrics }) => metrics[name] ?? []);
  return counts.map((now, at) => sharesBetween(counts[at - 1], now));
}

/** Counts that were excused or weighed are no whole numbers. */
function rounded(count: number): string {
  return String(Math.round(count));
}

function verdictMark(verdict: MetricStatus['verdict']): string {
  return verdict === 'Pass' ? '✔' : verdict === 'Fail' ? '✘' : '·';
}

/** What comes next, and when at the latest it is decided. */
function nextLines({ spec, status }: ReleaseView, { now, columns, style }: Frame): string[] {
  const { step, ending, paused } = status;
  if (spec === undefined || step === undefined || ending !== undefined) return [];
  if (paused !== undefined)
    return [style.warn(`paused for ${ago(paused.since, now)}; kubectl songbird resume`)];
  const due = Date.parse(step.progressAt) + durationMs(spec.progressDeadline);
  const at = spec.steps.find(({ weight }) => weight === step.weight);
  const dwell = at?.for === undefined || step.observedAt === undefined ? 0 : durationMs(at.for);
  const left = due + dwell - now;
  if (left <= 0) return [];
  return wrapped(`without a verdict given up in ${formatDuration(left)}`, columns).map(style.dim);
}

function atRest(view: ReleaseView, frame: Frame): string[] {
  const { status } = view;
  const { stableRevision: stable, message = '', history = [] } = status;
  const [latest] = history;
  const serving =
    stable === undefined ? 'no revision serves yet' : `revision ${revisionText(stable, view)} serves`;
  return [
    serving,
    ...wrapped(message, frame.columns),
    ...(latest === undefined ? [] : ['', ...wrapped(lastSentence(latest, frame.now), frame.columns)]),
  ];
}

function lastSentence(
  { outcome, revision, finishedAt, requests, failed }: HistoryEntry,
  now: number,
): string {
  const counts = requests === 0 ? '' : `, ${rounded(failed)} of ${rounded(requests)} requests failed`;
  return `last release: ${revision} ${OUTCOMES[outcome]} ${ago(finishedAt, now)} ago${counts}`;
}

export const OUTCOMES: Readonly<Record<HistoryEntry['outcome'], string>> = {
  Initial: 'was the first one',
  Promoted: 'was promoted',
  RolledBack: 'was rolled back',
  Reverted: 'was reverted by its manifest',
  Superseded: 'was replaced by the next one',
};

function problemLines({ problems }: ReleaseView, { columns, style }: Frame): string[] {
  return [
    style.bad('the manifest cannot work:'),
    ...problems.flatMap(({ message }) => wrapped(message, columns - 2).map((line) => `  ${line}`)),
  ];
}

/** How long ago that was: `4m12s`. */
export function ago(time: string, now: number): string {
  return seconds(Math.max(0, now - Date.parse(time)));
}

/** In whole seconds that are over. */
function seconds(ms: number): string {
  return ms < 1000 ? '0s' : formatDuration(Math.floor(ms / 1000) * 1000);
}
