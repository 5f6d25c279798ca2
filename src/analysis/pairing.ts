import { add, NONE } from './counts.ts';
import type { Counts } from './telemetry.ts';

/**
 * Which events of the two sides are of the same time, so that they can be compared. Some sources tell of each request as it
 * comes; others tell in lumps, of each side at a time of its own, as Prometheus does by scrapes and Envoy by histograms that
 * it brings up to date every 5 s. What strikes both versions then shows on one first.
 */
export interface Pairing {
  /** How long the latest lump was (seconds); 0 where events are told as they happen. */
  readonly lump: number;
  /** Where events are told in lumps: for so long the two sides may yet tell of a sudden change at different times (seconds). */
  readonly unsettled: number;
  /** Stable's latest events. */
  readonly latest: Counts;
  /** For how long stable has told of no requests (seconds). */
  readonly untold: number;
  /** Events, bad ones as they count, that wait for the other side to have requests as well: only then can they be compared. */
  readonly waiting?: Waiting | undefined;
}

export const NEW_PAIRING: Pairing = { lump: 0, unsettled: 0, latest: NONE, untold: 0 };

/** Events that cannot be compared yet, and for how long they have waited (seconds). */
export interface Waiting {
  readonly candidate: Counts;
  readonly stable: Counts;
  readonly seconds: number;
  /** True when some of them may have happened at the weight before. */
  readonly before?: boolean | undefined;
  /** True when stable was in an outage in their time. */
  readonly outage?: boolean | undefined;
  /** True when there was a sudden change in their time. */
  readonly changed?: boolean | undefined;
  /** True when more of one side may be missing than of the other, as after a change of the weight. */
  readonly torn?: boolean | undefined;
  /** The candidate's that no limit was held against yet, bad ones as they count. */
  readonly unheld: Counts;
  /** The same, each of them. */
  readonly told: Counts;
}

/** One interval of both sides, with how many bad events count. */
export interface News {
  readonly candidate: Counts;
  readonly stable: Counts;
  readonly seconds: number;
  readonly before?: boolean | undefined;
  readonly counted: { readonly candidate: number; readonly stable: number };
  readonly outage: boolean;
  readonly changed: boolean;
  /** A limit is held against the candidate's at once, whatever they are compared with later. */
  readonly held: boolean;
}

/** What has waited and what has come, as far as it can be compared by now, and the rest. */
export interface Paired {
  readonly due?: Waiting;
  readonly rest?: Waiting;
}

/** One side's next lump may come so much later than the other's (in lumps). */
const LATER = 1.25;

/** A stable version that is never the same for long is compared all the same, over so much time (in lumps). */
const LONGEST_WAIT = 8;

/**
 * Events can be compared when both sides have had requests. Where they are told in lumps, stable must have told later than
 * the candidate, so that it has told of the same time: who was first of two in one interval nobody knows. And around a
 * sudden change, as an outage begins and ends with one, all waits until both must have told of it, to be compared as one.
 */
export function pair(waiting: Waiting | undefined, news: News, lump: number): Paired {
  const added = toWait(news);
  const all = waiting === undefined ? added : joined(waiting, added);
  if (lump === 0) return all.candidate.all > 0 && all.stable.all > 0 ? { due: all } : { rest: all };
  if (waiting === undefined || waiting.candidate.all === 0 || added.stable.all === 0) return { rest: all };
  if (added.changed === true && all.seconds < LONGEST_WAIT * lump) return { rest: all };
  // What belongs to a change is not cut in two.
  if (all.changed === true) return { due: all };
  const due = joined(waiting, { ...added, ...NOTHING });
  return added.candidate.all === 0 ? { due } : { due, rest: { ...added, stable: NONE } };
}

/**
 * How the two sides tell of their events, after an interval. A change that stable's latest events show may be news on one
 * side for some time.
 *
 * @param least how long the lumps are at least in which events of this kind are told (seconds)
 */
export function toldBy(
  before: Pairing,
  {
    candidate,
    stable,
    seconds,
    lumps = 0,
  }: Pick<News, 'candidate' | 'stable' | 'seconds'> & { readonly lumps?: number | undefined },
  least: number,
): Pick<Pairing, 'lump' | 'unsettled' | 'latest' | 'untold'> {
  // Who is not told of anything does not learn how things are told.
  const lump = Math.max(least, candidate.all + stable.all > 0 ? lumps : before.lump);
  const rest = Math.max(0, before.unsettled - seconds);
  if (stable.all === 0)
    return { lump, unsettled: rest, latest: before.latest, untold: before.untold + seconds };
  const isNews = lump > 0 && isChange(before.latest, stable);
  return { lump, unsettled: isNews ? LATER * lump : rest, latest: stable, untold: 0 };
}

/** By more than pods differ, and by more than chance explains: three standard deviations of the difference of two shares. */
function isChange(a: Counts, b: Counts): boolean {
  if (a.all === 0 || b.all === 0) return false;
  const [less = 0, more = 0] = [a.bad / a.all, b.bad / b.all].sort((x, y) => x - y);
  if (more <= 2 * less && more - less <= 0.05) return false;
  const share = (a.bad + b.bad) / (a.all + b.all);
  return (more - less) ** 2 > 9 * share * (1 - share) * (1 / a.all + 1 / b.all);
}

/** No events of the candidate. */
const NOTHING = { candidate: NONE, unheld: NONE, told: NONE };

/** What waited at another weight is not compared with what comes at this one. */
export const TORN: Waiting = { ...NOTHING, stable: NONE, seconds: 0, torn: true };

/** A sudden change of which a part is missing looks different on the two sides. */
function isTorn({ torn, changed }: Waiting): boolean {
  return torn === true && changed === true;
}

/** Around a sudden change the times of the two sides don't match to the second, so no more than so many bad events count. */
const MOST_OF_CHANGE = 50;

/** What of events that are due is compared; undefined where they cannot be. */
export function comparableIn(due: Waiting): Pick<Waiting, 'candidate' | 'stable'> | undefined {
  if (isTorn(due)) return undefined;
  const { candidate, stable, changed } = due;
  const bad = candidate.bad + stable.bad;
  if (changed !== true || bad <= MOST_OF_CHANGE) return due;
  const share = MOST_OF_CHANGE / bad;
  return {
    candidate: { all: candidate.all, bad: share * candidate.bad },
    stable: { all: stable.all, bad: share * stable.bad },
  };
}

/** What a limit is held against of the candidate's events, bad ones as they count, and what an outage of stable excuses. */
export interface Excusing {
  readonly held: Counts;
  readonly excused: Counts;
}

/** The same of lumps: of their time it is known once they are due. */
export function excusedIn(due: Waiting | undefined): Excusing {
  if (due === undefined) return { held: NONE, excused: NONE };
  const isExcused = due.outage === true || isTorn(due);
  return isExcused ? { held: NONE, excused: due.told } : { held: due.unheld, excused: NONE };
}

function toWait({ candidate, stable, seconds, before, counted, outage, changed, held }: News): Waiting {
  const own = { all: candidate.all, bad: counted.candidate };
  return {
    told: held ? NONE : candidate,
    unheld: held ? NONE : own,
    candidate: own,
    stable: { all: stable.all, bad: counted.stable },
    seconds,
    ...(before === true ? { before: true } : {}),
    ...(outage ? { outage: true } : {}),
    ...(changed ? { changed: true } : {}),
  };
}

function joined(a: Waiting, b: Waiting): Waiting {
  return {
    told: add(a.told, b.told),
    unheld: add(a.unheld, b.unheld),
    candidate: add(a.candidate, b.candidate),
    stable: add(a.stable, b.stable),
    seconds: a.seconds + b.seconds,
    ...(a.before === true || b.before === true ? { before: true } : {}),
    ...(a.outage === true || b.outage === true ? { outage: true } : {}),
    ...(a.changed === true || b.changed === true ? { changed: true } : {}),
    ...(a.torn === true || b.torn === true ? { torn: true } : {}),
  };
}
