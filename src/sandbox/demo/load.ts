import { Agent, request as httpRequest } from 'node:http';
import { type Clock, systemClock, type Timer } from '../../kube/clock.ts';

export interface LoadOptions {
  /** Where the mesh listens on 127.0.0.1. */
  readonly port: number;
  /** The Host that callers ask for. */
  readonly host: string;
  readonly perSecond: number;
  /** A request without an answer for so long has failed. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

export interface Count {
  readonly requests: number;
  readonly failed: number;
}

/** The requests that were sent in one span of time, as far as they have been answered. */
export interface Period {
  readonly requests: number;
  readonly failed: number;
  /** By what answered: the app's version, or {@link NO_VERSION}. */
  readonly versions: ReadonlyMap<string, Count>;
  /** What went wrong, and how often: `500`, `503 UH`, `ECONNRESET`. */
  readonly causes: ReadonlyMap<string, number>;
  /** When the first failed answer came, in ms of the clock's monotonic time. */
  readonly firstFailureAt: number | undefined;
  /** Resolves when no request of this period is under way any more; call it after the next one has begun. */
  settled(): Promise<void>;
}

/** Stands for the version where the mesh answered itself, or nobody did. */
export const NO_VERSION = 'none';

/** Sends more than this many at a time only in a breakdown; what comes on top counts as failed. */
const MOST_UNDER_WAY = 2000;
const TICK_MS = 5;
// Less than the mesh keeps idle connections, so that no request goes into one that is being closed.
const IDLE_MS = 20_000;
const BUCKETS = 10;
const BUCKET_MS = 1000;

class Tally implements Period {
  requests = 0;
  failed = 0;
  readonly versions = new Map<string, Count>();
  readonly causes = new Map<string, number>();
  firstFailureAt: number | undefined;
  #underWay = 0;
  #settled: (() => void)[] = [];

  sent(): void {
    this.#underWay += 1;
  }

  answered(version: string, cause: string | undefined, at: number): void {
    this.#underWay -= 1;
    const failed = cause === undefined ? 0 : 1;
    this.requests += 1;
    this.failed += failed;
    addTo(this.versions, version, failed);
    if (cause !== undefined) {
      this.firstFailureAt ??= at;
      this.causes.set(cause, (this.causes.get(cause) ?? 0) + 1);
    }
    if (this.#underWay > 0) return;
    for (const resolve of this.#settled) resolve();
    this.#settled = [];
  }

  settled(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }
}

function addTo(counts: Map<string, Count>, version: string, failed: number): void {
  const { requests, failed: before } = counts.get(version) ?? { requests: 0, failed: 0 };
  counts.set(version, { requests: requests + 1, failed: before + failed });
}

/**
 * Open-loop load: requests leave by the clock, whether or not the ones before them were answered, as users do. A request
 * fails when its answer is 5xx, is cut off, or doesn't come.
 */
export class Load {
  readonly #options: Required<LoadOptions>;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo', timeout: IDLE_MS });
  readonly #buckets: { second: number; versions: Map<string, Count> }[] = [];
  #period = new Tally();
  #timer: Timer | undefined;
  #startedAt = 0;
  #sent = 0;
  #underWay = 0;

  constructor(options: LoadOptions) {
    this.#options = { timeoutMs: 30_000, clock: systemClock, ...options };
  }

  start(): void {
    this.#startedAt = this.#options.clock.monotonic();
    this.#sent = 0;
    this.#tick();
  }

  /** Sends no more; what has no answer after `graceMs` is broken off. */
  async stop(graceMs = 1000): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const grace = this.#options.clock.after(graceMs, () => {
      this.#agent.destroy();
    });
    await this.#period.settled();
    grace.cancel();
    this.#agent.destroy();
  }

  /** Requests sent from now on belong to a new period, which is returned. */
  begin(): Period {
    this.#period = new Tally();
    return this.#period;
  }

  /** Answers per second by version, over the last whole seconds (at most 9). */
  recent(seconds: number): Map<string, Count> {
    const now = this.#second();
    const sums = new Map<string, Count>();
    const span = Math.max(1, Math.min(seconds, BUCKETS - 1));
    for (const { second, versions } of this.#buckets) {
      if (second >= now || second < now - span) continue;
      for (const [version, { requests, failed }] of versions) {
        const sum = sums.get(version) ?? { requests: 0, failed: 0 };
        sums.set(version, { requests: sum.requests + requests / span, failed: sum.failed + failed / span });
      }
    }
    return sums;
  }

  #tick(): void {
    const { clock, perSecond } = this.#options;
    // What fell due while something else kept the process busy is caught up at once.
    const due = Math.floor(((clock.monotonic() - this.#startedAt) * perSecond) / 1000);
    for (; this.#sent < due; this.#sent += 1) this.#send();
    this.#timer = clock.after(TICK_MS, () => {
      this.#tick();
    });
  }

  #send(): void {
    const { port, host, timeoutMs, clock } = this.#options;
    const period = this.#period;
    period.sent();
    this.#underWay += 1;
    let open = true;
    const done = (version: string, cause: string | undefined) => {
      if (!open) return;
      open = false;
      this.#underWay -= 1;
      this.#remember(version, cause === undefined ? 0 : 1);
      period.answered(version, cause, clock.monotonic());
    };
    if (this.#underWay > MOST_UNDER_WAY) {
      done(NO_VERSION, 'too many requests without an answer');
      return;
    }
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      agent: this.#agent,
      path: '/',
      headers: { host },
    });
    const timer = clock.after(timeoutMs, () => {
      done(NO_VERSION, 'no answer in time');
      request.destroy();
    });
    request.on('close', () => {
      timer.cancel();
    });
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      const { 'x-version': version, 'x-response-flags': flag } = response.headers;
      const from = typeof version === 'string' ? version : NO_VERSION;
      const cause = status >= 500 ? [status, flag].filter((part) => part !== undefined).join(' ') : undefined;
      response.resume();
      response.on('end', () => {
        done(from, cause);
      });
      response.on('error', () => {
        done(from, 'cut off');
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      done(NO_VERSION, error.code ?? error.message);
    });
    request.end();
  }

  #second(): number {
    return Math.floor(this.#options.clock.monotonic() / BUCKET_MS);
  }

  #remember(version: string, failed: number): void {
    const second = this.#second();
    let bucket = this.#buckets.at(-1);
    if (bucket?.second !== second) {
      bucket = { second, versions: new Map() };
      this.#buckets.push(bucket);
      if (this.#buckets.length > BUCKETS) this.#buckets.shift();
    }
    addTo(bucket.versions, version, failed);
  }
}
