import type { Counts } from './telemetry.ts';

/** False-rollback budget of one release, over all its metrics and looks (0–1). */
export const ALPHA = 0.01;

/** Where a limit is exceeded, by how much is unknown: these odds ratios over the limit's odds are all considered. */
const ODDS_RATIOS = [1.5, 2, 3, 5, 10, 30, 100, 1000] as const;

/** JSON has no infinity; nobody needs to know more than this. */
const MOST_LOG10 = 300;

/**
 * Evidence (log10 of an e-value) that the share of bad events exceeds `limit`.
 *
 * A mixture of likelihood ratios of p = limit against larger p: a test martingale under "p ≤ limit", so by Ville's
 * inequality it ever exceeds 1/α with probability at most α, however often one looks (Ville 1939; Robbins 1970).
 * Assumes that events are independent given p; where they come in clusters, divide both counts by their dispersion.
 *
 * @param limit the largest share allowed (0–1); with 0, the first bad event is proof, and with 1 there is none
 */
export function evidenceAbove({ all, bad }: Counts, limit: number): number {
  // Nothing exceeds 1.
  if (all <= 0 || limit >= 1) return 0;
  if (limit <= 0) return bad > 0 ? MOST_LOG10 : 0;
  if (latest.limit !== limit) latest = { limit, logs: ODDS_RATIOS.map((ratio) => logsOf(limit, ratio)) };
  return logMean10(latest.logs.map((logs) => bad * logs.bad + (all - bad) * logs.good));
}

/** Limits seldom change from look to look. */
let latest: { limit: number; logs: readonly Logs[] } = { limit: NaN, logs: [] };

/** Where a limit is kept, by how much is unknown, too; 0 is a version without bad events. */
const ODDS_BELOW = [0, 0.1, 0.3, 0.5, 0.7] as const;

/**
 * Evidence (log10 of an e-value) that the share of bad events is below `limit`: {@link evidenceAbove} turned round, and
 * valid at every look for the same reasons.
 *
 * @param limit the smallest share that would be too large (0–1, not 0)
 */
export function evidenceBelow({ all, bad }: Counts, limit: number): number {
  return logMean10(
    ODDS_BELOW.map((ratio) => {
      if (ratio === 0) return bad > 0 ? -Infinity : -all * Math.log1p(-limit);
      const logs = logsOf(limit, ratio);
      return bad * logs.bad + (all - bad) * logs.good;
    }),
  );
}

/** ln of the likelihood ratio, for a bad event and for a good one. */
interface Logs {
  readonly bad: number;
  readonly good: number;
}

function logsOf(limit: number, ratio: number): Logs {
  const odds = (ratio * limit) / (1 - limit);
  const share = odds / (1 + odds);
  // ln((1−p)/(1−limit)) by log1p: for tiny limits the plain quotient would lose all its digits.
  return { bad: Math.log(share / limit), good: Math.log1p(-share) - Math.log1p(-limit) };
}

/** log10 of the mean of exp(x), without overflow. */
function logMean10(logs: readonly number[]): number {
  let most = -Infinity;
  for (const log of logs) most = Math.max(most, log);
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - most);
  const result = (most + Math.log(sum / logs.length)) / Math.LN10;
  return Math.min(MOST_LOG10, Math.max(-MOST_LOG10, result));
}
