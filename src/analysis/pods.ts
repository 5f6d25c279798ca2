import type { Counts } from './telemetry.ts';

/** Counts of a span of time by pod (its uid or name). */
export type PodCounts = Readonly<Record<string, Counts>>;

/** By pod: bad events, and how many it would have had at its version's rate. */
type Deviations = Readonly<Record<string, readonly [bad: number, expected: number]>>;

/** What is known of the pods of both versions. JSON-safe, never changed in place. */
export interface Pods {
  readonly candidate: Side;
  readonly stable: Side;
}

interface Side {
  /** Pods with traffic in the last interval that had any. */
  readonly serving: number;
  readonly deviations: Deviations;
}

/** So many pods of a version tell well enough how much pods differ; status has to stay small. */
const MOST_PODS = 12;

const NO_PODS: Side = { serving: 0, deviations: {} };

/**
 * Pods of one version differ by about a quarter in their bad rates (standard deviation of the logarithm) where nothing is
 * known: nodes, zones, ages and callers differ.
 */
const PRIOR_POD_SPREAD = 0.25;

/** Of how many well-observed pods the prior is worth. */
const PRIOR_PODS = 3;

/** Few pods tell little of how much pods differ, and to think too little costs healthy releases. */
const CAUTION = 8;

/** The spread of a ratio where nothing is known of the pods: of one pod against a few. */
export const PRIOR_SPREAD = 0.2;

/** However odd a pod may be, versions that differ threefold are not equally good. */
const MOST_SPREAD = 0.6;

/** No two versions behave exactly alike, however many pods they have. */
const LEAST_SPREAD = 0.1;

export function addPods(before: Pods | undefined, candidate: PodCounts, stable: PodCounts): Pods {
  return {
    candidate: addSide(before?.candidate ?? NO_PODS, candidate),
    stable: addSide(before?.stable ?? NO_PODS, stable),
  };
}

/**
 * Standard deviation of ln(ratio) between two versions that are equally good, from how much pods of the same version
 * differ among themselves.
 *
 * @param dispersion by how much counts scatter more than those of independent events
 */
export function spreadOf(pods: Pods | undefined, dispersion: number): number {
  if (pods === undefined || pods.candidate.serving === 0 || pods.stable.serving === 0) return PRIOR_SPREAD;
  // What the candidate's pods differ by may be what is wrong with it.
  const { variance, weight } = varianceAmong(Object.values(pods.stable.deviations), dispersion);
  const cautious = variance * weight * (1 + CAUTION / (1 + weight));
  const ofOne = (PRIOR_POD_SPREAD ** 2 * PRIOR_PODS + cautious) / (PRIOR_PODS + weight);
  const spread = Math.sqrt(ofOne * (1 / countOf(pods.candidate) + 1 / countOf(pods.stable)));
  return Math.min(MOST_SPREAD, Math.max(LEAST_SPREAD, spread));
}

/** Among how many pods alike the bad events are spread as they are among these: one that has just come counts little. */
function countOf({ serving, deviations }: Side): number {
  let sum = 0;
  let squares = 0;
  for (const [, expected] of Object.values(deviations)) {
    sum += expected;
    squares += expected ** 2;
  }
  return squares === 0 ? serving : sum ** 2 / squares;
}

/**
 * The variance of ln(rate) among pods by the method of moments: what their counts scatter more than chance explains. Its
 * weight is the number of pods beyond the first, less where counts are too small to show a difference.
 */
function varianceAmong(
  pods: readonly (readonly [bad: number, expected: number])[],
  dispersion: number,
): { variance: number; weight: number } {
  let excess = 0;
  let squares = 0;
  let sum = 0;
  for (const [bad, expected] of pods) {
    excess += (bad - expected) ** 2 - dispersion * expected;
    squares += expected ** 2;
    sum += expected;
  }
  const freedom = pods.length - 1;
  if (freedom <= 0 || sum === 0) return { variance: 0, weight: 0 };
  // What is expected comes from the same pods, so it lies nearer to them than the truth does.
  const corrected = excess + (dispersion * sum) / pods.length;
  const variance = Math.max(0, (corrected * pods.length) / freedom / squares);
  const signal = (PRIOR_POD_SPREAD ** 2 * sum) / pods.length;
  return { variance, weight: (freedom * signal) / (signal + dispersion) };
}

function addSide(side: Side, counts: PodCounts): Side {
  let all = 0;
  let bad = 0;
  let serving = 0;
  for (const pod of Object.values(counts)) {
    all += pod.all;
    bad += pod.bad;
    if (pod.all > 0) serving++;
  }
  if (serving === 0) return side;
  if (bad === 0) return serving === side.serving ? side : { ...side, serving };
  const deviations: Record<string, readonly [number, number]> = { ...side.deviations };
  for (const [pod, own] of Object.entries(counts)) {
    const known = deviations[pod];
    if (own.all === 0 || (known === undefined && Object.keys(deviations).length >= MOST_PODS)) continue;
    deviations[pod] = [(known?.[0] ?? 0) + own.bad, (known?.[1] ?? 0) + (bad * own.all) / all];
  }
  return { serving, deviations };
}
