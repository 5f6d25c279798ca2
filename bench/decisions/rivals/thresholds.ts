import { between, failedIfHeld } from './history.ts';
import type { History } from './history.ts';
import type { Ladder } from './ladder.ts';

export interface Thresholds {
  /** Seconds between checks; the first is so long after the first traffic. */
  readonly interval: number;
  /** Error rates are measured over so many seconds. */
  readonly range: number;
  /** So many failed checks, counted over the whole release, end it. */
  readonly checks: number;
  /** Whether a range without requests is a failed check. */
  readonly emptyFails: boolean;
}

/**
 * A rule of failed checks. Its value is the largest error rate that was exceeded or reached in as many checks as it takes;
 * infinite for checks without data.
 */
function* failures(
  history: History,
  { interval, range, checks, emptyFails }: Thresholds,
): Generator<{ value: number; at: number }> {
  const worst: number[] = [];
  for (let at = interval; at <= history.end; at += interval) {
    // Not a number without requests.
    const rate =
      between(history.candidateBad, at - range, at) / between(history.candidateAll, at - range, at);
    if (Number.isNaN(rate) && !emptyFails) continue;
    worst.push(Number.isNaN(rate) ? Infinity : rate);
    worst.sort((a, b) => b - a);
    worst.length = Math.min(worst.length, checks);
    const value = worst[checks - 1];
    if (value !== undefined) yield { value, at };
  }
}

/**
 * Flagger 1.44 (pkg/controller/scheduler.go): each tick runs the checks, and a failed one is counted for the rest of the
 * analysis and holds the weight; the tick after the count has reached the threshold rolls back.
 */
export function flagger(history: History, rule: Thresholds, ladder: Ladder): void {
  for (const { value, at } of failures(history, rule)) {
    const then = at + rule.interval;
    ladder.raise(value, then, (history.failed[at] ?? 0) + failedIfHeld(history, at, then));
  }
  ladder.end(history.failed[history.end] ?? 0);
}

/** Argo Rollouts 1.10, a background analysis: measurement failureLimit + 1 that fails aborts at once. */
export function argo(history: History, rule: Thresholds, ladder: Ladder): void {
  for (const { value, at } of failures(history, rule)) ladder.raise(value, at, history.failed[at] ?? 0);
  ladder.end(history.failed[history.end] ?? 0);
}
