import { add, NONE } from './counts.ts';
import { addSpan, NO_DISPERSION } from './dispersion.ts';
import type { Dispersion } from './dispersion.ts';
import { addCalm, NEW_CALM } from './excuse.ts';
import type { Calm, Recent } from './excuse.ts';
import { comparableIn, excusedIn, NEW_PAIRING, pair, toldBy, TORN } from './pairing.ts';
import type { Excusing, Pairing, Waiting } from './pairing.ts';
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
export interface EventEvidence extends Tally, Calm, Pairing {
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
  readonly dispersion: Dispersion;
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
    ...NEW_PAIRING,
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
  /** True when stable gets no requests: nobody will tell of any of the same time. */
  readonly alone?: boolean | undefined;
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
  const calm = addCalm(before, { candidate, stable }, seconds, limit);
  const told = toldBy(before, interval, least);
  const isUnsettled = told.unsettled > 0;
  const added = addSpan(before.dispersion, seconds, candidate, stable, fresh || isUnsettled);
  const isHeld = told.lump === 0 || interval.alone === true;
  const news = { ...interval, counted: added, outage: !calm.calm, changed: isUnsettled, held: isHeld };
  const { due, rest } = pair(fresh ? TORN : before.waiting, news, told.lump);
  const events = watching ? due : undefined;
  const compared = comparedIn(events, excessAt(age + seconds / 2, warmUp));
  const now = isHeld ? excusing(calm.calm, candidate, added.candidate) : undefined;
  const { held, excused } = heldIn(events, now);
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
    ...told,
    excused,
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

/** Of events that wait for nothing of stable, what a limit is held against, and what an outage of stable excuses. */
function excusing(calm: boolean, candidate: Counts, counted: number): Excusing {
  return calm
    ? { held: { all: candidate.all, bad: counted }, excused: NONE }
    : { held: NONE, excused: candidate };
}

/** What has waited to be held against a limit, and what need not wait. */
function heldIn(due: Waiting | undefined, now: Excusing | undefined): Excusing {
  const late = excusedIn(due);
  if (now === undefined) return late;
  return { held: add(late.held, now.held), excused: add(late.excused, now.excused) };
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
function comparedIn(due: Waiting | undefined, excess: number): Compared | undefined {
  const events = due === undefined ? undefined : comparableIn(due);
  if (events === undefined) return undefined;
  const { candidate, stable } = events;
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
