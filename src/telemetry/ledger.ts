import type { Counts, EventMetric, Interval } from '../analysis/telemetry.ts';
import { slowerThan, totalOf } from './histogram.ts';
import { addTallies, nothing } from './series.ts';
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
}

interface Entry {
  readonly from: number;
  readonly to: number;
  readonly parts: readonly Part[];
}

/** What a window of a ledger says. */
export interface Account {
  readonly intervals: readonly Interval[];
  /** Names of metrics whose bound lies above the highest bucket edge, so that nobody can tell what is slower. */
  readonly unknowable: readonly string[];
}

const MOST_ENTRIES = 360;

/**
 * What was counted for one release, in memory and bounded: entries of consecutive spans of time. When it is full, the
 * older half is told in spans of twice the length; the counts stay whole.
 *
 * A part knows since when its events may have happened. That, not the span of its entry, decides whether it belongs to
 * a window: nothing that may have happened before the window began is ever counted in it.
 */
export class Ledger {
  #entries: Entry[] = [];
  #end: number | undefined;
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
    if (from === undefined || to <= from) return;
    this.#entries.push({ from, to, parts: mergeParts(parts) });
    if (this.#entries.length > this.#capacity) this.#entries = halveOlder(this.#entries);
  }

  /**
   * Counts of the window that begins at `from`, for every one of the revisions and metrics. Of several reporters, each
   * revision's is the one that saw more of it in the window: the same requests are never counted twice.
   */
  account(from: number, revisions: readonly string[], metrics: readonly EventMetric[]): Account {
    const entries = this.#entries
      .filter((entry) => entry.from >= from)
      .map((entry) => ({ ...entry, parts: entry.parts.filter((part) => part.since >= from) }));
    const parts = entries.flatMap((entry) => entry.parts);
    const reporters = new Map(revisions.map((revision) => [revision, busiestReporter(parts, revision)]));
    const unknowable = metrics.filter((metric) =>
      parts.some(
        (part) =>
          reporters.get(part.revision) === part.reporter && countsOf(metric, part.tally) === undefined,
      ),
    );
    const counts = (entry: Entry) =>
      Object.fromEntries(
        revisions.map((revision) => {
          const tally = tallyOf(entry, revision, reporters.get(revision));
          return [revision, countsByMetric(tally, metrics, unknowable)];
        }),
      );
    return {
      intervals: entries.map((entry) => ({ from: entry.from, to: entry.to, counts: counts(entry) })),
      unknowable: unknowable.map((metric) => metric.name),
    };
  }
}

function mergeParts(parts: readonly Part[]): readonly Part[] {
  const merged = new Map<string, Part>();
  for (const part of parts) {
    // Parts of different age stay apart: a window may hold the one and not the other.
    const key = JSON.stringify([part.revision, part.reporter, part.since]);
    const same = merged.get(key);
    merged.set(key, same === undefined ? part : { ...part, tally: addTallies(same.tally, part.tally) });
  }
  return [...merged.values()];
}

function halveOlder(entries: readonly Entry[]): Entry[] {
  const middle = Math.floor(entries.length / 4) * 2;
  const halved: Entry[] = [];
  for (let i = 0; i < middle; i += 2) {
    const first = entries[i];
    const second = entries[i + 1];
    if (first === undefined || second === undefined) continue;
    const parts = [...first.parts, ...second.parts].map((part) => ({
      ...part,
      since: Math.min(part.since, first.from),
    }));
    halved.push({ from: first.from, to: second.to, parts: mergeParts(parts) });
  }
  return [...halved, ...entries.slice(middle)];
}

function busiestReporter(parts: readonly Part[], revision: string): string | undefined {
  const seen = new Map<string, number>();
  for (const { reporter, tally, ...part } of parts) {
    if (part.revision !== revision) continue;
    const durations = tally.durations.reduce((sum, histogram) => sum + totalOf(histogram), 0);
    seen.set(reporter, (seen.get(reporter) ?? 0) + Math.max(tally.requests, durations));
  }
  const ordered = [...seen].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
  return ordered[0]?.[0];
}

function tallyOf(entry: Entry, revision: string, reporter: string | undefined): Tally {
  return entry.parts
    .filter((part) => part.revision === revision && part.reporter === reporter)
    .reduce((sum, part) => addTallies(sum, part.tally), nothing);
}

function countsByMetric(
  tally: Tally,
  metrics: readonly EventMetric[],
  unknowable: readonly EventMetric[],
): Record<string, Counts> {
  const none = { all: 0, bad: 0 };
  return Object.fromEntries(
    metrics.map((metric) => [
      metric.name,
      unknowable.includes(metric) ? none : (countsOf(metric, tally) ?? none),
    ]),
  );
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
