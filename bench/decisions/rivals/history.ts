import { nuisanceOf, SCHEDULES } from '../cells.ts';
import type { Cell, WatchedStep } from '../cells.ts';
import type { Random } from '../random.ts';
import { Traffic } from '../traffic.ts';

/** So long after the last step a rule may still act on what it saw in it (seconds). */
const AFTER = 60;

/**
 * One release whose weights rise by time alone, second by second, for rules that don't change the traffic until they roll
 * back. All counts are sums since the candidate's first traffic, at index t those of the first t seconds.
 */
export interface History {
  /** When the last step ends (seconds). */
  readonly end: number;
  /** The weight (percent) from t to t + 1. */
  readonly weight: Float64Array;
  /** What a source has seen. */
  readonly candidateAll: Float64Array;
  readonly candidateBad: Float64Array;
  readonly stableAll: Float64Array;
  readonly stableBad: Float64Array;
  /** Bad requests that the candidate has truly served. */
  readonly failed: Float64Array;
}

export function emptyHistory(cell: Cell): History {
  const steps: readonly WatchedStep[] = SCHEDULES[cell.schedule];
  const end = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const array = () => new Float64Array(end + AFTER + 1);
  const history = {
    end,
    weight: array(),
    candidateAll: array(),
    candidateBad: array(),
    stableAll: array(),
    stableBad: array(),
    failed: array(),
  };
  let from = 0;
  for (const { weight, seconds } of steps) {
    history.weight.fill(weight, from);
    from += seconds;
  }
  return history;
}

/** Fills a history with a release's requests. The array is used again for each release: there are thousands. */
export function record(history: History, cell: Cell, random: Random): void {
  const traffic = new Traffic({ ...cell, nuisance: nuisanceOf(cell) }, random, history.end);
  const { weight, candidateAll, candidateBad, stableAll, stableBad, failed, end } = history;
  for (let t = 0; t < end + AFTER; t++) {
    const { candidate, stable } = traffic.look(1, weight[t] ?? 0);
    candidateAll[t + 1] = (candidateAll[t] ?? 0) + candidate.all;
    candidateBad[t + 1] = (candidateBad[t] ?? 0) + candidate.bad;
    stableAll[t + 1] = (stableAll[t] ?? 0) + stable.all;
    stableBad[t + 1] = (stableBad[t] ?? 0) + stable.bad;
    failed[t + 1] = traffic.failed;
  }
}

/** The sum between two times (seconds); before the first traffic there is nothing. */
export function between(sums: Float64Array, from: number, to: number): number {
  return (sums[to] ?? 0) - (sums[Math.max(0, from)] ?? 0);
}

/** Bad requests that the candidate would have served between two times had its weight stayed what it was at the first. */
export function failedIfHeld({ weight, failed }: History, from: number, to: number): number {
  const held = weight[from - 1] ?? 0;
  let sum = 0;
  for (let t = from; t < to; t++) {
    sum += between(failed, t, t + 1) * Math.min(1, held / (weight[t] ?? held));
  }
  return sum;
}
