/** A cumulative histogram, as Prometheus' `_bucket` series with `le` are: of durations in milliseconds. */
export interface Histogram {
  /** Upper bucket edges, ascending; the last is Infinity. */
  readonly bounds: readonly number[];
  /** For each edge, how many events took at most so long: never falling, the last counts all events. */
  readonly counts: readonly number[];
}

/**
 * A histogram from its buckets in any order, or undefined when they make none: no bucket up to +Inf, or a number that
 * is none. Where counts fall with growing edges (buckets that were not read in one instant), the highest so far holds.
 */
export function histogramOf(buckets: ReadonlyMap<number, number>): Histogram | undefined {
  const bounds = [...buckets.keys()].sort((a, b) => a - b);
  if (bounds.at(-1) !== Infinity || bounds.some(Number.isNaN)) return undefined;
  const counts: number[] = [];
  let highest = 0;
  for (const bound of bounds) {
    const count = buckets.get(bound);
    if (count === undefined || !Number.isFinite(count) || count < 0) return undefined;
    highest = Math.max(highest, count);
    counts.push(highest);
  }
  return { bounds, counts };
}

export function sameBounds(a: Histogram, b: Histogram): boolean {
  return (
    a.bounds === b.bounds ||
    (a.bounds.length === b.bounds.length && a.bounds.every((bound, i) => bound === b.bounds[i]))
  );
}

/**
 * What was added to a histogram between two readings. A histogram that shrank began again from zero. Undefined when it
 * can't be known: the edges changed and nothing shows a new beginning.
 */
export function histogramIncrease(before: Histogram | undefined, after: Histogram): Histogram | undefined {
  if (before === undefined || totalOf(after) < totalOf(before)) return after;
  if (!sameBounds(before, after)) return undefined;
  // The buckets of one histogram begin again together: to look at each alone would make a mixture of old and new.
  if (after.counts.some((count, i) => count < (before.counts[i] ?? 0))) return after;
  const counts: number[] = [];
  let highest = 0;
  after.counts.forEach((count, i) => {
    highest = Math.max(highest, count - (before.counts[i] ?? 0));
    counts.push(highest);
  });
  return { bounds: after.bounds, counts };
}

/** The sum of two histograms with the same bounds. */
export function addHistograms(a: Histogram, b: Histogram): Histogram {
  return { bounds: a.bounds, counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)) };
}

export function totalOf(histogram: Histogram): number {
  return histogram.counts.at(-1) ?? 0;
}

/**
 * How many events surely took longer than `ms`: those above the first bucket edge that is not below it. What lies between
 * nobody knows, and a guess must not roll a version back. Undefined when some events lie above the highest finite edge and
 * `ms` does too: then nobody knows anything.
 */
export function slowerThan(histogram: Histogram, ms: number): number | undefined {
  const all = totalOf(histogram);
  const upper = histogram.bounds.findIndex((bound) => bound >= ms);
  if (upper < 0) return 0;
  const isKnown = (histogram.bounds[upper] ?? Infinity) < Infinity;
  const below = upper === 0 ? 0 : (histogram.counts[upper - 1] ?? 0);
  if (!isKnown && all > below) return ms === Infinity ? 0 : undefined;
  return all - (histogram.counts[upper] ?? all);
}
