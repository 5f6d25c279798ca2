import type { Reading } from '../../analysis/telemetry.ts';
import type { Problem } from '../../api/index.ts';
import type { Clock } from '../../kube/clock.ts';
import { Readings } from './readings.ts';

export type Counted = Extract<Reading, { ok: true }>;

/** What was counted since status was last written, as far as it is known. */
export type Count = { readonly reading: Counted } | { readonly problem: Problem };

export const NOTHING: Counted = { ok: true, intervals: [], completeThrough: {} };

/** Reads counts of releases beside the passes, one read at a time for each. */
export class CountReader {
  readonly #readings: Readings<Reading>;
  /** By key: why they could not be read the last time. */
  readonly #troubles = new Map<string, Problem>();

  constructor(clock: Clock, wake: (key: string) => void) {
    this.#readings = new Readings({
      clock,
      wake,
      failed: (error) => ({
        ok: false,
        code: 'TelemetryInvalid',
        message: `Counts can't be read: ${String(error)}`,
      }),
    });
  }

  /**
   * Begins a read, unless one is under way: a late answer about another time is waited for, and not used.
   * @param id says what is read, and from when on
   */
  begin(key: string, id: string, read: () => Promise<Reading>): void {
    if (!this.#readings.isBusy(key)) this.#readings.begin(key, id, read);
  }

  settle(key: string): Promise<void> {
    return this.#readings.settle(key);
  }

  /** Takes what was read; while it is under way that is nothing, or the problem of the last time. */
  take(key: string, id: string): Count {
    const reading = this.#readings.result(key, id);
    if (!this.#readings.isBusy(key)) this.#readings.keep(key, new Set());
    if (reading?.ok === false) this.#troubles.set(key, { reason: reading.code, message: reading.message });
    else if (reading !== undefined) this.#troubles.delete(key);
    const problem = this.#troubles.get(key);
    if (problem !== undefined) return { problem };
    return { reading: reading?.ok === true ? reading : NOTHING };
  }

  forget(key: string): void {
    this.#readings.keep(key, new Set());
    this.#troubles.delete(key);
  }
}
