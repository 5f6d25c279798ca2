import { add, NONE } from './counts.ts';
import { addSpan, NO_DISPERSION } from './dispersion.ts';
import type { Dispersion } from './dispersion.ts';
import { addCalm, NEW_CALM } from './excuse.ts';
import type { Calm, Recent } from './excuse.ts';
import { addPods } from './pods.ts';
import type { PodCounts, Pods } from './pods.ts';
import { MOST_RATIO } from './ratios.ts';
import type { EventSettings } from './settings.ts';
import { addBad } from './shares.ts';
import type { Shares } from './shares.ts';
import type { Counts } from './telemetry.ts';

/** What has been counted over some time. */
export interface Tally {
  readonly candidate: Counts;
  readonly stable: Counts;
  /** The candidate's events of the intervals in which stable had traffic as well; bad ones as they count. */
  readonly compared: Counts;
  /** The candidate's events while stable was calm: what a limit is held against. */
  readonly held: Held;
  /** Bad events of both sides, as they count, by the candidate's share of the requests among which they were. */
  readonly shares: Shares;
  /** ln of the likelihood of a healthy version that needs to warm up, against one that doesn't. */
  readonly warmUp: number;
  /** Bad events that a healthy candidate would have had: stable's rate in each interval times its requests. */
  readonly expected: number;
}

/** Events of the candidate, bad ones as they count: of an incident that shows many times over, a few. */
export interface Held extends Counts {
  /** Those of them that could be compared, and how many bad ones a healthy candidate would have had among these. */
  readonly compared: number;
  readonly expected: number;
}

/** What has been counted for one event metric since its release began. Small, JSON-safe, never changed in place. */
export interface EventEvidence extends Tally, Calm {
  /** What of it was counted in the present stretch: a fault that shows only there must not drown in what was good before. */
  readonly here: Stretch;
  /** Seconds since the candidate's first traffic. */
  readonly watched: number;
  /** Seconds since its first traffic at its present weight. */
  readonly age: number;
  /** No ratio of bad rates can be larger: stable's rate before the candidate's first traffic times it would exceed 1. */
  readonly mostRatio: number;
  /** The candidate's events of the latest interval, or of lumps that were waiting, that were in an outage of stable. */
  readonly excused: Counts;
  /** The longest lump so far (seconds); 0 where events are told as they happen. */
  readonly lump: number;
  /** Where events are told in lumps: for so long the two sides may yet tell of a sudden change at different times (seconds). */
  readonly unsettled: number;
  /** Stable's latest events. */
  readonly latest: Counts;
  /** For how long stable has told of no requests (seconds). */
  readonly untold: number;
  readonly dispersion: Dispersion;
  /** Events, bad ones as they count, that wait for the other side to have requests as well: only then can they be compared. */
  readonly waiting?: Waiting | undefined;
  readonly pods?: Pods | undefined;
}

/** The time at one weight, or a part of it where that is long. */
export interface Stretch extends Tally {
  /** Counts the stretches of a release from 1; 0 before the candidate's first traffic. */
  readonly number: number;
  readonly seconds: number;
}

/** A fault that begins late must not drown in what was good before, at the same weight either (seconds). */
const LONGEST_STRETCH = 600;

/** Events that cannot be compared yet, and for how long they have waited (seconds). */
interface Waiting {
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
  /** The candidate's, each of them. */
  readonly told: Counts;
}

const NO_EVENTS = { candidate: NONE, stable: NONE };
const NOTHING: Tally = {
  candidate: NONE,
  stable: NONE,
  compared: NONE,
  held: { ...NONE, compared: 0, expected: 0 },
  shares: {},
  warmUp: 0,
  expected: 0,
};

export function emptyEvidence(): EventEvidence {
  return {
    ...NOTHING,
    ...NEW_CALM,
    here: { ...NOTHING, number: 0, seconds: 0 },
    watched: 0,
    age: 0,
    mostRatio: MOST_RATIO,
    excused: NONE,
    lump: 0,
    unsettled: 0,
    latest: NONE,
    untold: 0,
    dispersion: NO_DISPERSION,
  };
}

/** The events of both sides in one span of time. */
export interface EventInterval {
  readonly candidate: Counts;
  readonly stable: Counts;
  readonly seconds: number;
  /** True when the weight has changed since the interval before. */
  readonly fresh?: boolean | undefined;
  /** True when some of its events may have happened at the weight before, as a scrape may tell of both. */
  readonly before?: boolean | undefined;
  /**
   * Where its counts were told in lumps, of each side for a time of its own, as by scrapes: the length of the longest
   * (seconds). What strikes both then shows on one side first.
   */
  readonly lumps?: number | undefined;
  /** The same counts by pod, where the source has them. */
  readonly pods?: { readonly candidate: PodCounts; readonly stable: PodCounts } | undefined;
}

/**
 * A version that has just got traffic, or more of it, may be `ratio` times as bad as one that is warm; the excess decays
 * with a time constant of `seconds`.
 */
export interface WarmUp {
  readonly ratio: number;
  readonly seconds: number;
  /** How likely that is of a healthy version (0–1). */
  readonly chance: number;
}

/**
 * Adds one interval. Intervals without traffic of the candidate belong here too: what stable shows before a release
 * teaches how its bad events cluster.
 *
 * Given that an interval of n requests has x bad ones, each is the candidate's with probability r·s / (1 + (r − 1)·s),
 * where s is its share of the requests and r the ratio of the bad rates. Rates that rise and fall for both sides alike
 * cancel out, and so do changes of the weight.
 */
export function addInterval(
  before: EventEvidence,
  interval: EventInterval,
  { warmUp, limit, lump: least }: Pick<EventSettings, 'warmUp' | 'limit' | 'lump'>,
): EventEvidence {
  const { candidate, stable, seconds, pods } = interval;
  const started = before.candidate.all > 0;
  const starts = !started && candidate.all > 0;
  const fresh = starts || (started && interval.fresh === true);
  // More weight may bring more pods, and those are cold again.
  const age = started && !fresh ? before.age : 0;
  const watching = started || starts;
  const { number, ...here } = stretchAt(before.here, fresh, watching);
  // What waited at another weight is not compared with what comes at this one.
  const waiting = fresh ? TORN : before.waiting;
  const lump = Math.max(before.lump, least, interval.lumps ?? 0);
  const calm = addCalm(before, { candidate, stable }, seconds, limit);
  const unsettled = unsettledAfter(before, interval, lump);
  const added = addSpan(before.dispersion, seconds, candidate, stable, fresh || unsettled > 0);
  const { due, rest } = paired(waiting, toWait(interval, added, calm.calm, unsettled > 0), lump);
  const events = watching ? due : undefined;
  const compared =
    events === undefined || isTorn(events)
      ? undefined
      : compare(asCounting(events), excessAt(age + seconds / 2, warmUp));
  const held = lump > 0 ? heldOf(events) : calm.calm ? { ...candidate, bad: added.candidate } : NONE;
  const own = events?.before === true ? { held: NONE } : { held, compared };
  return {
    ...tallied(before, { candidate, stable, held }, compared),
    ...calm,
    here: {
      ...tallied(here, { ...ownOf(interval), held: own.held }, own.compared),
      number,
      seconds: here.seconds + (watching ? seconds : 0),
    },
    ...agedBy(before, seconds, { age, starts, watching }),
    excused: lump > 0 ? excusedOf(events) : calm.calm ? NONE : candidate,
    lump,
    unsettled,
    latest: stable.all > 0 ? stable : before.latest,
    untold: stable.all > 0 ? 0 : before.untold + seconds,
    dispersion: added.dispersion,
    waiting: watching ? rest : undefined,
    pods: pods === undefined ? before.pods : addPods(before.pods, pods.candidate, pods.stable),
  };
}

/** What time alone changes. */
function agedBy(
  before: EventEvidence,
  seconds: number,
  { age, starts, watching }: { readonly age: number; readonly starts: boolean; readonly watching: boolean },
): Pick<EventEvidence, 'watched' | 'age' | 'mostRatio'> {
  return {
    watched: watching ? before.watched + seconds : 0,
    age: age + seconds,
    // Fixed before any of the candidate's events: what is weighed must not be chosen by the outcome.
    mostRatio: starts ? mostRatioOf(before.stable) : before.mostRatio,
  };
}

/** The present stretch, or the next where one begins. */
function stretchAt(here: Stretch, fresh: boolean, watching: boolean): Stretch {
  const begins = fresh || (watching && here.seconds >= LONGEST_STRETCH);
  return begins ? { ...NOTHING, number: here.number + 1, seconds: 0 } : here;
}

/** Of an interval what was counted at the present weight alone. */
function ownOf({ candidate, stable, before }: EventInterval): Recent {
  return before === true ? NO_EVENTS : { candidate, stable };
}

/** Of lumps that were waited for, what a limit is held against: none of those from an outage of stable. */
function heldOf(due: Waiting | undefined): Counts {
  return due === undefined || isExcused(due) ? NONE : due.candidate;
}

/** Of lumps that were waited for, what an outage of stable excuses. */
function excusedOf(due: Waiting | undefined): Counts {
  return due !== undefined && isExcused(due) ? due.told : NONE;
}

function isExcused(due: Waiting): boolean {
  return due.outage === true || isTorn(due);
}

function tallied(
  before: Tally,
  { candidate, stable, held: { all, bad } }: Recent & { readonly held: Counts },
  compared: Compared | undefined,
): Tally {
  const { shares, held } = before;
  const beside = all === 0 ? undefined : compared;
  return {
    candidate: add(before.candidate, candidate),
    stable: add(before.stable, stable),
    held: {
      all: held.all + all,
      bad: held.bad + bad,
      compared: held.compared + (beside?.candidate.all ?? 0),
      expected: held.expected + (beside?.expected ?? 0),
    },
    compared: compared === undefined ? before.compared : add(before.compared, compared.candidate),
    shares:
      compared === undefined || compared.bad === 0 ? shares : addBad(shares, compared.share, compared.bad),
    warmUp: before.warmUp + (compared?.warmUp ?? 0),
    expected: before.expected + (compared?.expected ?? 0),
  };
}

/** What has waited and what has come, as far as it can be compared by now, and the rest. */
interface Paired {
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
function paired(waiting: Waiting | undefined, added: Waiting, lump: number): Paired {
  const all = waiting === undefined ? added : joined(waiting, added);
  if (lump === 0) return all.candidate.all > 0 && all.stable.all > 0 ? { due: all } : { rest: all };
  if (waiting === undefined || waiting.candidate.all === 0 || added.stable.all === 0) return { rest: all };
  if (added.changed === true && all.seconds < LONGEST_WAIT * lump) return { rest: all };
  // What belongs to a change is not cut in two.
  if (all.changed === true) return { due: all };
  const due = joined(waiting, { ...added, candidate: NONE, told: NONE });
  return added.candidate.all === 0 ? { due } : { due, rest: { ...added, stable: NONE } };
}

/** For how long a change that stable's latest events show, or earlier ones did, may yet be news on one side (seconds). */
function unsettledAfter(before: EventEvidence, { stable, seconds }: EventInterval, lump: number): number {
  if (lump === 0) return 0;
  const changes = stable.all > 0 && isChange(before.latest, stable);
  return changes ? LATER * lump : Math.max(0, before.unsettled - seconds);
}

/** By more than pods differ, and by more than chance explains: three standard deviations of the difference of two shares. */
function isChange(a: Counts, b: Counts): boolean {
  if (a.all === 0 || b.all === 0) return false;
  const [less = 0, more = 0] = [a.bad / a.all, b.bad / b.all].sort((x, y) => x - y);
  if (more <= 2 * less && more - less <= 0.05) return false;
  const share = (a.bad + b.bad) / (a.all + b.all);
  return (more - less) ** 2 > 9 * share * (1 - share) * (1 / a.all + 1 / b.all);
}

/** What waited at another weight is not compared with what comes at this one. */
const TORN: Waiting = { candidate: NONE, stable: NONE, told: NONE, seconds: 0, torn: true };

/** A sudden change of which a part is missing looks different on the two sides. */
function isTorn({ torn, changed }: Waiting): boolean {
  return torn === true && changed === true;
}

/** Around a sudden change the times of the two sides don't match to the second, so no more than so many bad events count. */
const MOST_OF_CHANGE = 50;

function asCounting(events: Waiting): Pick<Waiting, 'candidate' | 'stable'> {
  const { candidate, stable, changed } = events;
  const bad = candidate.bad + stable.bad;
  if (changed !== true || bad <= MOST_OF_CHANGE) return events;
  const share = MOST_OF_CHANGE / bad;
  return {
    candidate: { all: candidate.all, bad: share * candidate.bad },
    stable: { all: stable.all, bad: share * stable.bad },
  };
}

function toWait(
  { candidate, stable, seconds, before }: EventInterval,
  counted: { readonly candidate: number; readonly stable: number },
  calm: boolean,
  changed: boolean,
): Waiting {
  return {
    told: candidate,
    candidate: { all: candidate.all, bad: counted.candidate },
    stable: { all: stable.all, bad: counted.stable },
    seconds,
    ...(before === true ? { before: true } : {}),
    ...(calm ? {} : { outage: true }),
    ...(changed ? { changed: true } : {}),
  };
}

function joined(a: Waiting, b: Waiting): Waiting {
  return {
    told: add(a.told, b.told),
    candidate: add(a.candidate, b.candidate),
    stable: add(a.stable, b.stable),
    seconds: a.seconds + b.seconds,
    ...(a.before === true || b.before === true ? { before: true } : {}),
    ...(a.outage === true || b.outage === true ? { outage: true } : {}),
    ...(a.changed === true || b.changed === true ? { changed: true } : {}),
    ...(a.torn === true || b.torn === true ? { torn: true } : {}),
  };
}

/** By how much a version that warms up is worse so many seconds after its traffic began. */
function excessAt(age: number, { ratio, seconds }: WarmUp): number {
  return seconds > 0 ? (ratio - 1) * Math.exp(-age / seconds) : 0;
}

/** What events of the same time, with requests on both sides, add to the comparison. */
interface Compared extends Pick<Tally, 'candidate' | 'warmUp' | 'expected'> {
  /** Of both sides, as they count. */
  readonly bad: number;
  /** The candidate's share of the requests (0–1). */
  readonly share: number;
}

/** @param excess by how much a version that warms up is worse */
function compare({ candidate, stable }: Pick<Waiting, 'candidate' | 'stable'>, excess: number): Compared {
  const bad = candidate.bad + stable.bad;
  const share = candidate.all / (candidate.all + stable.all);
  return {
    candidate,
    bad,
    share,
    warmUp: bad === 0 ? 0 : candidate.bad * Math.log1p(excess) - bad * Math.log1p(excess * share),
    expected: ((candidate.all * stable.bad) / stable.all) * (1 + excess),
  };
}

/**
 * By a low estimate of stable's bad rate, two standard deviations below what was seen. A stable version that fails more than
 * a fifth is broken, and the candidate may be what mends it: then its rate of today says nothing of that of tomorrow.
 */
function mostRatioOf({ all, bad }: Counts): number {
  const least = bad - 2 * Math.sqrt(bad);
  if (least <= 0 || least > BROKEN * all) return MOST_RATIO;
  return Math.min(MOST_RATIO, all / least);
}

const BROKEN = 0.2;
