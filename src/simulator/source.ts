import { add, NONE } from '../analysis/counts.ts';
import type { Counts, Interval, Reading } from '../analysis/telemetry.ts';
import type { AnalysisSpec } from '../api/index.ts';
import { eventMetrics } from '../analysis/event-metric.ts';
import { HISTOGRAMS_MS } from '../analysis/settings.ts';
import { GRID_MS } from '../telemetry/prometheus/grid.ts';
import type { Dice } from './dice.ts';

/** Bad events among all, by the metric's name. */
type Sums = Readonly<Record<string, Counts>>;

/** What was asked of versions between two times (ms), by revision. */
export interface Served {
  readonly from: number;
  readonly to: number;
  readonly counts: Readonly<Record<string, Sums>>;
}

/** How the requests of a release get to be known. */
export interface SourceOptions {
  readonly source: AnalysisSpec['source'];
  /** How often Prometheus scrapes (ms); only where it is the source. */
  readonly scrapeMs: number;
}

interface Channel {
  /** From when on ticks are counted (ms); they differ between proxies. */
  readonly phase: number;
  /** What was served and not yet told. */
  pending: Record<string, Counts>;
}

/**
 * What a source tells of the requests that were served, and when: the operator learns of each with the delay that it would
 * have in a cluster.
 */
export class Source {
  readonly #options: SourceOptions;
  /** Metrics that are made of histograms. */
  readonly #slow: ReadonlySet<string>;
  readonly #dice: Dice;
  readonly #start: number;
  readonly #channels = new Map<string, Channel>();
  readonly #completeThrough: Record<string, number> = {};
  #intervals: Interval[] = [];
  /** The end of the last interval that was told. */
  #told: number;
  #counts: Record<string, Sums> = {};
  #since: Record<string, number> = {};

  /** @param start when the release begins (ms) */
  constructor(spec: AnalysisSpec, options: SourceOptions, start: number, dice: Dice) {
    this.#options = options;
    this.#slow = new Set(eventMetrics(spec).flatMap(({ kind, name }) => (kind === 'slow' ? [name] : [])));
    this.#dice = dice;
    this.#start = start;
    this.#told = start;
  }

  /** Takes note of what was served; spans follow each other. */
  add({ from, to, counts }: Served): void {
    const isScraped = this.#options.source === 'prometheus';
    for (const [revision, sums] of Object.entries(counts)) {
      if (isScraped) this.#scrape(revision, sums, from, to);
      else this.#read(revision, sums, from, to);
    }
    if (!isScraped) this.#tell(to);
    else if (gridAt(to) > gridAt(from)) this.#tell(gridAt(to));
  }

  /** All that is known of the time after `from`. */
  reading(from: number): Extract<Reading, { ok: true }> {
    this.#intervals = this.#intervals.filter((interval) => interval.to > from);
    return { ok: true, intervals: this.#intervals, completeThrough: { ...this.#completeThrough } };
  }

  /** What the proxies say at each look: requests as they are, durations when their time has come. */
  #read(revision: string, sums: Sums, from: number, to: number): void {
    const late = this.#channel(revision, HISTOGRAMS_MS);
    if (tickAt(late, to, HISTOGRAMS_MS) > tickAt(late, from, HISTOGRAMS_MS)) this.#release(revision, late);
    for (const [metric, counts] of Object.entries(sums)) {
      if (this.#slow.has(metric)) late.pending = plus(late.pending, { [metric]: counts });
      else this.#put(revision, { [metric]: counts });
    }
    this.#since[revision] = from;
    this.#completeThrough[revision] = to;
  }

  #scrape(revision: string, sums: Sums, from: number, to: number): void {
    const { scrapeMs } = this.#options;
    const channel = this.#channel(revision, scrapeMs);
    const tick = tickAt(channel, to, scrapeMs);
    if (tick > tickAt(channel, from, scrapeMs)) {
      this.#release(revision, channel);
      this.#since[revision] ??= Math.max(this.#start, tick - scrapeMs);
      this.#completeThrough[revision] = tick;
    }
    channel.pending = plus(channel.pending, sums);
  }

  #channel(revision: string, everyMs: number): Channel {
    let channel = this.#channels.get(revision);
    if (channel === undefined) {
      channel = { phase: this.#start - Math.floor(this.#dice.next() * everyMs), pending: {} };
      this.#channels.set(revision, channel);
    }
    return channel;
  }

  #release(revision: string, channel: Channel): void {
    this.#put(revision, channel.pending);
    channel.pending = {};
  }

  #put(revision: string, sums: Sums): void {
    this.#counts[revision] = plus(this.#counts[revision] ?? {}, sums);
  }

  #tell(to: number): void {
    const from = this.#told;
    this.#intervals.push({ from, to, since: this.#since, counts: this.#counts });
    this.#told = to;
    this.#counts = {};
    this.#since = {};
  }
}

function gridAt(time: number): number {
  return Math.floor(time / GRID_MS) * GRID_MS;
}

/** The last tick at this time or before it (ms). */
function tickAt({ phase }: Channel, time: number, everyMs: number): number {
  return phase + Math.floor((time - phase) / everyMs) * everyMs;
}

function plus(a: Sums, b: Sums): Record<string, Counts> {
  const sums: Record<string, Counts> = { ...a };
  for (const [metric, counts] of Object.entries(b)) sums[metric] = add(sums[metric] ?? NONE, counts);
  return sums;
}
