import type { WatchedStep } from './cells.ts';

/** Chances of a wrong rollback and of a missed bad version that the bound allows. */
const ALPHA = 0.01;
const BETA = 0.01;

/**
 * Fewest failed requests that any rule could let the candidate serve on average: Wald's bound for a sequential test that
 * knows the true ratio and sees, of each bad event, only whose it is. With θ0 and θ1 the chances that it is the
 * candidate's, when the version is good and when it is bad, it needs E[N] events, θ1 of them the candidate's.
 *
 * Where the weight may rise before so many have come, a failed request tells less from then on; the bound is the mean
 * over how many of them chance puts into each step.
 */
export function waldBound(
  steps: readonly WatchedStep[],
  traffic: { readonly rps: number; readonly base: number; readonly ratio: number },
): number {
  const needed = (1 - BETA) * Math.log((1 - BETA) / ALPHA) + BETA * Math.log(BETA / (1 - ALPHA));
  return failuresFor(needed, steps, traffic);
}

function failuresFor(
  needed: number,
  [step, ...later]: readonly WatchedStep[],
  traffic: { readonly rps: number; readonly base: number; readonly ratio: number },
): number {
  if (step === undefined) return 0;
  const { rps, base, ratio } = traffic;
  const good = step.weight / 100;
  const bad = (ratio * good) / (ratio * good + 1 - good);
  const perEvent = bad * Math.log(bad / good) + (1 - bad) * Math.log((1 - bad) / (1 - good));
  const most = (needed * bad) / perEvent;
  if (later.length === 0) return most;
  const mean = rps * good * base * ratio * step.seconds;
  let chance = Math.exp(-mean);
  let rest = 1;
  let sum = 0;
  for (let failures = 0; failures < most; failures++) {
    sum += chance * (failures + failuresFor(needed - (failures * perEvent) / bad, later, traffic));
    rest -= chance;
    chance *= mean / (failures + 1);
  }
  return sum + Math.max(0, rest) * most;
}
