import type { Clock, Timer } from './clock.ts';

interface Pending {
  at: number;
  order: number;
  callback: () => void;
}

/**
 * A clock that stands still until it is told to move. Timers fire in the order of their times; those of one time in the
 * order in which they were set.
 */
export class VirtualClock implements Clock {
  #monotonic = 0;
  #wall: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): Timer {
    const entry: Pending = { at: this.#monotonic + Math.max(0, ms), order: this.#order++, callback };
    this.#pending.add(entry);
    return {
      cancel: () => {
        this.#pending.delete(entry);
      },
    };
  }

  /** Moves the wall clock alone, as an administrator or NTP does; timers don't notice. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Lets `ms` pass without firing any timer, as a process does that is stopped; `advance` then fires what is overdue. */
  stall(ms: number): void {
    this.#moveTo(this.#monotonic + ms);
  }

  /** Moves time on by `ms`, firing what falls due, and lets promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      await settle();
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#moveTo(Math.max(next.at, this.#monotonic));
      this.#pending.delete(next);
      next.callback();
    }
    this.#moveTo(end);
    await settle();
  }

  #next(): Pending | undefined {
    let next: Pending | undefined;
    for (const entry of this.#pending) {
      if (next === undefined || entry.at < next.at || (entry.at === next.at && entry.order < next.order))
        next = entry;
    }
    return next;
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

/** Lets every promise that can settle without timers or I/O do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
