import type { WatchedStep } from './cells.ts';

/** Chances of a wrong rollback and of a missed bad version that the bound allows. */
const ALPHA = 0.01;
const BETA = 0.01;

/**
 * Fewest failed requests that any rule could let the candidate serve on average: Wald's bound for a sequential test that
 * knows the true ratio and sees, of each bad event, only whose it is. With θ0 and θ1 the chances that it is the
 * candidate's, when the version is good and when it is bad, it needs E[N] events, θ1 of them the candidate's.
 *
 * Where the weight rises before the bound is reached, each step contributes the information of the bad events that come
 * in its time.
 */
export function waldBound(
  steps: readonly WatchedStep[],
  { rps, base, ratio }: { rps: number; base: number; ratio: number },
): number {
  let needed = (1 - BETA) * Math.log((1 - BETA) / ALPHA) + BETA * Math.log(BETA / (1 - ALPHA));
  let failed = 0;
  for (const [i, { weight, seconds }] of steps.entries()) {
    const good = weight / 100;
    const bad = (ratio * good) / (ratio * good + 1 - good);
    const perEvent = bad * Math.log(bad / good) + (1 - bad) * Math.log((1 - bad) / (1 - good));
    const perFailure = perEvent / bad;
    const failures = i === steps.length - 1 ? Infinity : rps * good * base * ratio * seconds;
    if (failures * perFailure >= needed) return failed + needed / perFailure;
    needed -= failures * perFailure;
    failed += failures;
  }
  return failed;
}
