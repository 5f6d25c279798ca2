import type { Clock, Timer } from '../../kube/clock.ts';

const OPERATORS = 'operator-';

type State = 'runs' | 'stopped' | 'ended';

/**
 * Time as one process has it. The process can be stopped, as by SIGSTOP: nothing of it goes on until it is continued, and
 * then everything that is overdue. It can end, as by SIGKILL: nothing of it ever goes on. Its wall clock can be set.
 */
export class ProcessClock implements Clock {
  /** Of the process; it is also the name under which the API server knows it. */
  readonly identity: string;
  readonly #time: Clock;
  #state: State = 'runs';
  #offsetMs = 0;
  #waiting: (() => void)[] = [];

  /** @param time that of the world */
  constructor(time: Clock, identity: string) {
    this.identity = identity;
    this.#time = time;
  }

  get isAlive(): boolean {
    return this.#state !== 'ended';
  }

  get isRunning(): boolean {
    return this.#state === 'runs';
  }

  now(): number {
    // As Date.now tells it.
    return Math.floor(this.#time.now()) + this.#offsetMs;
  }

  monotonic(): number {
    return this.#time.monotonic();
  }

  after(ms: number, callback: () => void): Timer {
    let cancelled = false;
    const timer = this.#time.after(ms, () => {
      this.whenRunning(() => {
        if (!cancelled) callback();
      });
    });
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Calls back at once, or when a stopped process goes on; never once it has ended. */
  whenRunning(callback: () => void): void {
    if (this.#state === 'runs') callback();
    else if (this.#state === 'stopped') this.#waiting.push(callback);
  }

  /** Resolves or rejects as `promise` does, as far as the process is there to hear of it. */
  hear<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      const settled = () => {
        this.whenRunning(() => {
          resolve(promise);
        });
      };
      promise.then(settled, settled);
    });
  }

  /** Sets the wall clock forward, or back by a negative time (ms). */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  stop(): void {
    if (this.#state === 'runs') this.#state = 'stopped';
  }

  continue(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'runs';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) this.whenRunning(callback);
  }

  end(): void {
    this.#state = 'ended';
    this.#waiting = [];
  }
}

/** The name of the n-th operator process of a simulation. */
export function operatorName(n: number): string {
  return `${OPERATORS}${n}`;
}

/** Whether this is the name of an operator process, as the API server knows its callers. */
export function isOperator(user: string): boolean {
  return user.startsWith(OPERATORS);
}
