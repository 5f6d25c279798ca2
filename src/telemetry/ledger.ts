import type { Counts, EventMetric, Interval } from '../analysis/telemetry.ts';
import { slowerThan, totalOf } from './histogram.ts';
import { addTallies } from './series.ts';
import type { Tally } from './series.ts';

/** Counts of one revision as one reporter saw them, and since when at the earliest they may have happened. */
export interface Part {
  readonly revision: string;
  readonly reporter: string;
  /**
   * The time of the reading that the counts are a difference to. It lies before the entry's `from` where a proxy
   * could not be read for a while.
   */
  readonly since: number;
  readonly tally: Tally;
  /** The pod that counted it, where the source knows. */
  readonly pod?: string | undefined;
}

interface Entry {
  readonly from: number;
  readonly to: number;
  readonly parts: readonly Part[];
  /** The same parts by pod; dropped when the entry is no longer young. */
  readonly byPod?: readonly Part[] | undefined;
}

/** What a window of a ledger says. */
export interface Account {
  readonly intervals: readonly Interval[];
  /** Names of metrics whose bound lies above the highest bucket edge, so that nobody can tell what is slower. */
  readonly unknowable: readonly string[];
}

const MOST_ENTRIES = 120;
/** How many entries are kept by pod: who reads on has read the older ones. */
const YOUNG_ENTRIES = 20;

/**
 * What was counted for one release, in memory and bounded: entries of consecutive spans of time. When it is full, the
 * older half is told in spans of twice the length; the counts stay whole.
 *
 * A reader either asks about a window, again and again from its beginning, or reads on: from where the last interval that
 * it was given ended. A part knows since when its events may have happened, and that decides whether it belongs to a
 * window: nothing that may have happened before the window began is counted in it. Reading on stays in the window in which
 * it began, so that it gets what a proxy counted while it could not be read, too.
 */
export class Ledger {
  #entries: Entry[] = [];
  #begin: number | undefined;
  #end: number | undefined;
  /** The beginning of the window that is read. */
  #window: number | undefined;
  readonly #capacity: number;

  constructor(capacity = MOST_ENTRIES) {
    this.#capacity = Math.max(4, capacity);
  }

  /** The end of the last span. */
  get end(): number | undefined {
    return this.#end;
  }

  /** Adds the span from the last end to `to`. The first call only says where the ledger begins. */
  append(to: number, parts: readonly Part[]): void {
    const from = this.#end;
    this.#end = to;
    this.#begin ??= to;
    if (from === undefined || to <= from) return;
    const isByPod = parts.some(({ pod }) => pod !== undefined);
    this.#entries.push({ from, to, parts: mergeParts(parts), byPod: isByPod ? parts : undefined });
    const old = this.#entries.at(-1 - YOUNG_ENTRIES);
    if (old !== undefined)
      this.#entries[this.#entries.length - 1 - YOUNG_ENTRIES] = { ...old, byPod: undefined };
    if (this.#entries.length > this.#capacity) {
      this.#entries = halveOlder(this.#entries, this.#window ?? -Infinity);
    }
  }

  /**
   * Counts since `from`, for every one of the revisions and metrics. Of several reporters, each revision's is the one that
   * has seen more of it in the window so far: the same requests are never counted twice.
   */
  account(from: number, revisions: readonly string[], metrics: readonly EventMetric[]): Account {
    this.#window = this.#windowOf(from);
    const window = this.#window;
    const entries = this.#entries.map((entry) => ({
      ...entry,
      parts: entry.parts.filter((part) => part.since >= window),
    }));
    const unknowable = metrics.filter((metric) =>
      entries.some((entry) => entry.parts.some((part) => countsOf(metric, part.tally) === undefined)),
    );
    const known = metrics.filter((metric) => !unknowable.includes(metric));
    const columns = revisions.map((revision) => ({
      revision,
      tracks: known.map((metric) => ({ metric, track: new Track() })),
    }));
    const none = unknowable.map((metric): [string, Counts] => [metric.name, { all: 0, bad: 0 }]);
    const intervals: Interval[] = [];
    for (const entry of entries) {
      const counts = columns.map(({ revision, tracks }): [string, Interval['counts'][string]] => {
        const parts = entry.parts.filter((part) => part.revision === revision);
        const counted = tracks.map(({ metric, track }): [string, Counts] => [
          metric.name,
          track.add(metric, parts),
        ]);
        return [revision, Object.fromEntries([...counted, ...none])];
      });
      if (entry.from >= from) {
        const since = revisions.map((revision): [string, number] => [revision, sinceOf(entry, revision)]);
        intervals.push({
          from: entry.from,
          to: entry.to,
          since: Object.fromEntries(since),
          counts: Object.fromEntries(counts),
          ...(entry.byPod === undefined ? {} : { pods: podCounts(entry.byPod, window, revisions, known) }),
        });
      }
    }
    return { intervals, unknowable: unknowable.map((metric) => metric.name) };
  }

  #windowOf(from: number): number {
    const readsOn = from === this.#begin || this.#entries.some((entry) => entry.to === from);
    if (!readsOn || from < (this.#window ?? -Infinity)) return from;
    // Where this ledger did not tell anybody of a span that ends there, one in an earlier process did.
    return this.#window ?? -Infinity;
  }
}

/** What each pod counted of an entry, in the window. */
function podCounts(
  parts: readonly Part[],
  window: number,
  revisions: readonly string[],
  metrics: readonly EventMetric[],
): NonNullable<Interval['pods']> {
  const counts: Record<string, Record<string, Record<string, Counts>>> = {};
  for (const { revision, pod, since, tally } of parts) {
    if (pod === undefined || since < window || !revisions.includes(revision)) continue;
    const own = ((counts[revision] ??= {})[pod] ??= {});
    for (const metric of metrics) {
      const { all, bad } = countsOf(metric, tally) ?? { all: 0, bad: 0 };
      const sum = own[metric.name] ?? { all: 0, bad: 0 };
      own[metric.name] = { all: sum.all + all, bad: sum.bad + bad };
    }
  }
  return counts;
}

function sinceOf({ from, parts }: Entry, revision: string): number {
  return Math.min(from, ...parts.filter((part) => part.revision === revision).map(({ since }) => since));
}

/** One metric of one revision along a window, by all its reporters. */
class Track {
  readonly #sums = new Map<string, Counts>();
  #told: Counts = { all: 0, bad: 0 };

  /** Takes in the next span's parts; what is new of the reporter that has seen most, and was not told by another. */
  add(metric: EventMetric, parts: readonly Part[]): Counts {
    for (const { reporter, tally } of parts) {
      const sum = this.#sums.get(reporter) ?? { all: 0, bad: 0 };
      const counts = countsOf(metric, tally) ?? { all: 0, bad: 0 };
      this.#sums.set(reporter, { all: sum.all + counts.all, bad: sum.bad + counts.bad });
    }
    const most = [...this.#sums.values()].reduce((a, b) => (b.all > a.all ? b : a), this.#told);
    const all = most.all - this.#told.all;
    const bad = Math.min(all, Math.max(0, most.bad - this.#told.bad));
    this.#told = { all: most.all, bad: this.#told.bad + bad };
    return { all, bad };
  }
}

function mergeParts(parts: readonly Part[]): readonly Part[] {
  const merged = new Map<string, Part>();
  for (const part of parts) {
    // Parts of different age stay apart: a window may hold the one and not the other.
    const key = JSON.stringify([part.revision, part.reporter, part.since]);
    const same = merged.get(key);
    merged.set(
      key,
      same === undefined
        ? { ...part, pod: undefined }
        : { ...part, pod: undefined, tally: addTallies(same.tally, part.tally) },
    );
  }
  return [...merged.values()];
}

/** Joins neighbours. What lies inside the window stays apart from what may lie before it. */
function halveOlder(entries: readonly Entry[], window: number): Entry[] {
  const middle = Math.floor(entries.length / 4) * 2;
  const halved: Entry[] = [];
  for (let i = 0; i < middle; i += 2) {
    const first = entries[i];
    const second = entries[i + 1];
    if (first === undefined || second === undefined) continue;
    const parts = [...first.parts, ...second.parts];
    const since = (inside: boolean) =>
      Math.min(...parts.filter((part) => part.since >= window === inside).map((part) => part.since));
    const aged = parts.map((part) => ({ ...part, since: since(part.since >= window) }));
    halved.push({ from: first.from, to: second.to, parts: mergeParts(aged) });
  }
  return [...halved, ...entries.slice(middle)];
}

function countsOf(metric: EventMetric, tally: Tally): Counts | undefined {
  if (metric.kind === 'errors') return { all: tally.requests, bad: tally.failed };
  let all = 0;
  let bad = 0;
  for (const histogram of tally.durations) {
    const slow = slowerThan(histogram, metric.slowerThanMs);
    if (slow === undefined) return undefined;
    all += totalOf(histogram);
    bad += slow;
  }
  return { all, bad: Math.min(bad, all) };
}
