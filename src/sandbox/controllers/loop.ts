import type { Clock, Timer } from '../../kube/clock.ts';
import { ApiError } from '../../kube/types.ts';

/** Brings the object of one key nearer to what it should be. */
export type Reconcile = (key: string) => void;

/**
 * Runs reconcilers on the cluster's clock: what is marked dirty is reconciled once, soon, in the order of being marked.
 */
export class Loop {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #queue = new Map<string, () => void>();
  readonly #timers = new Map<string, { at: number; timer: Timer }>();
  #pending: Timer | undefined;
  #stopped = false;

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Has `reconcile` called with the key, once however often it is marked before that. */
  mark(name: string, key: string, reconcile: Reconcile): void {
    const id = `${name} ${key}`;
    if (this.#stopped || this.#queue.has(id)) return;
    this.#queue.set(id, () => {
      reconcile(key);
    });
    this.#pending ??= this.#clock.after(this.#delayMs, () => {
      this.#run();
    });
  }

  /** The same after `ms`, or sooner where that was asked for before. */
  markAfter(ms: number, name: string, key: string, reconcile: Reconcile): void {
    if (this.#stopped || !Number.isFinite(ms)) return;
    const id = `${name} ${key}`;
    const at = this.#clock.monotonic() + ms;
    const known = this.#timers.get(id);
    if (known !== undefined && known.at <= at) return;
    known?.timer.cancel();
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(id);
      this.mark(name, key, reconcile);
    });
    this.#timers.set(id, { at, timer });
  }

  stop(): void {
    this.#stopped = true;
    this.#pending?.cancel();
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#queue.clear();
  }

  #run(): void {
    this.#pending = undefined;
    const round = [...this.#queue.values()];
    this.#queue.clear();
    for (const work of round) attempt(work);
  }
}

// An object that can't be made (say, a pod with an invalid name) must not stop the others.
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
