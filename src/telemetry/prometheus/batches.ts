import type { Http } from '../http.ts';
import type { Time } from '../time.ts';
import { queryInstant } from './api.ts';
import type { Limits, Problem, Vector } from './api.ts';
import type { Endpoint } from './endpoint.ts';
import { durationsQuery, requestsQuery, timestampsQuery, workloadKey } from './promql.ts';
import type { Workload } from './promql.ts';
import { snapshotOf } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

/** What a release wants to know of every time of the grid. */
export interface Interest {
  readonly workloads: readonly Workload[];
  readonly durations: boolean;
}

/** A snapshot, perhaps with warnings that it lacks something, or why there is none. */
export type SnapshotAnswer =
  { readonly ok: true; readonly snapshot: Snapshot; readonly warnings: readonly string[] } | Problem;

interface Batch {
  readonly time: number;
  /** The `now` of the read that began it. */
  readonly begun: number;
  readonly requests: Map<string, Workload>;
  readonly durations: Map<string, Workload>;
  sent: boolean;
  failed: boolean;
  readonly answer: Promise<SnapshotAnswer>;
}

// A release that was not read for so long is left out of the batches.
const INTEREST_MS = 30_000;
// A Prometheus that failed is asked again for the same time after so long.
const RETRY_MS = 1000;
// A release reads the newest snapshot within an interval of the grid, or not at all.
const KEPT_MS = 15_000;
const MOST_AT_ONCE = 4;

/**
 * The snapshots of one Prometheus, asked for in batches: one for each time of the grid, for all releases that were read
 * lately, whoever of them comes first. So the number of queries does not grow with the number of releases.
 */
export class Batches {
  readonly #http: Http;
  readonly #endpoint: Endpoint;
  readonly #limits: Limits;
  readonly #time: Time;
  readonly #interests = new Map<string, Interest & { readonly seen: number }>();
  #batches: Batch[] = [];
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(http: Http, endpoint: Endpoint, limits: Limits, time: Time) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#limits = limits;
    this.#time = time;
  }

  /** Takes note of what a release wants, so that the batches to come hold it. */
  note(release: string, interest: Interest, now: number): void {
    this.#interests.set(release, { ...interest, seen: now });
  }

  forget(release: string): void {
    this.#interests.delete(release);
  }

  /** The snapshot of a time of the grid, with at least what is wanted. */
  at(time: number, wanted: Interest, now: number): Promise<SnapshotAnswer> {
    const usable = this.#batches.filter(
      (batch) => batch.time === time && !(batch.failed && Math.abs(now - batch.begun) >= RETRY_MS),
    );
    const covering = usable.find((batch) => covers(batch, wanted));
    if (covering !== undefined) return covering.answer;
    const open = usable.find((batch) => !batch.sent) ?? this.#begin(time, now);
    add(open, wanted);
    return open.answer;
  }

  #begin(time: number, now: number): Batch {
    const deferred = Promise.withResolvers<SnapshotAnswer>();
    const batch: Batch = {
      time,
      begun: now,
      requests: new Map(),
      durations: new Map(),
      sent: false,
      failed: false,
      answer: deferred.promise,
    };
    // Of a time long past, only the release that catches up wants to know.
    const newest = this.#batches.every((other) => other.time < time);
    if (newest) for (const interest of this.#lately(now)) add(batch, interest);
    this.#batches = [...this.#batches.filter((other) => Math.abs(now - other.begun) < KEPT_MS), batch];
    // Reads of the same turn of the event loop join.
    setImmediate(() => {
      batch.sent = true;
      this.#send(batch).then(deferred.resolve, deferred.reject);
    });
    return batch;
  }

  #lately(now: number): Interest[] {
    for (const [release, interest] of this.#interests) {
      if (Math.abs(now - interest.seen) > INTEREST_MS) this.#interests.delete(release);
    }
    return [...this.#interests.values()];
  }

  async #send(batch: Batch): Promise<SnapshotAnswer> {
    if (this.#running >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      const answer = await this.#ask(batch);
      batch.failed = !answer.ok || answer.warnings.length > 0;
      return answer;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #ask(batch: Batch): Promise<SnapshotAnswer> {
    const deadline = this.#time.monotonic() + this.#limits.timeoutMs;
    const ask = (promql: string) => {
      const timeoutMs = Math.max(1, Math.ceil(deadline - this.#time.monotonic()));
      return queryInstant(this.#http, this.#endpoint, promql, batch.time, { ...this.#limits, timeoutMs });
    };
    const requests = [...batch.requests.values()];
    const durations = [...batch.durations.values()];
    // First the times, then the counters: should a scrape come in between, the counters are newer than they are said
    // to be, which at worst leaves something out of a window, and never puts into it what came before.
    const timestamps = await ask(timestampsQuery(requests));
    if (!timestamps.ok) return timestamps;
    const none: Vector = { ok: true, rows: [], warnings: [] };
    const [counted, lasted] = await Promise.all([
      ask(requestsQuery(requests)),
      durations.length === 0 ? none : ask(durationsQuery(durations)),
    ]);
    if (!counted.ok) return counted;
    if (!lasted.ok) return lasted;
    return {
      ok: true,
      snapshot: snapshotOf(batch.time, {
        timestamps: timestamps.rows,
        requests: counted.rows,
        durations: lasted.rows,
      }),
      warnings: [...new Set([...timestamps.warnings, ...counted.warnings, ...lasted.warnings])],
    };
  }
}

function add(batch: Batch, { workloads, durations }: Interest): void {
  for (const workload of workloads) {
    const key = workloadKey(workload.namespace, workload.name);
    batch.requests.set(key, workload);
    if (durations) batch.durations.set(key, workload);
  }
}

function covers(batch: Batch, { workloads, durations }: Interest): boolean {
  return workloads.every((workload) => {
    const key = workloadKey(workload.namespace, workload.name);
    return batch.requests.has(key) && (!durations || batch.durations.has(key));
  });
}
