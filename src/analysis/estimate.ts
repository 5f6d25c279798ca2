import { ANY, LN_RATIOS } from './ratios.ts';

/** How many times as often the candidate's requests are bad as stable's. */
export interface RatioEstimate {
  /** The likeliest ratio; undefined while it may be anything, or anything large because stable has had no bad event. */
  readonly ratio?: number | undefined;
  /** Holds the true ratio with probability 1 − α at all looks at once. */
  readonly atLeast: number;
  /** Undefined when nothing bounds it. */
  readonly atMost?: number | undefined;
}

/**
 * The likeliest ratio, and the ratios that the data don't speak against: those against which a mixture of all ratios has
 * no evidence of 1/α. By Ville's inequality this interval may be looked at as often as one likes.
 *
 * @param logs ln of the likelihood at each of {@link LN_RATIOS}
 */
export function estimateRatio(logs: readonly number[], alpha: number): RatioEstimate {
  // No bad event at a time when both sides had traffic: each ratio is as likely as any other.
  if (logs.every((log) => log === at(logs, 0))) return { atLeast: 0 };
  const last = logs.length - 1;
  let top = 0;
  for (let i = 1; i <= last; i++) if (at(logs, i) > at(logs, top)) top = i;
  const peak = top === 0 || top === last ? at(LN_RATIOS, top) : peakNear(logs, top);
  const least = Math.max(lnMixture(logs), lnMixtureNear(logs, peak)) + Math.log(alpha);
  const lower = at(logs, 0) > least ? -Infinity : crossing(logs, peak, at(LN_RATIOS, 0), least);
  const upper = at(logs, last) > least ? Infinity : crossing(logs, peak, at(LN_RATIOS, last), least);
  return {
    ...(top === last ? {} : { ratio: top === 0 ? 0 : Math.exp(peak) }),
    atLeast: Math.exp(lower),
    ...(upper === Infinity ? {} : { atMost: Math.exp(upper) }),
  };
}

/** ln of the likelihood between the ratios, by the cubic through the four nearest; it is smooth. */
function logAt(logs: readonly number[], ln: number): number {
  const above = LN_RATIOS.findIndex((other) => other > ln);
  const from = Math.min(Math.max((above < 0 ? LN_RATIOS.length : above) - 2, 0), LN_RATIOS.length - 4);
  let sum = 0;
  for (let i = from; i < from + 4; i++) {
    let weight = 1;
    for (let j = from; j < from + 4; j++) {
      if (j !== i) weight *= (ln - at(LN_RATIOS, j)) / (at(LN_RATIOS, i) - at(LN_RATIOS, j));
    }
    sum += weight * at(logs, i);
  }
  return sum;
}

const STEPS = 60;

function peakNear(logs: readonly number[], top: number): number {
  let low = at(LN_RATIOS, top - 1);
  let high = at(LN_RATIOS, top + 1);
  for (let i = 0; i < STEPS; i++) {
    const third = (high - low) / 3;
    if (logAt(logs, low + third) < logAt(logs, high - third)) low += third;
    else high -= third;
  }
  return (low + high) / 2;
}

/** Where the likelihood falls to `least` on the way from the peak to `far`. */
function crossing(logs: readonly number[], peak: number, far: number, least: number): number {
  let inside = peak;
  let outside = far;
  for (let i = 0; i < STEPS; i++) {
    const middle = (inside + outside) / 2;
    if (logAt(logs, middle) > least) inside = middle;
    else outside = middle;
  }
  return (inside + outside) / 2;
}

function lnMixture(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log, i) => sum + at(ANY, i) * Math.exp(log - most), 0));
}

/** The same integral for a peak narrower than the ratios are apart (Laplace's method). */
function lnMixtureNear(logs: readonly number[], peak: number): number {
  const range = at(LN_RATIOS, LN_RATIOS.length - 1) - at(LN_RATIOS, 0);
  const step = 0.02;
  const curvature =
    (2 * logAt(logs, peak) - logAt(logs, peak + step) - logAt(logs, peak - step)) / (step * step);
  if (curvature * range * range <= 2 * Math.PI) return -Infinity;
  return logAt(logs, peak) + Math.log(Math.sqrt((2 * Math.PI) / curvature) / range);
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}
