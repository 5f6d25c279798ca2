import { eventMetrics } from '../analysis/event-metric.ts';
import type { CanaryReleaseSpec } from '../api/index.ts';
import { Dice } from '../simulator/dice.ts';
import { type Life, playLife } from '../simulator/life.ts';
import type { Requests } from '../simulator/traffic.ts';
import { UsageError } from './usage.ts';

/** How often something happened, with the 95% interval of its probability (0–1; Wilson 1927). */
export interface Frequency {
  readonly count: number;
  readonly of: number;
  readonly low: number;
  readonly high: number;
}

/** What becomes of one kind of version over many releases. Times in seconds; undefined where nothing came to it. */
export interface Outcomes {
  readonly runs: number;
  readonly promoted: Frequency;
  /** By the analysis, as failed. */
  readonly rolledBack: Frequency;
  /** Neither passed nor failed at a deadline: taken back, or paused. */
  readonly undecided: Frequency;
  /** Undecided ones that wait for a person (`onInconclusive: pause`). */
  readonly paused: Frequency;
  /** How many releases passed each weight, and when half of these had (seconds since the beginning). */
  readonly steps: readonly {
    readonly weight: number;
    readonly passed: number;
    readonly passedAfter: number | undefined;
  }[];
  readonly promotedAfter: number | undefined;
  readonly rolledBackAfter: { readonly p50: number; readonly p95: number } | undefined;
  readonly requests: { readonly mean: number; readonly p95: number };
  /** Bad events by metric, in the mean. */
  readonly bad: Readonly<Record<string, number>>;
  /** A sentence of one of its rollbacks, or of one that stayed undecided. */
  readonly example: string | undefined;
}

/** What of a manifest is played. */
export interface Playable {
  /** Pauses are resumed at once, there are pods, and nothing is asked that nobody knows. */
  readonly spec: CanaryReleaseSpec;
  /** How many metrics of the manifest share its error budget. */
  readonly tests: number;
  /** Parts of the analysis that ask more than requests: metrics of its own, and templates. */
  readonly beyond: readonly string[];
  /** Metrics of a latency that is not known. */
  readonly unknown: readonly string[];
}

/**
 * The manifest as it can be played.
 * @param knowsLatency whether it is known how long requests take today
 * @throws UsageError where nothing is left of its analysis
 */
export function playable(manifest: CanaryReleaseSpec, knowsLatency: boolean): Playable {
  const { templates = [], metrics = [] } = manifest.analysis;
  const beyond = [
    ...templates.map(({ kind, name }) => `${kind} ${name}`),
    ...metrics.map(({ name }) => `metric ${name}`),
  ];
  const all = eventMetrics(manifest.analysis);
  const { latency, ...rest } = manifest.analysis;
  const analysis = knowsLatency ? manifest.analysis : rest;
  const played = eventMetrics(analysis);
  const unknown = all.map(({ name }) => name).filter((name) => !played.some((other) => other.name === name));
  if (played.length === 0) throw new UsageError(nothingLeft(beyond, unknown));
  const steps = manifest.steps.map(({ pause, ...step }) => step);
  const spec = { ...manifest, analysis, steps, replicas: Math.max(1, manifest.replicas) };
  return { spec, tests: all.length, beyond, unknown };
}

const GIVE_LATENCY = 'give --latency P50/P99, such as --latency 40ms/300ms';

function nothingLeft(beyond: readonly string[], unknown: readonly string[]): string {
  return unknown.length > 0
    ? `only ${unknown.join(', ')} can be played of this analysis, and it is not known how long requests take today: ${GIVE_LATENCY}`
    : `only analysis.errorRate and analysis.latency can be played, and this release has neither: what ${beyond.join(', ')} would say nobody knows beforehand`;
}

/** The parts of an analysis that are not played. */
export function notPlayed({ beyond, unknown }: Playable): string[] {
  return [...beyond, ...unknown];
}

/** The same in sentences. */
export function notPlayedSentences({ beyond, unknown }: Playable): string[] {
  return [
    ...(beyond.length === 0
      ? []
      : [
          `Not played, as nobody knows what they would say: ${beyond.join(', ')}. A release waits for them too, and fails with them.`,
        ]),
    ...(unknown.length === 0
      ? []
      : [
          `Not played, as it is not known how long requests take today: ${unknown.join(', ')}. To play it, ${GIVE_LATENCY}.`,
        ]),
  ];
}

/**
 * Plays `runs` releases of a manifest, all with dice of their own that follow from `seed`.
 * @param requestsOf what callers do in one of them
 */
export function play(
  { spec, tests }: Playable,
  requestsOf: (run: number, dice: Dice) => Requests,
  { runs, seed, scrapeMs }: { runs: number; seed: number; scrapeMs: number },
): { outcomes: Outcomes; lives: Life[] } {
  const lives = Array.from({ length: runs }, (_, run) => {
    const dice = new Dice(seed * 1_000_003 + run);
    return playLife(spec, requestsOf(run, dice), dice, { scrapeMs, tests });
  });
  return { outcomes: outcomesOf(spec, lives), lives };
}

function outcomesOf(spec: CanaryReleaseSpec, lives: readonly Life[]): Outcomes {
  const failed = lives.filter(({ reason }) => reason === 'AnalysisFailed');
  const promoted = lives.filter(({ outcome }) => outcome === 'Promoted');
  const undecided = lives.filter(({ reason }) => isUndecided(reason));
  const times = failed.map(({ tookMs }) => tookMs / 1000);
  const metrics = [...new Set(lives.flatMap(({ bad }) => Object.keys(bad)))];
  const requests = lives.map((life) => life.requests);
  return {
    runs: lives.length,
    promoted: frequency(promoted.length, lives.length),
    rolledBack: frequency(failed.length, lives.length),
    undecided: frequency(undecided.length, lives.length),
    paused: frequency(lives.filter(({ outcome }) => outcome === 'Paused').length, lives.length),
    steps: spec.steps.map(({ weight }) => passedOf(weight, lives)),
    promotedAfter: quantile(
      promoted.map(({ tookMs }) => tookMs / 1000),
      0.5,
    ),
    rolledBackAfter:
      times.length === 0 ? undefined : { p50: quantile(times, 0.5) ?? 0, p95: quantile(times, 0.95) ?? 0 },
    requests: { mean: mean(requests), p95: quantile(requests, 0.95) ?? 0 },
    bad: Object.fromEntries(
      metrics.map((metric) => [metric, mean(lives.map(({ bad }) => bad[metric] ?? 0))]),
    ),
    example: (failed[0] ?? undecided[0])?.message,
  };
}

function isUndecided(reason: string): boolean {
  return reason === 'Inconclusive' || reason === 'ProgressDeadlineExceeded' || reason === 'Unfinished';
}

function passedOf(weight: number, lives: readonly Life[]): Outcomes['steps'][number] {
  const times = lives.flatMap(({ passed }) =>
    passed.filter((step) => step.weight === weight).map(({ atMs }) => atMs / 1000),
  );
  return { weight, passed: times.length, passedAfter: quantile(times, 0.5) };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The smallest value that at least this share (0–1) of the values don't exceed. */
export function quantile(values: readonly number[], q: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

const Z95 = 1.96;

export function frequency(count: number, of: number): Frequency {
  if (of === 0) return { count, of, low: 0, high: 1 };
  const p = count / of;
  const centre = p + Z95 ** 2 / (2 * of);
  const spread = Z95 * Math.sqrt((p * (1 - p)) / of + Z95 ** 2 / (4 * of ** 2));
  const scale = 1 + Z95 ** 2 / of;
  return {
    count,
    of,
    low: Math.max(0, (centre - spread) / scale),
    high: Math.min(1, (centre + spread) / scale),
  };
}
