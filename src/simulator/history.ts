import type { Counts } from '../analysis/telemetry.ts';
import type { Dice } from './dice.ts';
import type { Requests } from './traffic.ts';

/** What the pods of a service counted in the past, in equal steps of time. */
export interface History {
  /** When the first step begins (ms since the epoch). */
  readonly fromMs: number;
  readonly stepMs: number;
  readonly pods: readonly PodHistory[];
}

export interface PodHistory {
  readonly name: string;
  /** Requests by step; 0 where the pod was not there. */
  readonly all: readonly number[];
  /** Bad events by step, by the metric's name. */
  readonly bad: Readonly<Record<string, readonly number[]>>;
}

/** A pod's own rate is taken over so many steps before and after: one step alone is mostly chance. */
const SMOOTHED = 5;
/** Bursts beyond this are taken for outages, which all pods share. */
const LARGEST_BURST = 20;

/**
 * How many bad events come together on average (1 or more): the variance of their differences from step to step, over
 * their mean. Slow changes of load drop out of the differences (von Neumann 1941).
 */
export function burstiness(history: History, metric: string): number {
  let squares = 0;
  let sum = 0;
  for (const { bad } of history.pods) {
    const counts = bad[metric] ?? [];
    for (let i = 1; i < counts.length; i++) {
      const now = counts[i] ?? 0;
      const before = counts[i - 1] ?? 0;
      squares += (now - before) ** 2;
      sum += now + before;
    }
  }
  return sum === 0 ? 1 : Math.min(LARGEST_BURST, Math.max(1, squares / sum));
}

/** How long a history is (ms). */
export function lengthOf({ pods, stepMs }: History): number {
  return Math.max(0, ...pods.map(({ all }) => all.length)) * stepMs;
}

/**
 * A history from the first step in which any pod had a request to the last one: before and after it a service may not
 * have been there.
 */
export function trimmed(history: History): History {
  const { pods, fromMs, stepMs } = history;
  const served = (step: number) => pods.some(({ all }) => (all[step] ?? 0) > 0);
  const steps = Array.from({ length: lengthOf(history) / stepMs }, (_, step) => step).filter(served);
  const first = steps[0] ?? 0;
  const end = (steps.at(-1) ?? -1) + 1;
  const cut = (counts: readonly number[]) => counts.slice(first, end);
  return {
    fromMs: fromMs + first * stepMs,
    stepMs,
    pods: pods.map(({ name, all, bad }) => ({
      name,
      all: cut(all),
      bad: Object.fromEntries(Object.entries(bad).map(([metric, counts]) => [metric, cut(counts)])),
    })),
  };
}

/** Steps of a history (ms) that a release could begin at and still have `tookMs` of it, `everyMs` apart. */
export function startsOf(history: History, tookMs: number, everyMs: number): number[] {
  const starts: number[] = [];
  for (let at = 0; at + tookMs <= lengthOf(history); at += everyMs) starts.push(at);
  return starts;
}

/**
 * Requests as they were at some time in the past. Stable has the rates of all pods together, the candidate those of one
 * of them: a healthy version, with what tells pods apart. Bad events come in bursts as they did.
 */
export class Recorded implements Requests {
  readonly #history: History;
  readonly #startMs: number;
  readonly #pod: PodHistory;
  readonly #badRatio: number;
  readonly #bursts: Readonly<Record<string, number>>;

  /**
   * @param startMs when the release begins (ms since the history does)
   * @param pod the index of the pod that stands for the candidate
   * @param bursts {@link burstiness} by metric
   */
  constructor(
    history: History,
    startMs: number,
    pod: number,
    badRatio: number,
    bursts: Readonly<Record<string, number>>,
  ) {
    const chosen = history.pods[pod];
    if (chosen === undefined) throw new Error(`the history has no pod ${pod}`);
    this.#history = history;
    this.#startMs = startMs;
    this.#pod = chosen;
    this.#badRatio = badRatio;
    this.#bursts = bursts;
  }

  count(
    who: 'candidate' | 'stable',
    share: number,
    fromMs: number,
    toMs: number,
    dice: Dice,
  ): Record<string, Counts> {
    const { pods, stepMs } = this.#history;
    // A release that takes longer than the history lasts goes on as it ended.
    const last = Math.max(0, ...pods.map(({ all }) => all.length)) - 1;
    const step = Math.min(last, Math.floor((this.#startMs + fromMs) / stepMs));
    const perMs = pods.reduce((sum, { all }) => sum + (all[step] ?? 0), 0) / stepMs;
    const all = dice.poisson(perMs * share * (toMs - fromMs));
    return Object.fromEntries(
      Object.entries(this.#bursts).map(([metric, burst]) => {
        const mean = rateAround(pods, metric, step);
        const own = who === 'candidate' ? (rateAround([this.#pod], metric, step) ?? mean) : mean;
        const rate = Math.min(1, (own ?? 0) * (who === 'candidate' ? this.#badRatio : 1));
        const size = Math.floor(burst) + (dice.next() < burst % 1 ? 1 : 0);
        const bad = Math.min(all, size * dice.binomial(all, rate / burst));
        return [metric, { all, bad }];
      }),
    );
  }
}

/** The share of bad events (0–1) of these pods around a step; undefined where they had no requests. */
function rateAround(pods: readonly PodHistory[], metric: string, step: number): number | undefined {
  let all = 0;
  let bad = 0;
  for (const pod of pods) {
    for (let at = Math.max(0, step - SMOOTHED); at <= step + SMOOTHED; at++) {
      all += pod.all[at] ?? 0;
      bad += pod.bad[metric]?.[at] ?? 0;
    }
  }
  return all === 0 ? undefined : bad / all;
}
