import type { Clock, Timer } from './clock.ts';

/** A time limit that can be moved, joined with an outer signal: `signal` aborts when either says so. */
export class Deadline {
  readonly #clock: Clock;
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  #timer: Timer | undefined;
  #expired = false;
  readonly #abort = () => {
    this.#controller.abort();
  };

  constructor(clock: Clock, outer?: AbortSignal) {
    this.#clock = clock;
    this.#outer = outer;
    if (outer?.aborted === true) this.#abort();
    else outer?.addEventListener('abort', this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True when time ran out, false when the outer signal came first or nothing happened. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Allows `ms` milliseconds from now, whatever was allowed before. */
  restart(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, () => {
      this.#expired = !this.#controller.signal.aborted;
      this.#abort();
    });
  }

  /** Stops the time; `restart` lets it run again. */
  pause(): void {
    this.#timer?.cancel();
  }

  /** Drops the timer and the listener, and aborts what still hangs on `signal`. */
  dispose(): void {
    this.pause();
    this.#outer?.removeEventListener('abort', this.#abort);
    this.#abort();
  }
}

/** Settles as `promise` does, or rejects as soon as the signal aborts; the promise itself then goes on unheard. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(new DOMException('given up', 'AbortError'));
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}

/** Resolves when the signal aborts; at once where it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
