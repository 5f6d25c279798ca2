import type { Reading, TelemetryQuery, TelemetrySource } from '../../analysis/telemetry.ts';
import type { Http } from '../http.ts';
import { MACHINE_TIME } from '../time.ts';
import type { Time } from '../time.ts';
import { unknowableSentence } from '../text.ts';
import type { Problem } from './api.ts';
import { Batches } from './batches.ts';
import type { Interest } from './batches.ts';
import { endpointOf } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { SeriesCounters } from './fold.ts';
import { GRID_MS, timesToFold } from './grid.ts';
import { workloadKey } from './promql.ts';

export interface PrometheusOptions {
  /** Distance of the times that are asked for, which are multiples of it. Default {@link GRID_MS}. */
  readonly intervalMs?: number | undefined;
  /** How long a read waits for answers; they go on coming, and the next read has them. Default 1000. */
  readonly patienceMs?: number | undefined;
  /** For all queries about one time. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Most bytes that one answer may have. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** Default: that of this machine. */
  readonly time?: Time | undefined;
}

interface Release {
  readonly endpoint: string;
  readonly counters: SeriesCounters;
  /** The catching up that is under way. */
  reading?: Promise<Trouble | undefined> | undefined;
  /** How the last one ended. */
  trouble?: Trouble | undefined;
}

/** Why the newest snapshot isn't folded: there is none, or it lacks something. */
type Trouble = Problem | { readonly ok: true; readonly warning: string };

const MOST_ENDPOINTS = 100;

/**
 * Reads Istio's standard metrics from a Prometheus, as raw counters at the times of a grid, and counts the differences
 * itself. After a restart it asks again for the times since `from`, so nothing that Prometheus has kept is lost.
 *
 * Clocks: `from` and `now` are the operator's, scrape times those of the Prometheus; a difference between them shifts
 * windows by so much. Known limit: where proxies drop series that are no longer used, a counter that sums several can
 * fall without a restart and is then counted from zero.
 */
export class PrometheusSource implements TelemetrySource {
  readonly #http: Http;
  readonly #options: Required<{ [K in keyof Omit<PrometheusOptions, 'time'>]: number }>;
  readonly #time: Time;
  readonly #endpoints = new Map<string, Batches>();
  readonly #releases = new Map<string, Release>();

  constructor(http: Http, options: PrometheusOptions = {}) {
    this.#http = http;
    this.#time = options.time ?? MACHINE_TIME;
    this.#options = {
      intervalMs: options.intervalMs ?? GRID_MS,
      patienceMs: options.patienceMs ?? 1000,
      timeoutMs: options.timeoutMs ?? 5000,
      maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    };
  }

  async read(query: TelemetryQuery): Promise<Reading> {
    const endpoint = endpointOf(query.prometheus);
    if (typeof endpoint === 'string') return { ok: false, code: 'TelemetryInvalid', message: endpoint };
    const batches = this.#batchesOf(endpoint);
    const interest = interestOf(query);
    batches.note(keyOf(query), interest, query.now);
    const release = this.#releaseOf(query, endpoint, interest);
    release.reading ??= this.#catchUp(release.counters, query, batches, interest)
      .then((trouble) => (release.trouble = trouble))
      .finally(() => {
        release.reading = undefined;
      });
    const trouble = await this.#patiently(release, release.reading);
    if (trouble?.ok === false) return trouble;
    return answer(query, endpoint, release.counters, trouble?.warning);
  }

  forget(namespace: string, release: string): void {
    const key = `${namespace}/${release}`;
    this.#releases.delete(key);
    for (const batches of this.#endpoints.values()) batches.forget(key);
  }

  /** A pass of the operator has more to do than to wait for a slow Prometheus: to roll back, for one. */
  #patiently(release: Release, reading: Promise<Trouble | undefined>): Promise<Trouble | undefined> {
    const { promise, resolve } = Promise.withResolvers<Trouble | undefined>();
    const timer = this.#time.after(this.#options.patienceMs, () => {
      resolve(release.trouble ?? { ok: true, warning: 'It has not answered yet.' });
    });
    return Promise.race([reading, promise]).finally(() => {
      timer.cancel();
    });
  }

  #batchesOf(endpoint: Endpoint): Batches {
    const known = this.#endpoints.get(endpoint.key);
    const { timeoutMs, maxBytes } = this.#options;
    const batches = known ?? new Batches(this.#http, endpoint, { timeoutMs, maxBytes }, this.#time);
    // Put last, so that the first is the one not used for longest: tokens are rotated, and each makes an endpoint.
    this.#endpoints.delete(endpoint.key);
    this.#endpoints.set(endpoint.key, batches);
    const [oldest] = this.#endpoints.keys();
    if (this.#endpoints.size > MOST_ENDPOINTS && oldest !== undefined) this.#endpoints.delete(oldest);
    return batches;
  }

  #releaseOf(query: TelemetryQuery, endpoint: Endpoint, { durations }: Interest): Release {
    const key = keyOf(query);
    const known = this.#releases.get(key);
    if (
      known?.reading !== undefined ||
      (known?.endpoint === endpoint.queryUrl &&
        known.counters.holds(query.targets, durations, this.#gridAfter(query.from)) &&
        !this.#setBack(known, query.now))
    ) {
      return known;
    }
    const release = {
      endpoint: endpoint.queryUrl,
      counters: new SeriesCounters(query.namespace, durations),
    };
    this.#releases.set(key, release);
    return release;
  }

  /** After the wall clock was set back, the times of earlier snapshots mean nothing beside those to come. */
  #setBack({ counters }: Release, now: number): boolean {
    return counters.end !== undefined && now < counters.end - this.#options.intervalMs;
  }

  #gridAfter(time: number): number {
    return Math.ceil(time / this.#options.intervalMs) * this.#options.intervalMs;
  }

  /** Folds the snapshots that are missing up to now. Undefined when all went well. */
  async #catchUp(
    counters: SeriesCounters,
    query: TelemetryQuery,
    batches: Batches,
    interest: Interest,
  ): Promise<Trouble | undefined> {
    const first = this.#gridAfter(query.from);
    const times = timesToFold(counters.end, first, query.now, this.#options.intervalMs);
    let begun = counters.end !== undefined;
    for (const { time, untilBegun } of times) {
      if (begun && untilBegun) continue;
      const got = await batches.at(time, interest, query.now);
      if (!got.ok) return got;
      const unusable = interest.workloads.flatMap(
        ({ namespace, name }) => got.snapshot.unusable.get(workloadKey(namespace, name)) ?? [],
      );
      const lacks = [...got.warnings.map((warning) => `It warns: ${warning}.`), ...unusable];
      if (lacks.length > 0) return { ok: true, warning: lacks.join(' ') };
      begun = counters.fold(got.snapshot, query.targets, query.from) || begun;
    }
    return undefined;
  }
}

function keyOf({ namespace, release }: TelemetryQuery): string {
  return `${namespace}/${release}`;
}

function interestOf({ namespace, targets, metrics }: TelemetryQuery): Interest {
  return {
    workloads: targets.map((target) => ({ namespace, name: target.workload })),
    durations: metrics.some((metric) => metric.kind === 'slow'),
  };
}

function answer(
  query: TelemetryQuery,
  endpoint: Endpoint,
  counters: SeriesCounters,
  trouble: string | undefined,
): Reading {
  const revisions = query.targets.map((target) => target.revision);
  const account = counters.ledger.account(query.from, revisions, query.metrics);
  const complete = revisions.flatMap((revision): [string, number][] => {
    const time = counters.completeThrough(revision);
    return time === undefined ? [] : [[revision, time]];
  });
  const absent = query.targets
    .filter((target) => counters.end !== undefined && counters.completeThrough(target.revision) === undefined)
    .map((target) => target.workload);
  const warning = [
    trouble === undefined ? '' : `Prometheus at ${endpoint.shown} has not told all. ${trouble}`,
    absent.length === 0 ? '' : absentSentence(endpoint, query.namespace, absent),
    ...account.unknowable.map((name) => unknowableSentence(name, query.metrics)),
  ].filter((sentence) => sentence !== '');
  return {
    ok: true,
    intervals: account.intervals,
    completeThrough: Object.fromEntries(complete),
    ...(warning.length === 0 ? {} : { warning: warning.join(' ') }),
  };
}

function absentSentence(endpoint: Endpoint, namespace: string, workloads: readonly string[]): string {
  const names = workloads.join(', ');
  return `Prometheus at ${endpoint.shown} has no istio_requests_total with destination_workload ${names} in namespace ${namespace}: either nothing was requested yet, or it does not scrape the proxies of this namespace.`;
}
