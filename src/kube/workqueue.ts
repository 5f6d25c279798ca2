import { type Clock, type Timer, WALL_JUMP_MS } from './clock.ts';
import { KeyedHeap } from './keyed-heap.ts';

/** Hooks for metrics; all times in ms. They must not throw. */
export interface WorkqueueMetrics {
  /** Keys that wait for a worker, after each change. */
  depth?(keys: number): void;
  /** How long a key waited for a worker. */
  latency?(ms: number): void;
  /** How long the worker took. */
  duration?(ms: number): void;
  /** A key was put back with a rate limit. */
  retries?(): void;
}

export interface WorkqueueOptions {
  clock: Clock;
  /**
   * Does the work for one key. When it rejects, the error goes to `onError` and the key comes again, later each time;
   * when it resolves, the key starts afresh, unless it was given to `addRateLimited` meanwhile.
   */
  worker: (key: string) => Promise<void>;
  onError: (error: unknown, key: string) => void;
  /** Keys worked on at the same time; 4 by default. */
  concurrency?: number;
  /** Delay before the n-th retry of a key in a row (1 is the first), in ms. */
  backoffMs?: (retry: number) => number;
  metrics?: WorkqueueMetrics;
}

// Timers count monotonic time, which stands still while a machine sleeps and does not see the wall clock being set:
// so often do we look whether that happened.
const LONGEST_NAP_MS = 10_000;

/**
 * Delays that double from `first` to `longest` ms, each less up to half by chance, so that keys that failed together
 * don't come back together.
 */
export function exponentialBackoff(
  first = 100,
  longest = 60_000,
  random: () => number = Math.random,
): (retry: number) => number {
  return (retry) => Math.min(first * 2 ** (retry - 1), longest) * (1 - random() / 2);
}

/**
 * A queue of keys with the semantics of client-go's: a key that is added ten times before a worker has it is worked on
 * once; a key that is added while it is worked on is worked on again afterwards, never twice at the same time.
 */
export class Workqueue {
  readonly #clock: Clock;
  readonly #worker: (key: string) => Promise<void>;
  readonly #onError: (error: unknown, key: string) => void;
  readonly #concurrency: number;
  readonly #backoffMs: (retry: number) => number;
  readonly #metrics: WorkqueueMetrics;
  /** Keys that need work, those being worked on included. */
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  /** The dirty keys that nobody works on, first come first served, with the time when they came. */
  readonly #waiting = new Map<string, number>();
  /** Keys to add later, by monotonic time. */
  readonly #delayed = new KeyedHeap();
  /** Those of `#delayed` that were given by wall-clock time. */
  readonly #wallTimes = new Set<string>();
  readonly #retries = new Map<string, number>();
  readonly #retriedMeanwhile = new Set<string>();
  readonly #idle: (() => void)[] = [];
  #scheduled = false;
  #timer: Timer | undefined;
  #wallOffset: number;
  #state: 'new' | 'running' | 'shut down' = 'new';

  constructor(options: WorkqueueOptions) {
    this.#clock = options.clock;
    this.#worker = options.worker;
    this.#onError = options.onError;
    this.#concurrency = options.concurrency ?? 4;
    this.#backoffMs = options.backoffMs ?? exponentialBackoff();
    this.#metrics = options.metrics ?? {};
    this.#wallOffset = this.#clock.now() - this.#clock.monotonic();
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Keys being worked on. */
  get inProgress(): number {
    return this.#processing.size;
  }

  /** Lets the workers begin; keys can be added before. */
  start(): void {
    if (this.#state === 'new') this.#state = 'running';
    this.#schedule();
  }

  /** Adds a key now. */
  add(key: string): void {
    if (this.#state === 'shut down' || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (!this.#processing.has(key)) this.#enqueue(key);
  }

  /** Adds a key after `ms` milliseconds. Of several times for one key the earliest wins. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) this.add(key);
    else if (this.#delay(key, this.#clock.monotonic() + ms)) this.#wallTimes.delete(key);
  }

  /**
   * Adds a key at a wall-clock time in ms since the epoch, or soon after the clock was set: forward the time may be over,
   * and back it may have come from a clock that was wrong, and lie far ahead.
   */
  addAt(key: string, atMs: number): void {
    const ms = atMs - this.#clock.now();
    if (!(ms > 0)) this.add(key);
    else if (this.#delay(key, this.#clock.monotonic() + ms)) this.#wallTimes.add(key);
  }

  /** Adds a key after a delay that grows each time, until `forget`. */
  addRateLimited(key: string): void {
    if (this.#state === 'shut down') return;
    const retry = this.numRequeues(key) + 1;
    this.#retries.set(key, retry);
    if (this.#processing.has(key)) this.#retriedMeanwhile.add(key);
    this.#metrics.retries?.();
    this.addAfter(key, this.#backoffMs(retry));
  }

  /** Lets the delays of a key begin anew. */
  forget(key: string): void {
    this.#retries.delete(key);
  }

  /** How often a key was rate limited since it was forgotten. */
  numRequeues(key: string): number {
    return this.#retries.get(key) ?? 0;
  }

  /** Takes nothing more, drops what waits, and resolves when the keys being worked on are done. */
  shutdown(): Promise<void> {
    this.#state = 'shut down';
    this.#timer?.cancel();
    this.#delayed.clear();
    this.#wallTimes.clear();
    this.#waiting.clear();
    this.#metrics.depth?.(0);
    if (this.#processing.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #enqueue(key: string): void {
    this.#waiting.set(key, this.#clock.monotonic());
    this.#metrics.depth?.(this.#waiting.size);
    this.#schedule();
  }

  // Not at once: `add` must not run a worker inside its caller, and keys added twice in a row are one.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#state !== 'running') return;
    for (const [key, since] of this.#waiting) {
      if (this.#processing.size >= this.#concurrency) return;
      this.#waiting.delete(key);
      this.#dirty.delete(key);
      this.#processing.add(key);
      this.#metrics.depth?.(this.#waiting.size);
      this.#metrics.latency?.(this.#clock.monotonic() - since);
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    const started = this.#clock.monotonic();
    try {
      await this.#worker(key);
      if (!this.#retriedMeanwhile.has(key)) this.forget(key);
    } catch (error) {
      this.#onError(error, key);
      if (!this.#retriedMeanwhile.has(key)) this.addRateLimited(key);
    } finally {
      this.#retriedMeanwhile.delete(key);
      this.#processing.delete(key);
      this.#metrics.duration?.(this.#clock.monotonic() - started);
      if (this.#state === 'shut down') this.#finish();
      else if (this.#dirty.has(key)) this.#enqueue(key);
      else this.#schedule();
    }
  }

  #finish(): void {
    if (this.#processing.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** @returns whether this time is the one that counts */
  #delay(key: string, at: number): boolean {
    if (this.#state === 'shut down' || at >= (this.#delayed.at(key) ?? Infinity)) return false;
    const first = this.#delayed.first?.at ?? Infinity;
    this.#delayed.set(key, at);
    if (at < first) this.#arm();
    return true;
  }

  #arm(): void {
    this.#timer?.cancel();
    const { first } = this.#delayed;
    if (first === undefined || this.#state === 'shut down') return;
    const ms = Math.min(first.at - this.#clock.monotonic(), LONGEST_NAP_MS);
    this.#timer = this.#clock.after(ms, () => {
      this.#wake();
    });
  }

  #wake(): void {
    this.#followWallClock();
    const now = this.#clock.monotonic();
    for (let { first } = this.#delayed; first !== undefined && first.at <= now; { first } = this.#delayed) {
      this.#delayed.delete(first.key);
      this.#wallTimes.delete(first.key);
      this.add(first.key);
    }
    this.#arm();
  }

  #followWallClock(): void {
    const offset = this.#clock.now() - this.#clock.monotonic();
    if (Math.abs(offset - this.#wallOffset) < WALL_JUMP_MS) return;
    this.#wallOffset = offset;
    // What was to happen at a time of the clock as it was: only a new look can tell when that is.
    for (const key of this.#wallTimes) this.#delayed.set(key, this.#clock.monotonic());
  }
}
