import type { Clock, Timer } from '../../kube/clock.ts';
import { isApiError } from '../../kube/types.ts';

// Controllers that keep changing what the other wants must not stop the clock.
const MOST_ROUNDS = 1000;
const BREATHER_MS = 1000;

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
  #lastRound = 0;
  #rounds = 0;

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
    this.#pending ??= this.#clock.after(this.#nextDelay(), () => {
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

  #nextDelay(): number {
    const now = this.#clock.monotonic();
    this.#rounds = now === this.#lastRound ? this.#rounds + 1 : 0;
    this.#lastRound = now;
    return this.#rounds < MOST_ROUNDS ? this.#delayMs : Math.max(this.#delayMs, BREATHER_MS);
  }

  #run(): void {
    this.#pending = undefined;
    const round = [...this.#queue.values()];
    this.#queue.clear();
    for (const work of round) attempt(work);
  }
}

// What one reconciler finds gone or changed by another is found again in the next round.
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isApiError(error, 404) && !isApiError(error, 409)) throw error;
  }
}
