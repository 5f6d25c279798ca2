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

/** Ranges never change, an interval replaces one of them, and the costs of all are asked for at every look. */
const known = new WeakMap<Range, readonly number[]>();

/** For each ratio: the sum over all bad events of ln(1 + (ratio − 1) × share). */
export function costsOf(shares: Shares): readonly number[] {
  let sum: number[] | undefined;
  let only: readonly number[] = NO_COSTS;
  for (const range of Object.values(shares)) {
    let costs = known.get(range);
    if (costs === undefined) known.set(range, (costs = costsIn(range)));
    if (only === NO_COSTS) only = costs;
    else {
      sum ??= [...only];
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (costs[i] ?? 0);
    }
  }
  return sum ?? only;
}

const NO_COSTS: readonly number[] = EXCESS.map(() => 0);

function costsIn([bad, first, second]: Range): number[] {
  const mean = first / bad;
  const variance = Math.max(0, second / bad - mean * mean);
  return EXCESS.map((excess) => {
    const factor = 1 + excess * mean;
    const slope = excess / factor;
    return bad * (Math.log(factor) - (slope * slope * variance) / 2);
  });
}
