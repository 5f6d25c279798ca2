/** A time to ask about; one that is `untilBegun` only as long as the window's counters have no baseline. */
export interface GridTime {
  readonly time: number;
  readonly untilBegun: boolean;
}

/** A Prometheus is asked about the multiples of this (ms). */
export const GRID_MS = 5000;

// At the beginning of a window that nobody watched, all times of the grid until all targets were scraped inside it:
// enough for the usual scrape intervals of 15 to 60 s.
const MOST_UNTIL_BEGUN = 13;
// Before such a window, so many intervals: what was seen there is not taken for new when a scrape failed as it began.
const LOOK_BACK = [12, 3];
// After a pause, some times in between show restarts of proxies that the last alone would hide.
const MOST_IN_PAUSE = 12;

/**
 * The times of the grid (multiples of `interval`) to ask about after `end`, the last that was folded, or from the window's
 * first on where none was. The last of them is the newest that is not after `now`.
 */
export function timesToFold(
  end: number | undefined,
  first: number,
  now: number,
  interval: number,
): readonly GridTime[] {
  const last = Math.floor(now / interval) * interval;
  const times: GridTime[] = [];
  let at = end ?? first;
  if (end === undefined && first < last) {
    for (const steps of LOOK_BACK) {
      if (first >= steps * interval) times.push({ time: first - steps * interval, untilBegun: false });
    }
    for (let i = 0; i < MOST_UNTIL_BEGUN && at < last; i++, at += interval) {
      times.push({ time: at, untilBegun: i > 0 });
    }
    at = first;
  }
  // Multiples of the step, so that releases after one pause ask about the same times.
  const step = Math.max(1, Math.ceil((last - at) / interval / MOST_IN_PAUSE)) * interval;
  for (let time = (Math.floor(at / step) + 1) * step; time < last; time += step) {
    times.push({ time, untilBegun: false });
  }
  const known = new Set<number>();
  if (last >= (end === undefined ? first : end + 1)) times.push({ time: last, untilBegun: false });
  return times
    .sort((a, b) => a.time - b.time || Number(a.untilBegun) - Number(b.untilBegun))
    .filter(({ time }) => !known.has(time) && known.add(time));
}
