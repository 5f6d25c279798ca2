import { EXCESS } from './ratios.ts';

/**
 * What the likelihood of each ratio needs of all intervals: bad events with the sum and the sum of squares of the
 * candidate's shares (0–1) at which they happened, by the whole part of ln(share / (1 − share)). Shares within one such
 * range differ little enough for two terms of a series; so a few numbers stand for any number of intervals.
 */
export type Shares = Readonly<Record<string, readonly [bad: number, shares: number, squares: number]>>;

/** Adds bad events that happened while the candidate had this share of the requests (0–1, neither 0 nor 1). */
export function addBad(shares: Shares, share: number, bad: number): Shares {
  const range = Math.floor(Math.log(share / (1 - share)));
  const [sum, first, second] = shares[range] ?? [0, 0, 0];
  return { ...shares, [range]: [sum + bad, first + bad * share, second + bad * share * share] };
}

type Range = readonly [bad: number, shares: number, squares: number];

/** What was computed last, by position: an interval changes one range, and the costs of all are asked for. */
const latest: { readonly range: Range; readonly costs: readonly number[] }[] = [];

/** For each ratio: the sum over all bad events of ln(1 + (ratio − 1) × share). */
export function costsOf(shares: Shares): number[] {
  const sum = EXCESS.map(() => 0);
  for (const [position, range] of Object.values(shares).entries()) {
    let known = latest[position];
    if (known?.range !== range) latest[position] = known = { range, costs: costsIn(range) };
    const { costs } = known;
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (costs[i] ?? 0);
  }
  return sum;
}

function costsIn([bad, first, second]: Range): number[] {
  const mean = first / bad;
  const variance = Math.max(0, second / bad - mean * mean);
  return EXCESS.map((excess) => {
    const factor = 1 + excess * mean;
    const slope = excess / factor;
    return bad * (Math.log(factor) - (slope * slope * variance) / 2);
  });
}
