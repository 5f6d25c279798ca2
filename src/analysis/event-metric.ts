import type { AnalysisSpec, MetricStatus } from '../api/index.ts';
import { durationMs, proportion } from '../api/index.ts';
import { add, NONE, within } from './counts.ts';
import type { RatioEstimate } from './estimate.ts';
import type { EventInterval } from './evidence.ts';
import { addInterval } from './evidence.ts';
import type { Window } from './excuse.ts';
import { judge } from './judge.ts';
import { isAbout, recall, remember } from './memory.ts';
import type { Memory } from './memory.ts';
import { defaultSettings } from './settings.ts';
import type { EventSettings } from './settings.ts';
import type { Counts, EventMetric, Interval } from './telemetry.ts';

/** A metric of which the release gives the queries: bad events among all, whatever they are. */
export interface QueriedMetric {
  readonly name: string;
  readonly kind: 'queried';
  /** Changes with its queries. */
  readonly definition?: string | undefined;
}

/** A metric of `spec.analysis` itself. */
export type BuiltInMetric =
  | (Extract<EventMetric, { kind: 'errors' }> & { readonly limit?: number })
  | (Extract<EventMetric, { kind: 'slow' }> & { readonly limit: number });

/** An event metric with the largest share of bad events that it allows (0–1); without, no more than stable has. */
export type JudgedMetric = (EventMetric | QueriedMetric) & { readonly limit?: number | undefined };

/**
 * The event metrics that an analysis asks for. A limit of a latency quantile is a limit of slow requests: p99 ≤ 500 ms
 * says that at most 1% take longer than 500 ms.
 */
export function eventMetrics(spec: AnalysisSpec): BuiltInMetric[] {
  const metrics: BuiltInMetric[] = [];
  if (spec.errorRate !== undefined) {
    const { max } = spec.errorRate;
    metrics.push({
      name: 'errors',
      kind: 'errors',
      ...(max === undefined ? {} : { limit: proportion(max) }),
    });
  }
  for (const [quantile, bound] of Object.entries(spec.latency ?? {})) {
    if (bound === undefined) continue;
    const limit = (100 - Number(quantile.slice(1))) / 100;
    metrics.push({ name: `latency-${quantile}`, kind: 'slow', slowerThanMs: durationMs(bound), limit });
  }
  return metrics;
}

/** What an event metric is judged in. */
export interface Course {
  readonly spec: AnalysisSpec;
  /** How many metrics share the error budget of the release. */
  readonly tests: number;
  /** Of the time for which a step may be held without a verdict, the share that is over (0–1). */
  readonly held: number;
  readonly candidate: string;
  readonly stable: string;
  /** When the present weight was observed (ms since the epoch); undefined while it is not. */
  readonly windowFrom: number | undefined;
  /** True when what was counted before belongs to the same window. */
  readonly sameWindow: boolean;
  /** True when the routes give stable nothing at the present weight. */
  readonly alone: boolean;
  readonly intervals: readonly Interval[];
}

/** Adds intervals to what status holds of a metric, and judges it. */
export function judgeEvents(
  metric: JudgedMetric,
  known: MetricStatus | undefined,
  course: Course,
): MetricStatus {
  const counts = countedBy(metric);
  const old = isAbout(known?.state, counts) ? known : undefined;
  const settings = settingsOf(metric, course);
  const before = recall(old?.state, { candidate: old?.candidate ?? NONE, stable: old?.stable ?? NONE });
  const { evidence, windowFrom, all, bad, excused } = addAll(metric, before, old, course, settings);
  const what = metric.kind === 'slow' ? `slower than ${metric.slowerThanMs} ms` : metric.name;
  const judged = judge(what, evidence, { all, bad, excused }, settings);
  return {
    name: metric.name,
    ...(metric.limit === undefined ? {} : { limit: metric.limit }),
    verdict: judged.verdict,
    message: judged.message,
    candidate: evidence.candidate,
    stable: evidence.stable,
    window: { all, bad },
    ...(excused === undefined ? {} : { excused }),
    evidence: round(judged.evidence),
    needed: round(judged.needed),
    ratio: ratioOf(judged),
    dispersion: round(judged.dispersion),
    ...(judged.harmless ? { harmless: true } : {}),
    state: remember({ evidence, windowFrom }, counts),
  };
}

/** What a metric counts, limits aside: when this changes in mid-release, what was counted before is about something else. */
function countedBy(metric: JudgedMetric): string {
  if (metric.kind === 'slow') return `slower than ${metric.slowerThanMs} ms`;
  return metric.kind === 'queried' ? (metric.definition ?? 'queried') : metric.kind;
}

/** How this metric is judged in a release. */
export function settingsOf(
  metric: JudgedMetric,
  { spec, tests, held }: Pick<Course, 'spec' | 'tests' | 'held'>,
): EventSettings {
  const settings = defaultSettings(metric.kind === 'slow' ? 'slow' : 'errors');
  return {
    ...settings,
    alpha: proportion(spec.falseRollbacks),
    tests,
    tolerance: proportion(spec.tolerance),
    limit: metric.limit,
    warmUp: { ...settings.warmUp, seconds: durationMs(spec.warmUp) / 2000 },
    minRequests: spec.minRequests,
    early: spec.advance === 'onEvidence',
    held,
  };
}

/** Adds the intervals to the evidence and to the window: to that none that may have happened before it. */
function addAll(
  { name }: JudgedMetric,
  before: Memory,
  old: MetricStatus | undefined,
  { candidate, stable, windowFrom, sameWindow, alone, intervals }: Course,
  settings: EventSettings,
): Memory & Window {
  let { evidence } = before;
  let latest = before.windowFrom;
  let window = sameWindow ? (old?.window ?? NONE) : NONE;
  let excused = sameWindow ? old?.excused : undefined;
  for (const interval of intervals) {
    const isMixed = windowFrom !== undefined && !isWithin(interval, windowFrom, candidate, stable);
    // Windows open when weights change: what came before cannot be compared with what comes after.
    const fresh = windowFrom !== undefined && windowFrom !== latest && !isMixed;
    const events = {
      candidate: countsOf(interval, candidate, name),
      stable: countsOf(interval, stable, name),
      seconds: (interval.to - interval.from) / 1000,
      pods: podsOf(interval, candidate, stable, name),
      fresh,
      before: isMixed,
      lumps: lumpOf(interval, candidate, stable),
      alone: alone && windowFrom !== undefined && !isMixed,
    };
    evidence = addInterval(evidence, events, settings);
    if (fresh) latest = windowFrom;
    if (windowFrom === undefined || !isWithin(interval, windowFrom, candidate)) continue;
    window = add(window, events.candidate);
    // Lumps may have waited since before the window.
    if (evidence.excused.all > 0) excused = within(add(excused ?? NONE, evidence.excused), window);
  }
  return { evidence, windowFrom: latest, ...window, excused };
}

/** How long the time is of which an interval tells, where some of it lies before it (seconds). */
function lumpOf({ from, to, since }: Interval, ...revisions: readonly string[]): number | undefined {
  const earliest = Math.min(...revisions.map((revision) => since[revision] ?? from));
  return earliest < from ? (to - earliest) / 1000 : undefined;
}

/** True when none of the events of these revisions may have happened before. */
function isWithin({ from, since }: Interval, windowFrom: number, ...revisions: readonly string[]): boolean {
  return revisions.every((revision) => (since[revision] ?? from) >= windowFrom);
}

function podsOf(
  { pods }: Interval,
  candidate: string,
  stable: string,
  metric: string,
): EventInterval['pods'] {
  if (pods === undefined) return undefined;
  const side = (revision: string) =>
    Object.fromEntries(Object.entries(pods[revision] ?? {}).map(([pod, own]) => [pod, own[metric] ?? NONE]));
  return { candidate: side(candidate), stable: side(stable) };
}

function countsOf(interval: Interval, revision: string, metric: string): Counts {
  return interval.counts[revision]?.[metric] ?? NONE;
}

function ratioOf({ ratio, atLeast, atMost }: RatioEstimate): NonNullable<MetricStatus['ratio']> {
  return {
    ...(ratio === undefined ? {} : { estimate: round(ratio) }),
    atLeast: round(atLeast),
    ...(atMost === undefined ? {} : { atMost: round(atMost) }),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
