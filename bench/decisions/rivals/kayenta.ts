import { between } from './history.ts';
import type { History } from './history.ts';
import type { Ladder } from './ladder.ts';

/** Seconds between points of a metric. The documents' examples have 60, which would give it a dozen points a release. */
const STEP = 10;

/** Seconds between judgements, each over all points since the start. */
const INTERVAL = 60;

/** The difference must exceed so much of the estimated one (its `tolerance`). */
const TOLERANCE = 0.25;

/**
 * Kayenta's judge NetflixACAJudge-v1.0 on the metric "share of bad requests", direction `increase`, points without requests
 * removed. The metric fails when the lower end of the Mann-Whitney confidence interval of the difference between candidate
 * and baseline exceeds a quarter of the Hodges–Lehmann estimate of that difference; its only metric failing, the release
 * fails. The value is the normal quantile up to which that is so: 2.326 for its confidence of 98%, two-sided.
 */
export function kayenta(history: History, ladder: Ladder): void {
  const { candidateAll, candidateBad, stableAll, stableBad, failed, end } = history;
  const experiment: number[] = [];
  const control: number[] = [];
  for (let at = STEP; at <= end; at += STEP) {
    const rate = (bad: Float64Array, all: Float64Array) =>
      between(bad, at - STEP, at) / between(all, at - STEP, at);
    push(experiment, rate(candidateBad, candidateAll));
    push(control, rate(stableBad, stableAll));
    if (at % INTERVAL === 0) ladder.raise(strength(experiment, control, ladder.next), at, failed[at] ?? 0);
  }
  ladder.end(failed[end] ?? 0);
}

function push(points: number[], value: number): void {
  if (!Number.isNaN(value)) points.push(value);
}

/**
 * The largest quantile at which the experiment is still classified as High; −∞ without points, and where it is less than
 * is asked for: estimates take long.
 */
export function strength(experiment: readonly number[], control: readonly number[], least: number): number {
  if (experiment.length === 0 || control.length === 0) return -Infinity;
  if (standardized(experiment, control, 0) < least) return -Infinity;
  const estimate = hodgesLehmann(experiment, control);
  return estimate <= 0 ? -Infinity : standardized(experiment, control, TOLERANCE * estimate);
}

/**
 * The Mann-Whitney statistic of the experiment moved down by `shift` against the control, standardized with correction for
 * ties and continuity. It falls as the shift grows, so the interval's lower end exceeds a shift when this exceeds the
 * quantile there.
 */
export function standardized(
  experiment: readonly number[],
  control: readonly number[],
  shift: number,
): number {
  const n = experiment.length;
  const m = control.length;
  const all = [
    ...experiment.map((value) => ({ value: value - shift, own: true })),
    ...control.map((value) => ({ value, own: false })),
  ];
  all.sort((a, b) => a.value - b.value);
  let ranks = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    let own = 0;
    for (; to < all.length && all[to]?.value === all[from]?.value; to++) if (all[to]?.own === true) own++;
    const size = to - from;
    ranks += (own * (from + 1 + to)) / 2;
    ties += size ** 3 - size;
    from = to;
  }
  const difference = ranks - (n * (n + 1)) / 2 - (n * m) / 2;
  const variance = ((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  if (variance <= 0) return -Infinity;
  return (difference - Math.sign(difference) / 2) / Math.sqrt(variance);
}

/** The median of all differences between a value of the experiment and one of the control. */
function hodgesLehmann(experiment: readonly number[], control: readonly number[]): number {
  const differences = new Float64Array(experiment.length * control.length);
  let i = 0;
  for (const x of experiment) for (const y of control) differences[i++] = x - y;
  differences.sort();
  const middle = differences.length >> 1;
  const upper = differences[middle] ?? 0;
  return differences.length % 2 === 1 ? upper : (upper + (differences[middle - 1] ?? 0)) / 2;
}
