import { sleep } from './clock.ts';
import type { Clock } from './clock.ts';
import { Deadline, abortable, aborted } from './deadline.ts';
import { LeaseRecord } from './lease.ts';
import type { Attempt } from './lease.ts';
import type { ApiClient } from './types.ts';

export interface LeaderElectorOptions {
  /** Best one of its own, not the rate-limited one: renewals must not queue behind other writes. */
  client: ApiClient;
  clock: Clock;
  /** Of the Lease. */
  namespace: string;
  /** Of the Lease. */
  name: string;
  /** Different for every process, also for two runs in one pod: its host name and a random part. */
  identity: string;
  /** Others wait so long after the last renewal that they saw; 15 s by default. */
  leaseDurationMs?: number;
  /** We give up so long after the last renewal that succeeded; 10 s by default. */
  renewDeadlineMs?: number;
  /** Time between renewals, and between attempts, which have jitter; 2 s by default. */
  retryPeriodMs?: number;
  random?: () => number;
  /**
   * True of a holder that certainly runs no more, such as an earlier run of the same container: its lease is taken at once.
   * By default every holder may run as long as its lease says.
   */
  hasEnded?: ((holder: string) => boolean) | undefined;
  /**
   * Does the work of a leader until the signal aborts; then it is to finish what it has begun, for which it leads on.
   * When it rejects, leadership is given back and `run` rejects.
   */
  onStartedLeading: (signal: AbortSignal) => Promise<void>;
  /** Told once for each onStartedLeading: after a loss, or after the lease was released. */
  onStoppedLeading?: (why: 'lost' | 'released') => void;
  /** Told when somebody else, or we, begin to hold the lease. */
  onNewLeader?: (identity: string) => void;
  /** Told of every attempt that failed; the next follows by itself. */
  onError: (error: unknown) => void;
}

/**
 * Elects one leader among the processes that share a Lease, as client-go does. What must hold is that nobody acts as
 * leader when somebody else may: a holder stops before its lease can look expired to anybody, by its own monotonic
 * clock, counted from before its last successful renewal was sent.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #random: () => number;
  readonly #record: LeaseRecord;
  #validUntil = -Infinity;
  #announced: string | undefined;

  /** @throws Error for times that would make two leaders possible. */
  constructor(options: LeaderElectorOptions) {
    const leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#options = options;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    this.#random = options.random ?? Math.random;
    if (!(leaseDurationMs > this.#renewDeadlineMs && this.#renewDeadlineMs > this.#retryPeriodMs))
      throw new Error(
        `leader election: the lease duration (${leaseDurationMs} ms) must be longer than the renew deadline (${this.#renewDeadlineMs} ms), and that longer than the retry period (${this.#retryPeriodMs} ms)`,
      );
    if (options.identity === '') throw new Error('leader election: the identity must not be empty');
    const { client, clock, namespace, name, identity, hasEnded } = options;
    this.#record = new LeaseRecord({
      client,
      clock,
      ref: { namespace, name },
      identity,
      durationMs: leaseDurationMs,
      hasEnded,
    });
  }

  /**
   * True only while nobody else can hold the lease, judged anew at each call: after a pause of the process it is false
   * before any timer has fired. To be asked before each write.
   */
  isLeader(): boolean {
    return this.#options.clock.monotonic() < this.#validUntil;
  }

  /** Who holds the lease, as last seen. */
  get leader(): string | undefined {
    return this.#record.holder;
  }

  /**
   * Waits to become the leader, leads until the signal aborts or the lease is lost, and gives the lease back in the
   * first case, after the work is done. After a loss the caller may exit, which is safest, or run again.
   */
  async run(signal: AbortSignal): Promise<'released' | 'lost' | 'never led'> {
    const { clock } = this.#options;
    const stopped = () => signal.aborted;
    while (!stopped()) {
      const acquired = await this.#attempt(() => this.#record.acquire(), this.#renewDeadlineMs / 2);
      if (acquired && !stopped()) return this.#lead(signal);
      if (acquired) await this.#release();
      else await sleep(clock, this.#retryPeriodMs * (1 + this.#random()), signal);
    }
    return 'never led';
  }

  async #lead(signal: AbortSignal): Promise<'released' | 'lost'> {
    const leading = new AbortController();
    const done = new AbortController();
    const stop = () => {
      leading.abort();
    };
    signal.addEventListener('abort', stop, { once: true });
    const work = this.#work(leading.signal);
    const end = () => {
      done.abort();
    };
    work.then(end, end);
    const kept = await this.#keep(done.signal);
    signal.removeEventListener('abort', stop);
    stop();
    if (kept) await this.#release();
    this.#validUntil = -Infinity;
    this.#options.onStoppedLeading?.(kept ? 'released' : 'lost');
    if (kept) await work;
    else work.catch(this.#options.onError);
    return kept ? 'released' : 'lost';
  }

  /** The leader's work, which ends when it was asked to, or fails. */
  async #work(signal: AbortSignal): Promise<void> {
    await this.#options.onStartedLeading(signal);
    // Work that only set things going leads on until it is asked to stop.
    await aborted(signal);
  }

  /** Renews the lease until `done` aborts. @returns false when the lease was lost before */
  async #keep(done: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    while (this.isLeader()) {
      await sleep(clock, Math.min(this.#retryPeriodMs, this.#validUntil - clock.monotonic()), done);
      if (done.aborted) return this.isLeader();
      const left = this.#validUntil - clock.monotonic();
      if (left > 0)
        await this.#attempt(() => this.#record.renew(), Math.min(left, this.#renewDeadlineMs / 2));
    }
    return false;
  }

  /** @returns whether we hold the lease now */
  async #attempt(act: () => Promise<Attempt>, limitMs: number): Promise<boolean> {
    const { clock, onError } = this.#options;
    const deadline = new Deadline(clock);
    deadline.restart(limitMs);
    try {
      const attempt = await abortable(act(), deadline.signal);
      if (attempt.outcome === 'held') this.#validUntil = attempt.since + this.#renewDeadlineMs;
      if (attempt.outcome === 'other') this.#validUntil = -Infinity;
    } catch (error) {
      const late = `leader election: no answer about the lease within ${limitMs / 1000} s`;
      onError(deadline.expired ? new Error(late, { cause: error }) : error);
    } finally {
      deadline.dispose();
    }
    this.#announce();
    return this.isLeader();
  }

  #announce(): void {
    if (this.leader === undefined || this.leader === this.#announced) return;
    this.#announced = this.leader;
    this.#options.onNewLeader?.(this.leader);
  }

  async #release(): Promise<void> {
    const { clock, onError } = this.#options;
    const deadline = new Deadline(clock);
    deadline.restart(this.#renewDeadlineMs / 2);
    // Before the request: once it is sent, others may lead.
    this.#validUntil = -Infinity;
    try {
      await abortable(this.#record.release(), deadline.signal);
    } catch (error) {
      // The lease expires by itself.
      onError(error);
    } finally {
      deadline.dispose();
    }
  }
}
