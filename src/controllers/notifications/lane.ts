import type { Reason } from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import { TokenBucket } from '../../kube/rate-limit.ts';
import { exponentialBackoff } from '../../kube/workqueue.ts';

/** Messages to one target: Slack asks for no more than one a second in a channel, Discord for 30 a minute. */
const RATE = { perSecond: 0.5, burst: 5 };
/** Releases that may wait for one target. */
export const MOST_WAITING = 500;

const BACKOFF_MS = { first: 1_000, longest: 120_000 };
/** The same for what does not pass by itself. */
const BACKOFFS_MS: Partial<Record<Reason, { readonly first: number; readonly longest: number }>> = {
  DeliveryRefused: { first: 60_000, longest: 600_000 },
  // They are made any moment, and not watched.
  SecretUnreadable: { first: 5_000, longest: 60_000 },
};

/**
 * The way to one target: which releases there is something to tell of, and when the next try may be. What is told is made
 * when it is sent, so that however long a target is away, each release waits for it once, with its latest state.
 */
export class Lane {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #random: () => number;
  /** Keys of releases, who has waited longest first. */
  readonly #waiting = new Set<string>();
  #failures = 0;
  #closedUntil = -Infinity;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.#bucket = new TokenBucket(clock, RATE);
  }

  get size(): number {
    return this.#waiting.size;
  }

  get first(): string | undefined {
    const [first] = this.#waiting;
    return first;
  }

  /** @returns the release that no longer waits because too many do */
  add(release: string): string | undefined {
    if (this.#waiting.has(release)) return undefined;
    const { first } = this;
    const surplus = this.#waiting.size >= MOST_WAITING ? first : undefined;
    if (surplus !== undefined) this.#waiting.delete(surplus);
    this.#waiting.add(release);
    return surplus;
  }

  done(release: string): void {
    this.#waiting.delete(release);
  }

  /** How long the lane is closed yet (ms). */
  get closedMs(): number {
    return Math.max(0, this.#closedUntil - this.#clock.monotonic());
  }

  /** How long nothing may be sent yet (ms); 0 takes the right to send one message. */
  waitMs(): number {
    if (this.closedMs > 0) return this.closedMs;
    return this.#bucket.tryTake() ? 0 : 1000 / RATE.perSecond;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /**
   * Closes the lane for a while, which grows. Another release has its turn then: one message that a service will never take
   * must not hold up the others.
   */
  failed(release: string, reason: Reason, afterMs: number | undefined): void {
    this.#failures++;
    const { first, longest } = BACKOFFS_MS[reason] ?? BACKOFF_MS;
    const ms = afterMs ?? exponentialBackoff(first, longest, this.#random)(this.#failures);
    this.#closedUntil = this.#clock.monotonic() + ms;
    if (this.#waiting.delete(release)) this.#waiting.add(release);
  }

  /** What was wrong may be mended: the next try may be at once. */
  reopen(): void {
    this.#failures = 0;
    this.#closedUntil = -Infinity;
  }
}
