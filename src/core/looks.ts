const FIRST_MS = 50;
const LAST_MS = 1000;
const SHARE_OF_AGE = 0.05;

/**
 * How long to wait until the next look at the counts (ms). At high rates, what fails between two looks is most of what
 * fails at all; so looks are close together just after a weight was observed, when a bad version first shows, and a second
 * apart later on. Evidence may be looked at as often as one likes.
 *
 * @param ageMs time since the present weight was observed (ms); negative counts as 0
 */
export function nextLookMs(ageMs: number): number {
  return Math.min(LAST_MS, Math.max(FIRST_MS, Math.round(SHARE_OF_AGE * ageMs)));
}
