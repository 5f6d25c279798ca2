import type { CanaryReleaseStatus, MetricStatus } from '../../api/index.ts';

/** What was counted of one metric between two looks: shares of bad events (0–1), undefined where there were none. */
export interface Point {
  readonly candidate: number | undefined;
  readonly stable: number | undefined;
  /** The share of the evidence that a rollback takes (0–1, and more). */
  readonly evidence: number;
}

/** How the metrics of a release went while somebody watched it. Never changed in place. */
export interface Samples {
  /** Whose counts these are: those of another attempt are not gone on with. */
  readonly attempt: number | undefined;
  readonly through: string | undefined;
  readonly latest: readonly MetricStatus[];
  /** By the metric's name, the latest last. */
  readonly points: Readonly<Record<string, readonly Point[]>>;
}

export const NO_SAMPLES: Samples = { attempt: undefined, through: undefined, latest: [], points: {} };

/** No terminal is wider. */
const MOST = 400;

/** Adds what status says, where it says something new. */
export function sampled(before: Samples, { attempt, analysis }: CanaryReleaseStatus): Samples {
  const number = attempt?.number;
  const known = before.attempt === number ? before : { ...NO_SAMPLES, attempt: number };
  if (analysis === undefined || analysis.through === known.through) return known;
  const points: Record<string, readonly Point[]> = { ...known.points };
  for (const metric of analysis.metrics) {
    const old = known.latest.find(({ name }) => name === metric.name);
    points[metric.name] = [...(points[metric.name] ?? []), pointOf(metric, old)].slice(-MOST);
  }
  return { attempt: number, through: analysis.through, latest: analysis.metrics, points };
}

function pointOf(
  { candidate, stable, evidence, needed }: MetricStatus,
  old: MetricStatus | undefined,
): Point {
  return {
    candidate: shareBetween(old?.candidate, candidate),
    stable: shareBetween(old?.stable, stable),
    evidence: evidence / (needed ?? DEFAULT_NEEDED),
  };
}

interface Counts {
  readonly all: number;
  readonly bad: number;
}

function shareBetween(old: Counts = { all: 0, bad: 0 }, now: Counts): number | undefined {
  const all = now.all - old.all;
  return all <= 0 ? undefined : Math.max(0, now.bad - old.bad) / all;
}

/** log10 of 100: one metric at a budget of 1%. */
const DEFAULT_NEEDED = 2;
