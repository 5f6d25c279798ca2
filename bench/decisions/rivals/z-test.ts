import type { History } from './history.ts';
import type { Ladder } from './ladder.ts';

/** The textbook's condition for the normal approximation. */
const LEAST_BAD = 5;

/**
 * The test of two proportions with pooled variance, as textbooks have it for one look at the end, looked at every second.
 * Its value is the z statistic.
 */
export function zTest(history: History, ladder: Ladder): void {
  const { candidateAll, candidateBad, stableAll, stableBad, failed, end } = history;
  for (let at = 1; at <= end; at++) {
    ladder.raise(
      zOf(candidateBad[at] ?? 0, candidateAll[at] ?? 0, stableBad[at] ?? 0, stableAll[at] ?? 0),
      at,
      failed[at] ?? 0,
    );
  }
  ladder.end(failed[end] ?? 0);
}

/** z of the candidate's share of bad requests against stable's; −∞ while the test is not valid. */
export function zOf(bad: number, all: number, stableBad: number, stableAll: number): number {
  const pooled = (bad + stableBad) / (all + stableAll);
  if (bad + stableBad < LEAST_BAD || all === 0 || stableAll === 0 || pooled >= 1) return -Infinity;
  return (bad / all - stableBad / stableAll) / Math.sqrt(pooled * (1 - pooled) * (1 / all + 1 / stableAll));
}
