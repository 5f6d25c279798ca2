/** A handle of a timer. */
export interface Timer {
  cancel(): void;
}

/**
 * All time that Songbird knows. Production uses {@link systemClock}; the simulator and unit tests a virtual one.
 */
export interface Clock {
  /** Wall-clock time in ms since the epoch. It may jump, both ways. */
  now(): number;
  /** Monotonic time in ms from an arbitrary origin: for measuring how long something took. */
  monotonic(): number;
  /** Calls `callback` once after `ms` milliseconds of monotonic time. */
  after(ms: number, callback: () => void): Timer;
}

/** Wall clocks that are kept right are moved by less than this at a time (ms): by more, one was set. */
export const WALL_JUMP_MS = 500;

// setTimeout fires at once for longer delays.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
    return {
      cancel: () => {
        clearTimeout(handle);
      },
    };
  },
};

/** Resolves after `ms` milliseconds, or at once when the signal aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
