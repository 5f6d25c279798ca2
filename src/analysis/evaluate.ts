import type { AnalysisSpec, AnalysisStatus, MetricStatus, Verdict } from '../api/index.ts';
import { durationMs, formatPercent, proportion } from '../api/index.ts';
import { ALPHA, evidenceAbove } from './limit.ts';
import type { Counts, EventMetric, Interval, Reading } from './telemetry.ts';

/** A metric of which the release gives the queries: bad events among all, whatever they are. */
export interface QueriedMetric {
  readonly name: string;
  readonly kind: 'queried';
}

/** An event metric with the largest share of bad events that it allows (0–1). */
export type LimitedMetric = (EventMetric | QueriedMetric) & { readonly limit: number };

const NONE: Counts = { all: 0, bad: 0 };

/**
 * The event metrics that an analysis asks for. A limit of a latency quantile is a limit of slow requests: p99 ≤ 500 ms
 * says that at most 1% take longer than 500 ms.
 */
export function eventMetrics(spec: AnalysisSpec): (EventMetric & { readonly limit: number })[] {
  const metrics: (EventMetric & { readonly limit: number })[] = [];
  if (spec.errorRate !== undefined) {
    metrics.push({ name: 'errors', kind: 'errors', limit: proportion(spec.errorRate.max) });
  }
  for (const [quantile, bound] of Object.entries(spec.latency ?? {})) {
    if (bound === undefined) continue;
    const limit = (100 - Number(quantile.slice(1))) / 100;
    metrics.push({ name: `latency-${quantile}`, kind: 'slow', slowerThanMs: durationMs(bound), limit });
  }
  return metrics;
}

export interface Evaluation {
  readonly spec: AnalysisSpec;
  /** What is counted; the built-in metrics of the analysis when left out. */
  readonly metrics?: readonly LimitedMetric[] | undefined;
  /** How many metrics of the release share its error budget; as many as are counted here when left out. */
  readonly tests?: number | undefined;
  readonly candidate: string;
  readonly stable: string;
  /** What status holds, of the same release. */
  readonly previous: AnalysisStatus | undefined;
  /** When the present weight was observed; undefined while it is not (RFC 3339). */
  readonly windowFrom: string | undefined;
  readonly reading: Extract<Reading, { ok: true }>;
  /** Where the counts begin when there are none before (ms since the epoch). */
  readonly from: number;
}

/** Adds what was read to what status holds, and judges it. */
export function evaluate(input: Evaluation): AnalysisStatus {
  const { spec, candidate, reading, windowFrom, metrics: limits = eventMetrics(spec) } = input;
  const previous = input.previous?.revision === candidate ? input.previous : undefined;
  const tests = input.tests ?? limits.length;
  const metrics = limits.map((metric) => judge(metric, tests, previous, input));
  const through = Math.max(...reading.intervals.map(({ to }) => to), timeOf(previous?.through) ?? input.from);
  const complete = Math.max(reading.completeThrough[candidate] ?? 0, timeOf(previous?.completeThrough) ?? 0);
  const verdict = overall(metrics);
  const decisive = metrics.filter((metric) => metric.verdict === verdict).map(({ message }) => message);
  return {
    revision: candidate,
    ...(windowFrom === undefined ? {} : { windowFrom }),
    through: new Date(through).toISOString(),
    ...(complete === 0 ? {} : { completeThrough: new Date(complete).toISOString() }),
    verdict,
    message: [...decisive, ...(reading.warning === undefined ? [] : [reading.warning])].join('; '),
    metrics,
  };
}

function overall(metrics: readonly MetricStatus[]): Verdict {
  if (metrics.some(({ verdict }) => verdict === 'Fail')) return 'Fail';
  return metrics.every(({ verdict }) => verdict === 'Pass') ? 'Pass' : 'Inconclusive';
}

function judge(
  metric: LimitedMetric,
  metricCount: number,
  previous: AnalysisStatus | undefined,
  { spec, candidate, stable, windowFrom, reading }: Evaluation,
): MetricStatus {
  const old = previous?.metrics.find(({ name }) => name === metric.name);
  const sameWindow = windowFrom !== undefined && previous?.windowFrom === windowFrom;
  const opened = timeOf(windowFrom) ?? Infinity;
  const sum = (start: Counts | undefined, revision: string, notBefore: number) =>
    reading.intervals
      .filter((interval) => (interval.since[revision] ?? interval.from) >= notBefore)
      .reduce((total, interval) => add(total, countsOf(interval, revision, metric.name)), start ?? NONE);
  const counts = {
    candidate: sum(old?.candidate, candidate, 0),
    stable: sum(old?.stable, stable, 0),
    window: sum(sameWindow ? old?.window : undefined, candidate, opened),
  };
  const evidence = evidenceAbove(counts.candidate, metric.limit);
  const needed = Math.log10(metricCount / ALPHA);
  const verdict = verdictOf(counts.window, metric.limit, spec.minRequests, evidence, needed);
  return {
    name: metric.name,
    limit: metric.limit,
    verdict,
    message: sentence(metric, verdict, counts, { minRequests: spec.minRequests, evidence, needed }),
    ...counts,
    evidence: round(evidence),
  };
}

/**
 * Fail by evidence over the whole release, at any number of requests; Pass by what was served at this weight, once it
 * was enough. Above the limit without proof is neither.
 */
function verdictOf(
  window: Counts,
  limit: number,
  minRequests: number,
  evidence: number,
  needed: number,
): Verdict {
  if (evidence >= needed) return 'Fail';
  return window.all >= minRequests && window.bad <= limit * window.all ? 'Pass' : 'Inconclusive';
}

function sentence(
  metric: LimitedMetric,
  verdict: Verdict,
  counts: { candidate: Counts; stable: Counts; window: Counts },
  { minRequests, evidence, needed }: { minRequests: number; evidence: number; needed: number },
): string {
  const what = metric.kind === 'slow' ? `slower than ${metric.slowerThanMs} ms` : metric.name;
  const limit = formatPercent(metric.limit);
  switch (verdict) {
    case 'Fail':
      return (
        `${what}: ${share(counts.candidate)} on the candidate, ${share(counts.stable)} on stable; ` +
        `limit ${limit}, evidence ${power(evidence)} passed ${power(needed)}`
      );
    case 'Pass':
      return `${what}: ${share(counts.window)} on the candidate, within the limit of ${limit}`;
    case 'Inconclusive':
      return counts.window.all < minRequests
        ? `${what}: ${Math.round(counts.window.all)} of the ${minRequests} requests that a verdict needs`
        : `${what}: ${share(counts.window)} on the candidate, over the limit of ${limit}, but evidence ${power(evidence)} is below ${power(needed)}`;
  }
}

function share({ all, bad }: Counts): string {
  const percent = all > 0 ? ` (${formatPercent(bad / all)})` : '';
  return `${Math.round(bad)} of ${Math.round(all)}${percent}`;
}

/** Writes a log10 as the number that it stands for: `12`, `200`, `2.1e5`. */
function power(log10: number): string {
  if (log10 >= MOST_READABLE_LOG10) return `10^${Math.round(log10)}`;
  const value = 10 ** log10;
  return value < 10_000 ? String(Number(value.toPrecision(2))) : value.toExponential(1).replace('e+', 'e');
}

const MOST_READABLE_LOG10 = 15;

function countsOf(interval: Interval, revision: string, metric: string): Counts {
  return interval.counts[revision]?.[metric] ?? NONE;
}

function add(a: Counts, b: Counts): Counts {
  return { all: a.all + b.all, bad: a.bad + b.bad };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
