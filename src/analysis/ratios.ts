/**
 * The ratios of bad rates, candidate's to stable's, that are weighed against each other, and the weights that the two
 * hypotheses give them.
 */

/** ln of the ratios: dense around 1, where a healthy version's own spread has to be told from harm. */
export const LN_RATIOS: readonly number[] = [
  ...[-2, -1.4, -1],
  ...Array.from({ length: 20 }, (_, i) => (i - 7) / 10),
  ...[1.35, 1.5, 1.7, 1.9, 2.1, 2.3, 2.7, 3.1, 3.5, 3.9, 4.4, 4.9, 5.5, 6.2, 6.9],
];

/** Nobody wants to promote a candidate so many times as bad as stable. */
export const GRAVE_RATIO = 5;

/** Nothing larger is looked for. */
export const MOST_RATIO = 1000;

/** The ratios less one: what the likelihood needs. */
export const EXCESS: readonly number[] = LN_RATIOS.map(Math.expm1);

const WIDTHS = LN_RATIOS.map((ln, i) => ((LN_RATIOS[i + 1] ?? ln) - (LN_RATIOS[i - 1] ?? ln)) / 2);

/** Less than half as bad again is not looked for: no service's error rate is that steady. */
const LN_LEAST_HARM = Math.log(1.5);

/** All ratios alike on the logarithmic scale: nothing is known yet. For estimates. */
export const ANY: readonly number[] = shares(WIDTHS);

/** Two sets of weights, each with sum 1, in the order of {@link LN_RATIOS}. */
export interface Hypotheses {
  /** A version that is as good as stable: ratios of 1 + tolerance, spread log-normally. */
  readonly healthy: readonly number[];
  /** A version that is worse: every ratio from 1.5 × (1 + tolerance) to the largest, alike on the logarithmic scale. */
  readonly harmful: readonly number[];
}

const remembered = new Map<string, Hypotheses>();
const MOST_REMEMBERED = 256;

/**
 * @param tolerance how much worse a candidate may be, as a share of stable's bad rate (0: not at all, 1: twice as bad)
 * @param spread standard deviation of ln(ratio) among versions that are equally good
 * @param mostRatio the largest ratio that is possible
 */
export function hypotheses(tolerance: number, spread: number, mostRatio: number): Hypotheses {
  // Rounding lets passes share the weights.
  const sd = Math.max(LEAST_SPREAD, Math.round(spread * 100) / 100);
  const centre = Math.log1p(tolerance);
  const least = indexOf(centre + LN_LEAST_HARM);
  const most = Math.max(least, indexOf(Math.log(mostRatio)));
  const key = `${tolerance}/${sd}/${most}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const result = {
    healthy: shares(
      LN_RATIOS.map((ln, i) => (WIDTHS[i] ?? 0) * Math.exp(-((ln - centre) ** 2) / (2 * sd ** 2))),
    ),
    harmful: shares(LN_RATIOS.map((_, i) => (i >= least && i <= most ? (WIDTHS[i] ?? 0) : 0))),
  };
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  remembered.set(key, result);
  return result;
}

/** Narrower than the ratios are apart, the healthy ones would be a single point. */
const LEAST_SPREAD = 0.06;

/** The first ratio that isn't smaller; the last when all are. */
function indexOf(ln: number): number {
  const index = LN_RATIOS.findIndex((other) => other >= ln - 1e-9);
  return index < 0 ? LN_RATIOS.length - 1 : index;
}

function shares(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
