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
  /** Neither passed nor failed at a deadline. */
  readonly undecided: Frequency;
  /** Pauses of steps, which wait for a person. */
  readonly paused: Frequency;
  /** When each weight had passed, half of the releases (seconds since the beginning). */
  readonly steps: readonly { readonly weight: number; readonly passedAfter: number | undefined }[];
  readonly promotedAfter: number | undefined;
  readonly rolledBackAfter: { readonly p50: number; readonly p95: number } | undefined;
  readonly requests: { readonly mean: number; readonly p95: number };
  /** Bad events by metric, in the mean. */
  readonly bad: Readonly<Record<string, number>>;
  /** A sentence of one of its rollbacks, or of one that stayed undecided. */
  readonly example: string | undefined;
}

/**
 * Plays `runs` releases of this manifest, all with dice of their own that follow from `seed`.
 * @param requestsOf what callers do in one of them
 * @param scrapeMs how often Prometheus scrapes, where the manifest counts by it
 */
export function play(
  spec: CanaryReleaseSpec,
  requestsOf: (run: number, dice: Dice) => Requests,
  runs: number,
  seed: number,
  scrapeMs?: number,
): { outcomes: Outcomes; lives: Life[] } {
  const lives = Array.from({ length: runs }, (_, run) => {
    const dice = new Dice(seed * 1_000_003 + run);
    return playLife(spec, requestsOf(run, dice), dice, scrapeMs);
  });
  return { outcomes: outcomesOf(spec, lives), lives };
}

/** The manifest as it is played: pauses are resumed at once, and there are pods. */
export function playable(spec: CanaryReleaseSpec): CanaryReleaseSpec {
  const steps = spec.steps.map(({ pause, ...step }) => step);
  return { ...spec, steps, replicas: Math.max(1, spec.replicas) };
}

/**
 * What of the manifest's analysis cannot be played, because it asks more than requests: metrics of its own and of templates.
 * @throws UsageError where nothing else is left
 */
export function notPlayed({ analysis }: CanaryReleaseSpec): string[] {
  const { templates = [], metrics = [] } = analysis;
  const names = [
    ...templates.map(({ kind, name }) => `${kind} ${name}`),
    ...metrics.map(({ name }) => `metric ${name}`),
  ];
  if (eventMetrics(analysis).length > 0) return names;
  throw new UsageError(
    `only analysis.errorRate and analysis.latency can be played, and this release has neither: what ${names.join(', ')} would say nobody knows beforehand`,
  );
}

/** The same as a sentence; undefined where all is played. */
export function notPlayedSentence(names: readonly string[]): string | undefined {
  return names.length === 0
    ? undefined
    : `Not played, as nobody knows what they would say: ${names.join(', ')}. A release waits for them too, and fails with them.`;
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
    steps: spec.steps.map(({ weight }) => ({ weight, passedAfter: passedAfter(weight, lives) })),
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

function passedAfter(weight: number, lives: readonly Life[]): number | undefined {
  const times = lives.flatMap(({ passed }) =>
    passed.filter((step) => step.weight === weight).map(({ atMs }) => atMs / 1000),
  );
  return quantile(times, 0.5);
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
