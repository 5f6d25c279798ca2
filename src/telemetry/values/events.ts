import type { Counts, Interval, PrometheusAddress, Reading } from '../../analysis/telemetry.ts';
import type { Http } from '../http.ts';
import { queryInstant } from '../prometheus/api.ts';
import type { Problem, Row } from '../prometheus/api.ts';
import { endpointOf } from '../prometheus/endpoint.ts';
import type { Endpoint } from '../prometheus/endpoint.ts';
import { GRID_MS } from '../prometheus/grid.ts';

/** PromQL for the counters of one side of an event metric. */
export interface SideQueries {
  readonly bad: string;
  readonly all: string;
}

/** A metric of which a release gives the queries. */
export interface EventQueries {
  readonly name: string;
  readonly candidate: SideQueries;
  readonly stable: SideQueries;
}

export interface EventsQuery {
  /** `namespace/release`: under it the source keeps what it has seen. */
  readonly key: string;
  readonly candidate: string;
  readonly stable: string;
  readonly metrics: readonly EventQueries[];
  /** Only events after this time are asked for (ms since the epoch). */
  readonly from: number;
  readonly now: number;
  readonly prometheus: PrometheusAddress | undefined;
}

/** Counts the events of metrics of which releases give the queries. */
export interface EventSource {
  read(query: EventsQuery): Promise<Reading>;
  forget(key: string): void;
}

export interface EventSourceOptions {
  /** Distance of the times that are asked about, which are multiples of it (ms). Default {@link GRID_MS}. */
  readonly intervalMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** Counters of one side of one metric at one time, by their labels. */
interface Counters {
  readonly bad: ReadonlyMap<string, Counter>;
  readonly all: ReadonlyMap<string, Counter>;
  /** When the oldest of `all` was scraped (ms since the epoch); undefined where there is none. */
  readonly scraped: number | undefined;
}

interface Counter {
  readonly value: number;
  /** A counter as it was scraped, and no sum of several: when it falls, it began anew. */
  readonly raw: boolean;
}

interface Snapshot {
  readonly time: number;
  /** By metric name and revision. */
  readonly counters: ReadonlyMap<string, Counters>;
}

interface Release {
  readonly identity: string;
  last: Snapshot | undefined;
  intervals: Interval[];
}

/** Most times that one read asks about: after a long absence, they lie further apart. */
const MOST_TIMES = 12;
/** How old the counters behind an expression may be: it does not tell when they were scraped (ms). */
const UNKNOWN_AGE_MS = 60_000;
const MOST_INTERVALS = 500;

/**
 * Reads counters by the queries of a release at explicit times and takes the differences itself, series by series: new
 * ones count from zero, and so do those that began anew. Of a sum that falls nobody knows what was counted: then nothing
 * is.
 */
export class PrometheusEvents implements EventSource {
  readonly #http: Http;
  readonly #intervalMs: number;
  readonly #limits: { timeoutMs: number; maxBytes: number };
  readonly #releases = new Map<string, Release>();

  constructor(
    http: Http,
    { intervalMs = GRID_MS, timeoutMs = 5000, maxBytes = 8 * 1024 * 1024 }: EventSourceOptions = {},
  ) {
    this.#http = http;
    this.#intervalMs = intervalMs;
    this.#limits = { timeoutMs, maxBytes };
  }

  async read(query: EventsQuery): Promise<Reading> {
    const endpoint = endpointOf(query.prometheus);
    if (typeof endpoint === 'string') return { ok: false, code: 'TelemetryInvalid', message: endpoint };
    const release = this.#releaseOf(query, endpoint);
    for (const time of this.#times(release, query)) {
      const snapshot = await this.#snapshot(query, endpoint, time);
      if ('code' in snapshot) return snapshot;
      if (release.last !== undefined) release.intervals.push(between(release.last, snapshot, query));
      release.last = release.last === undefined ? snapshot : following(release.last, snapshot);
    }
    release.intervals = release.intervals.filter(({ to }) => to > query.from).slice(-MOST_INTERVALS);
    return answer(release, query, endpoint);
  }

  forget(key: string): void {
    this.#releases.delete(key);
  }

  #releaseOf(query: EventsQuery, endpoint: Endpoint): Release {
    const { key, candidate, stable, metrics, now } = query;
    const identity = JSON.stringify([endpoint.key, candidate, stable, metrics]);
    const known = this.#releases.get(key);
    // After the wall clock was set back, what was read before means nothing beside what is to come.
    if (known?.identity === identity && (known.last?.time ?? 0) <= now + this.#intervalMs) return known;
    const release: Release = { identity, last: undefined, intervals: [] };
    this.#releases.set(key, release);
    return release;
  }

  /** The times to be asked about: multiples of the interval, the first the latest one before `from`. */
  #times({ last }: Release, { from, now }: EventsQuery): number[] {
    const step = this.#intervalMs;
    const floor = (time: number) => Math.floor(time / step) * step;
    const first = last === undefined ? floor(from) : last.time + step;
    const count = Math.floor((floor(now) - first) / step) + 1;
    const stride = Math.max(1, Math.ceil(count / MOST_TIMES));
    const times: number[] = [];
    for (let i = 0; i < count; i += stride) times.push(first + i * step);
    // The last one is asked about whatever the stride.
    if (count > 0 && times.at(-1) !== floor(now)) times.push(floor(now));
    return times;
  }

  async #snapshot(query: EventsQuery, endpoint: Endpoint, time: number): Promise<Snapshot | Failure> {
    const ask = (promql: string) => queryInstant(this.#http, endpoint, promql, time, this.#limits);
    const read = async (queries: SideQueries): Promise<Counters | Problem> => {
      const [bad, all, scraped] = await Promise.all([
        ask(queries.bad),
        ask(queries.all),
        ask(`timestamp(${queries.all})`),
      ]);
      if (!bad.ok) return bad;
      if (!all.ok) return all;
      if (!scraped.ok) return scraped;
      return {
        bad: byLabels(bad.rows),
        all: byLabels(all.rows),
        scraped: oldest(scraped.rows, all.rows, time),
      };
    };
    const sides = query.metrics.flatMap(({ name, candidate, stable }) => [
      [keyOf(name, query.candidate), candidate] as const,
      [keyOf(name, query.stable), stable] as const,
    ]);
    const results = await Promise.all(
      sides.map(async ([key, queries]) => ({ key, result: await read(queries) })),
    );
    const counters = new Map<string, Counters>();
    for (const { key, result } of results) {
      if ('code' in result) return { ok: false, code: result.code, message: result.message };
      counters.set(key, result);
    }
    return { time, counters };
  }
}

type Failure = Extract<Reading, { ok: false }>;

function keyOf(metric: string, revision: string): string {
  return JSON.stringify([metric, revision]);
}

function byLabels(rows: readonly Row[]): Map<string, Counter> {
  return new Map(
    rows
      .filter(({ value }) => Number.isFinite(value) && value >= 0)
      .map(({ labels, value }) => {
        const raw = labels['__name__'] !== undefined;
        return [JSON.stringify(Object.entries(labels).sort()), { value, raw }];
      }),
  );
}

/** When the oldest counter was scraped; an expression answers with the time of the question, which tells nothing. */
function oldest(times: readonly Row[], counters: readonly Row[], time: number): number | undefined {
  if (counters.length === 0 || times.length === 0) return undefined;
  if (!counters.every(({ labels }) => labels['__name__'] !== undefined)) return time - UNKNOWN_AGE_MS;
  return Math.min(...times.map(({ value }) => value * 1000));
}

function between(before: Snapshot, after: Snapshot, { metrics, candidate, stable }: EventsQuery): Interval {
  const counts: Record<string, Record<string, Counts>> = {};
  const since: Record<string, number> = {};
  for (const revision of [candidate, stable]) {
    const own: Record<string, Counts> = {};
    let earliest = before.time;
    for (const { name } of metrics) {
      const [old, present] = [
        before.counters.get(keyOf(name, revision)),
        after.counters.get(keyOf(name, revision)),
      ];
      if (present === undefined) continue;
      // Where nothing was seen before, counters of stable may hold years; those of a candidate begin with its release.
      const isFirst = revision === stable && (old?.all.size ?? 0) === 0;
      const all = isFirst ? 0 : increase(old?.all, present.all);
      const bad = isFirst ? 0 : Math.min(all, increase(old?.bad, present.bad));
      own[name] = { all, bad };
      earliest = Math.min(earliest, old?.scraped ?? earliest);
    }
    counts[revision] = own;
    since[revision] = earliest;
  }
  return { from: before.time, to: after.time, since, counts };
}

/** What is absent for a while, as after a scrape that failed, goes on from where it was. */
function following(before: Snapshot, after: Snapshot): Snapshot {
  const counters = new Map(
    [...after.counters].map(([key, { bad, all, scraped }]) => {
      const old = before.counters.get(key);
      const kept = (present: Counters['all'], earlier: Counters['all'] = new Map()) =>
        new Map([...earlier, ...present]);
      return [key, { bad: kept(bad, old?.bad), all: kept(all, old?.all), scraped }] as const;
    }),
  );
  return { time: after.time, counters };
}

function increase(
  before: ReadonlyMap<string, Counter> | undefined,
  after: ReadonlyMap<string, Counter>,
): number {
  let sum = 0;
  for (const [labels, { value, raw }] of after) {
    const old = before?.get(labels)?.value ?? 0;
    if (value >= old) sum += value - old;
    else if (raw) sum += value;
  }
  return sum;
}

function answer({ intervals, last }: Release, query: EventsQuery, endpoint: Endpoint): Reading {
  const complete: [string, number][] = [];
  const absent: string[] = [];
  for (const revision of [query.candidate, query.stable]) {
    const scraped = query.metrics.map(({ name }) => last?.counters.get(keyOf(name, revision))?.scraped);
    if (scraped.every((time) => time !== undefined)) complete.push([revision, Math.min(...scraped)]);
    else if (last !== undefined) absent.push(revision);
  }
  return {
    ok: true,
    intervals: intervals.filter(({ to }) => to > query.from),
    completeThrough: Object.fromEntries(complete),
    ...(absent.length === 0
      ? {}
      : {
          warning: `Prometheus at ${endpoint.shown} has no counter of all events of revision ${absent.join(' and ')}: either there was none yet, or the query is wrong.`,
        }),
  };
}
