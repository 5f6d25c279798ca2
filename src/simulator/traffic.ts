import type { Counts } from '../analysis/telemetry.ts';
import type { Dice } from './dice.ts';

/** Requests to two versions of a service. */
export interface Requests {
  /**
   * Those that `share` (0–1) of the traffic brings to a version between two times (ms since the release began), and the
   * bad among them, by the metric's name.
   */
  count(
    who: 'candidate' | 'stable',
    share: number,
    fromMs: number,
    toMs: number,
    dice: Dice,
  ): Record<string, Counts>;
}

/** What callers do to a service for some time. */
export interface Load {
  /** How long it lasts (ms). */
  readonly forMs: number;
  /** Requests a second, of all versions together. */
  readonly perSecond: number;
  /** Share of bad events (0–1) of a healthy version, by the metric's name. */
  readonly bad: Readonly<Record<string, number>>;
}

/** The most that a version can be bad: a share above is no share. */
const ALL = 1;

/**
 * Requests to two versions of a service. Loads follow each other, and begin anew after the last; the candidate's bad
 * events are `badRatio` times as frequent as a healthy version's.
 */
export class Traffic implements Requests {
  readonly #loads: readonly Load[];
  readonly #periodMs: number;
  readonly #badRatio: number;

  /** @throws Error when there is no load, or one that lasts no time */
  constructor(loads: readonly Load[], badRatio: number) {
    if (loads.length === 0 || loads.some(({ forMs }) => !(forMs > 0)))
      throw new Error('traffic: give at least one load, each of which lasts longer than 0 ms');
    this.#loads = loads;
    this.#periodMs = loads.reduce((sum, { forMs }) => sum + forMs, 0);
    this.#badRatio = badRatio;
  }

  /** The share of bad events (0–1) of the candidate under a load. */
  candidateShare(load: Load, metric: string): number {
    return Math.min(ALL, (load.bad[metric] ?? 0) * this.#badRatio);
  }

  count(
    who: 'candidate' | 'stable',
    share: number,
    fromMs: number,
    toMs: number,
    dice: Dice,
  ): Record<string, Counts> {
    const sums = new Map<string, { all: number; bad: number }>();
    for (const { load, ms } of this.#parts(fromMs, toMs)) {
      const all = dice.poisson((load.perSecond * share * ms) / 1000);
      for (const [metric, healthy] of Object.entries(load.bad)) {
        const rate = who === 'candidate' ? this.candidateShare(load, metric) : healthy;
        const sum = sums.get(metric) ?? { all: 0, bad: 0 };
        sum.all += all;
        sum.bad += dice.binomial(all, rate);
        sums.set(metric, sum);
      }
    }
    return Object.fromEntries(sums);
  }

  /** The loads between two times, each with the time (ms) that it has a part in. */
  *#parts(fromMs: number, toMs: number): Generator<{ load: Load; ms: number }> {
    let at = fromMs;
    while (at < toMs) {
      const { load, endsMs } = this.#loadAt(at);
      const end = Math.min(toMs, endsMs);
      yield { load, ms: end - at };
      at = end;
    }
  }

  #loadAt(atMs: number): { load: Load; endsMs: number } {
    const rounds = Math.floor(atMs / this.#periodMs) * this.#periodMs;
    let endsMs = rounds;
    for (const load of this.#loads) {
      endsMs += load.forMs;
      if (atMs < endsMs) return { load, endsMs };
    }
    throw new Error(`traffic: ${atMs} ms is no time`);
  }
}
