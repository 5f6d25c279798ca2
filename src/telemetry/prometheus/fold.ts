import type { Target } from '../../analysis/telemetry.ts';
import { Ledger } from '../ledger.ts';
import type { Part } from '../ledger.ts';
import { increase } from '../series.ts';
import type { ProxyReading, Series } from '../series.ts';
import { workloadKey } from './promql.ts';
import type { Scrape, Snapshot } from './snapshot.ts';

// The counters of a proxy that was not seen for so long are dropped; that it was seen is kept.
const KEPT_MS = 15 * 60_000;

/**
 * The counters that a Prometheus has of one release, folded snapshot by snapshot into a ledger.
 *
 * A snapshot holds, for each scrape target and workload, counters and the time at which they were scraped; that time, not
 * the snapshot's, says since when a difference counts. So of what a proxy counted around the beginning of a window, only
 * what lies between two scrapes inside it is counted.
 *
 * A series that is new at a target already known counts from zero since that target's last scrape. A target that is not
 * known yet is a baseline only: its counters may hold years. But a fresh revision that had no series at all in an earlier
 * snapshot had served nothing by then, so its targets count from zero since the last such snapshot.
 */
export class SeriesCounters {
  readonly ledger = new Ledger();
  readonly #namespace: string;
  readonly #durations: boolean;
  #workloads: ReadonlySet<string> = new Set();
  #begin: number | undefined;
  /** By workload and target; undefined where the counters are no longer kept. */
  readonly #known = new Map<string, ProxyReading | undefined>();
  /** By workload: when it was last seen to have no series, until it has one. */
  readonly #untouchedAt = new Map<string, number>();
  readonly #touched = new Set<string>();
  /** By workload and host: the target that is counted, where a proxy is scraped twice. */
  readonly #counted = new Map<string, string>();
  readonly #completeThrough = new Map<string, number>();

  constructor(namespace: string, durations: boolean) {
    this.#namespace = namespace;
    this.#durations = durations;
  }

  /**
   * True when what was folded can answer for these targets from this time on. Otherwise all has to be folded again: what
   * was not asked for in earlier snapshots must not be taken for absent there.
   */
  holds(targets: readonly Target[], durations: boolean, from: number): boolean {
    return (
      (this.#durations || !durations) &&
      (this.#begin === undefined ||
        (from >= this.#begin && targets.every((target) => this.#workloads.has(this.#keyOf(target)))))
    );
  }

  /** The time of the last snapshot. */
  get end(): number | undefined {
    return this.ledger.end;
  }

  /** The newest scrape of the revision's counters in the last snapshot. */
  completeThrough(revision: string): number | undefined {
    return this.#completeThrough.get(revision);
  }

  /**
   * Takes in the next snapshot; they come in order of time. True when the window that begins at `from` can be counted
   * from here on: all that was known to count was scraped inside it.
   */
  fold(snapshot: Snapshot, targets: readonly Target[], from: number): boolean {
    this.#begin ??= snapshot.time;
    this.#workloads = new Set(targets.map((target) => this.#keyOf(target)));
    const parts = targets.flatMap((target) => this.#foldTarget(snapshot, target));
    this.ledger.append(snapshot.time, parts);
    this.#dropOld(snapshot.time);
    return targets.every((target) => {
      const scrapes = snapshot.scrapes.get(this.#keyOf(target)) ?? [];
      // Of a fresh revision, to have no series is to have served nothing; of another, it is to be unknown.
      if (scrapes.length === 0) return target.fresh;
      return scrapes.every(({ time }) => time !== undefined && time >= from);
    });
  }

  #keyOf(target: Target): string {
    return workloadKey(this.#namespace, target.workload);
  }

  #foldTarget(snapshot: Snapshot, target: Target): Part[] {
    const workload = this.#keyOf(target);
    const scrapes = snapshot.scrapes.get(workload) ?? [];
    if (scrapes.length > 0) this.#touched.add(workload);
    if (!this.#touched.has(workload)) this.#untouchedAt.set(workload, snapshot.time);
    const bornAfter = target.fresh ? this.#untouchedAt.get(workload) : undefined;
    const parts: Part[] = [];
    for (const [host, same] of Map.groupBy(scrapes, (scrape) => scrape.host)) {
      const counted = this.#choose(workload, host, same);
      for (const scrape of same) {
        const added = this.#foldScrape(workload, scrape, bornAfter);
        if (scrape.target === counted)
          parts.push(...added.map((part) => ({ ...part, revision: target.revision })));
      }
    }
    const times = scrapes.flatMap((scrape) => scrape.time ?? []);
    if (times.length > 0) this.#completeThrough.set(target.revision, Math.max(...times));
    return parts;
  }

  /**
   * Of several targets that are one proxy, the one to count. It changes only when it is gone and another was scraped since
   * its last scrape; none is counted at the change, so that nothing is counted by both.
   */
  #choose(workload: string, host: string, scrapes: readonly Scrape[]): string | undefined {
    const key = `${workload} ${host}`;
    const before = this.#counted.get(key);
    if (before !== undefined && scrapes.some(({ target }) => target === before)) return before;
    const counted =
      before === undefined ? -Infinity : (this.#known.get(`${workload} ${before}`)?.time ?? -Infinity);
    const next = scrapes
      .filter(({ time }) => time !== undefined && time > counted)
      .map(({ target }) => target)
      .sort()[0];
    if (next !== undefined) this.#counted.set(key, next);
    return before === undefined ? next : undefined;
  }

  #foldScrape(
    workload: string,
    { target, time, series }: Scrape,
    bornAfter: number | undefined,
  ): Omit<Part, 'revision'>[] {
    const key = `${workload} ${target}`;
    const last = this.#known.get(key);
    if (time === undefined || time <= (last?.time ?? -Infinity)) return [];
    const since = this.#known.has(key) ? last?.time : bornAfter;
    this.#known.set(key, { time, series });
    if (since === undefined) return [];
    const comparable = last === undefined ? series : withoutLateHistograms(last.series, series);
    return [...increase(last, { time, series: comparable })].map(([reporter, tally]) => ({
      reporter,
      since,
      tally,
    }));
  }

  #dropOld(now: number): void {
    for (const [key, reading] of this.#known) {
      if (reading !== undefined && now - reading.time > KEPT_MS) this.#known.set(key, undefined);
    }
  }
}

/**
 * A proxy counts a request and its duration together. So where requests were known and no durations, the durations were
 * missing from the answer (which is made of several queries) and not zero.
 */
function withoutLateHistograms(
  before: ReadonlyMap<string, Series>,
  after: ReadonlyMap<string, Series>,
): ReadonlyMap<string, Series> {
  const counted = new Set([...before.values()].filter((s) => s.kind === 'requests').map((s) => s.channel));
  return new Map(
    [...after].filter(
      ([key, series]) => series.kind !== 'durations' || before.has(key) || !counted.has(series.channel),
    ),
  );
}
