import { NONE } from './counts.ts';
import { IMPLIED_LIMIT } from './settings.ts';
import type { Counts } from './telemetry.ts';

/** The latest events of both sides, the older ones fading away. */
export interface Recent {
  readonly candidate: Counts;
  readonly stable: Counts;
}

/** How stable does, and whether that is how it usually does. */
export interface Calm {
  readonly recent: Recent;
  /** Stable's events, those of outages left out but for a trace; the older ones fading away. */
  readonly usual: Counts;
  /** False while stable exceeds what is allowed, or usual: what the candidate does then is not held against it. */
  readonly calm: boolean;
}

export const NEW_CALM: Calm = { recent: { candidate: NONE, stable: NONE }, usual: NONE, calm: true };

/** Seconds after which events count for 37% in what is recent: long enough to tell an outage at a few requests a second. */
const RECENT_SECONDS = 10;

/** The same for what is usual: services change their ways with the time of day, not with the minute. */
const USUAL_SECONDS = 600;

/** So many requests tell what is usual; before that, everything is. */
const FIRST = 200;

/** What an outage counts in what is usual. None, and a service that is worse from now on would never be calm again. */
const TRACE = 0.05;

/** Where no limit is given, stable is in an outage when it is so many times as bad as usual. */
const UNUSUAL = 2;

/** Where stable fails more than this share, no limit that it sets by itself says anything. */
const MOST_LIMIT = 0.5;

/**
 * Adds the events of an interval.
 *
 * @param limit the largest share of bad events allowed (0–1); undefined where none is given
 */
export function addCalm(before: Calm, sides: Recent, seconds: number, limit: number | undefined): Calm {
  const recent = {
    candidate: faded(before.recent.candidate, sides.candidate, seconds, RECENT_SECONDS),
    stable: faded(before.recent.stable, sides.stable, seconds, RECENT_SECONDS),
  };
  const calm = !isOver(recent.stable, limitIn(before, limit));
  const learned = calm || before.usual.all < FIRST ? 1 : TRACE;
  const { all, bad } = sides.stable;
  const counted = { all: all * learned, bad: bad * learned };
  return { recent, usual: faded(before.usual, counted, seconds, USUAL_SECONDS), calm };
}

function faded({ all, bad }: Counts, added: Counts, seconds: number, over: number): Counts {
  const kept = Math.exp(-seconds / over);
  return { all: all * kept + added.all, bad: bad * kept + added.bad };
}

/** Stable's usual share of bad events (0–1). */
export function usualShare({ usual }: Pick<Calm, 'usual'>): number {
  return usual.all === 0 ? 0 : usual.bad / usual.all;
}

function limitIn(calm: Calm, limit = Math.max(IMPLIED_LIMIT, UNUSUAL * usualShare(calm))): number {
  return Math.min(MOST_LIMIT, limit);
}

/** By more than chance explains. */
function isOver({ all, bad }: Counts, limit: number): boolean {
  const most = limit * all;
  return bad > most + 2 * Math.sqrt(most) + 1;
}

/** True while both exceed the limit. A candidate that doesn't, while stable does, is what stable waits for. */
export function isOutage(calm: Calm, limit: number | undefined): boolean {
  return !calm.calm && exceeds(calm.recent.candidate, limitIn(calm, limit));
}

/** The candidate's events since its present weight was observed. */
export interface Window extends Counts {
  /** Those of them from outages of stable. */
  readonly excused?: Counts | undefined;
}

/** What the limit is held against: who keeps it even so needs no excuse. */
export function judgedBy(limit: number, { all, bad, excused }: Window): Counts {
  if (!exceeds({ all, bad }, limit)) return { all, bad };
  return { all: all - (excused?.all ?? 0), bad: bad - (excused?.bad ?? 0) };
}

function exceeds({ all, bad }: Counts, limit: number): boolean {
  return bad > limit * all;
}
