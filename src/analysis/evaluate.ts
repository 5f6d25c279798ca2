import type { AnalysisSpec, AnalysisStatus, MetricStatus, Verdict } from '../api/index.ts';
import { eventMetrics, judgeEvents } from './event-metric.ts';
import type { JudgedMetric } from './event-metric.ts';
import type { Reading } from './telemetry.ts';

export interface Evaluation {
  readonly spec: AnalysisSpec;
  /** What is counted; the built-in metrics of the analysis when left out. */
  readonly metrics?: readonly JudgedMetric[] | undefined;
  /** How many metrics of the release share its error budget; as many as are counted here when left out. */
  readonly tests?: number | undefined;
  readonly candidate: string;
  readonly stable: string;
  /** What status holds, of the same release. */
  readonly previous: AnalysisStatus | undefined;
  /** When the present weight was observed; undefined while it is not (RFC 3339). */
  readonly windowFrom: string | undefined;
  /** True when the routes give stable nothing at the present weight; false when left out. */
  readonly alone?: boolean | undefined;
  /** Of the time for which a step may be held without a verdict, the share that is over (0–1); all when left out. */
  readonly held?: number | undefined;
  readonly reading: Extract<Reading, { ok: true }>;
  /** Where the counts begin when there are none before (ms since the epoch). */
  readonly from: number;
}

/** Adds what was read to what status holds, and judges it. */
export function evaluate(input: Evaluation): AnalysisStatus {
  const { spec, candidate, stable, reading, windowFrom, metrics: judged = eventMetrics(spec) } = input;
  const previous = input.previous?.revision === candidate ? input.previous : undefined;
  const sameWindow = windowFrom !== undefined && previous?.windowFrom === windowFrom;
  const course = {
    spec,
    tests: input.tests ?? judged.length,
    held: input.held ?? 1,
    candidate,
    stable,
    windowFrom: timeOf(windowFrom),
    sameWindow,
    alone: input.alone ?? false,
    intervals: reading.intervals,
  };
  const metrics = judged.map((metric) =>
    judgeEvents(
      metric,
      previous?.metrics.find(({ name }) => name === metric.name),
      course,
    ),
  );
  const through = Math.max(...reading.intervals.map(({ to }) => to), timeOf(previous?.through) ?? input.from);
  const uncounted = uncountedMs(input, previous, sameWindow, through);
  const verdict = overall(metrics);
  const decisive = metrics.filter((metric) => metric.verdict === verdict).map(({ message }) => message);
  return {
    revision: candidate,
    ...(windowFrom === undefined ? {} : { windowFrom }),
    ...(uncounted === 0 ? {} : { uncountedMs: uncounted }),
    through: new Date(through).toISOString(),
    ...laterOf('completeThrough', reading.completeThrough[candidate], previous?.completeThrough),
    ...laterOf('stableThrough', reading.completeThrough[stable], previous?.stableThrough),
    verdict,
    message: [...decisive, ...(reading.warning === undefined ? [] : [reading.warning])].join('; '),
    metrics,
  };
}

function overall(metrics: readonly MetricStatus[]): Verdict {
  if (metrics.some(({ verdict }) => verdict === 'Fail')) return 'Fail';
  return metrics.every(({ verdict }) => verdict === 'Pass') ? 'Pass' : 'Inconclusive';
}

/**
 * How much of the window nobody has counted (ms): from where the data were complete the last time to where a source that
 * had to begin anew has them complete again.
 */
function uncountedMs(
  { candidate, windowFrom, reading }: Evaluation,
  previous: AnalysisStatus | undefined,
  sameWindow: boolean,
  through: number,
): number {
  const opened = timeOf(windowFrom);
  if (opened === undefined) return 0;
  const before = sameWindow ? (previous?.uncountedMs ?? 0) : 0;
  const known = Math.max(opened, timeOf(previous?.completeThrough) ?? 0);
  const again = reading.completeFrom?.[candidate] ?? 0;
  const uncounted = before + Math.max(0, again - known);
  // More than all of the window is from a clock that was ahead and has been set back. Who has only begun again has no interval
  // yet. A source may tell times more finely than a status does, which the API server would refuse.
  const latest = Math.max(through, again);
  return Math.round(Math.min(uncounted, Math.max(0, latest - opened)));
}

/** Data that were complete once stay so. */
function laterOf(
  field: 'completeThrough' | 'stableThrough',
  now: number | undefined,
  before: string | undefined,
): Pick<AnalysisStatus, 'completeThrough' | 'stableThrough'> {
  const latest = Math.max(now ?? 0, timeOf(before) ?? 0);
  return latest === 0 ? {} : { [field]: new Date(latest).toISOString() };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
