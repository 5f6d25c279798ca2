import type { Counts } from './telemetry.ts';

/** The latest events of both sides, the older ones fading away. */
export interface Recent {
  readonly candidate: Counts;
  readonly stable: Counts;
}

/** Seconds after which events count for 37% in what is recent: long enough to tell an outage at a few requests a second. */
const FADING_SECONDS = 10;

/** Adds the events of an interval. */
export function addRecent(
  before: Recent | undefined,
  { candidate, stable }: Recent,
  seconds: number,
): Recent {
  const kept = Math.exp(-seconds / FADING_SECONDS);
  const faded = (known: Counts | undefined, { all, bad }: Counts) => ({
    all: (known?.all ?? 0) * kept + all,
    bad: (known?.bad ?? 0) * kept + bad,
  });
  return { candidate: faded(before?.candidate, candidate), stable: faded(before?.stable, stable) };
}

/**
 * True while stable itself exceeds the limit, by more than chance explains: what the candidate does meanwhile cannot be held
 * against it, and is no proof of its health either.
 *
 * @param limit the largest share of bad events allowed (0–1)
 */
export function isExcused({ stable: { all, bad } }: Recent, limit: number): boolean {
  const most = limit * all;
  return bad > most + 2 * Math.sqrt(most) + 1;
}

/** Where stable fails more than this share, no limit that it sets by itself says anything. */
const MOST_LIMIT = 0.5;

/** True while both exceed the limit. A candidate that doesn't, while stable does, is what stable waits for. */
export function isOutage(recent: Recent, limit: number): boolean {
  const most = Math.min(MOST_LIMIT, limit);
  return isExcused(recent, most) && exceeds(recent.candidate, most);
}

/** The candidate's events since its present weight was observed. */
export interface Window extends Counts {
  /** Those of them from times in which stable itself exceeded the limit. */
  readonly excused?: Counts | undefined;
  /** Those of both sides of late. */
  readonly recent?: Recent | undefined;
}

/** What the limit is held against: who keeps it even so needs no excuse. */
export function judgedBy(limit: number, { all, bad, excused }: Window): Counts {
  if (!exceeds({ all, bad }, limit)) return { all, bad };
  return { all: all - (excused?.all ?? 0), bad: bad - (excused?.bad ?? 0) };
}

function exceeds({ all, bad }: Counts, limit: number): boolean {
  return bad > limit * all;
}
