import type { Counts } from './telemetry.ts';

/** Stable's latest events, the older ones fading away. */
export type Recent = Counts;

/** Seconds after which events count for 37% in what is recent: long enough to tell an outage at a few requests a second. */
const FADING_SECONDS = 10;

/** Adds stable's events of an interval. */
export function addRecent(before: Recent | undefined, { all, bad }: Counts, seconds: number): Recent {
  const kept = Math.exp(-seconds / FADING_SECONDS);
  return { all: (before?.all ?? 0) * kept + all, bad: (before?.bad ?? 0) * kept + bad };
}

/**
 * True while stable itself exceeds the limit, by more than chance explains: what the candidate does meanwhile cannot be held
 * against it, and is no proof of its health either.
 *
 * @param limit the largest share of bad events allowed (0–1)
 */
export function isExcused({ all, bad }: Recent, limit: number): boolean {
  const most = limit * all;
  return bad > most + 2 * Math.sqrt(most) + 1;
}

/** The candidate's events since its present weight was observed. */
export interface Window extends Counts {
  /** Those of them from times in which stable itself exceeded the limit. */
  readonly excused?: Counts | undefined;
}

/** What the limit is held against. */
export function unexcused({ all, bad, excused }: Window): Counts {
  return { all: all - (excused?.all ?? 0), bad: bad - (excused?.bad ?? 0) };
}
