/**
 * How much more the counts of bad events scatter than independent events would: retries come in clusters, and so a
 * single incident may count as three. Evidence is divided by this factor.
 */

/** Bad events of a span of time. A side without traffic so far is absent: its silence says nothing. */
interface Span {
  readonly seconds: number;
  readonly candidate?: number | undefined;
  readonly stable?: number | undefined;
}

/** Squared differences between neighbouring spans, and what they would add up to if events were independent. */
interface Scatter {
  readonly seen: number;
  readonly expected: number;
}

/** What is known of the scatter. Small, JSON-safe, never changed in place. */
export interface Dispersion {
  /** Between each span and the one before it. */
  readonly single: Scatter;
  /** Between each two spans and the two before them: a cluster cut in two by a look is whole again in one of them. */
  readonly double: Scatter;
  /** The last whole spans, the oldest first; at most three. */
  readonly spans: readonly Span[];
  /** The span that is not yet long enough. */
  readonly open?: Span | undefined;
}

const NOTHING: Scatter = { seen: 0, expected: 0 };

export const NO_DISPERSION: Dispersion = { single: NOTHING, double: NOTHING, spans: [] };

/** Retries of one request lie within this time: shorter spans would cut clusters apart. */
const LEAST_SECONDS = 0.5;

/** What is assumed before anything is seen, and how many events it takes to outweigh that. */
const PRIOR = { factor: 2, events: 0.3 };

/**
 * One pair of spans says at most so much, so that the two edges of an outage, which differ hugely, don't pass for
 * clusters ever after.
 */
const MOST_PER_PAIR = 15;

/**
 * The more counts scatter, the heavier the tails are and the rougher is one factor for all of it: an excess e over 1 is
 * taken as e·(1 + CAUTION·e).
 */
const CAUTION = 0.1;

/**
 * After a span with x bad events, one with more than FIRST + GROWTH·x of them is a single incident that shows many times
 * over, and counts as so many. Should it be the beginning of something worse, the next span counts in full.
 */
const FIRST = 2.5;
const GROWTH = 2;

/** The state after an interval, and how many of its bad events count. */
export interface Added {
  readonly dispersion: Dispersion;
  readonly candidate: number;
  readonly stable: number;
}

/**
 * Adds the bad events of an interval.
 *
 * @param candidate its bad events; undefined before its first traffic
 * @param stable its bad events; undefined before its first traffic
 * @param fresh true when the interval can't be compared with the one before: the weight has changed in between
 */
export function addSpan(
  before: Dispersion,
  seconds: number,
  candidate: number | undefined,
  stable: number | undefined,
  fresh: boolean,
): Added {
  const base: Dispersion = fresh ? { single: before.single, double: before.double, spans: [] } : before;
  const open = join(base.open, { seconds, candidate, stable });
  const last = base.spans.at(-1);
  const counted = admitted(open, last);
  const earlier = base.open === undefined ? undefined : admitted(base.open, last);
  const added = {
    candidate: (counted.candidate ?? 0) - (earlier?.candidate ?? 0),
    stable: (counted.stable ?? 0) - (earlier?.stable ?? 0),
  };
  if (open.seconds < LEAST_SECONDS) return { ...added, dispersion: { ...base, open } };
  const [a, b, c] = [base.spans.at(-3), base.spans.at(-2), base.spans.at(-1)];
  const dispersion = {
    single: c === undefined ? base.single : scatter(base.single, open, c),
    double:
      a === undefined || b === undefined || c === undefined
        ? base.double
        : scatter(base.double, join(open, c), join(b, a), 0.5),
    spans: [...base.spans.slice(-2), open],
  };
  return { ...added, dispersion };
}

/** The span with as many bad events as count. */
function admitted({ seconds, candidate, stable }: Span, last: Span | undefined): Span {
  const most = (bad: number | undefined) => (bad === undefined ? Infinity : FIRST + GROWTH * bad);
  return {
    seconds,
    candidate: candidate === undefined ? undefined : Math.min(candidate, most(last?.candidate)),
    stable: stable === undefined ? undefined : Math.min(stable, most(last?.stable)),
  };
}

/** The factor, at least 1, by which counts scatter more than those of independent events. */
export function dispersionFactor({ single, double, spans, open }: Dispersion): number {
  const last = spans.at(-1);
  // A cluster in a span that is still open counts as what it will be when the span is whole.
  const begun =
    open === undefined || last === undefined ? single : scatter(single, outgrown(open, last), last);
  const excess = Math.max(0, (estimate(begun) + estimate(double)) / 2 - 1);
  return 1 + excess * (1 + CAUTION * excess);
}

/** Only the sides that have more bad events already than in the whole span before: less is no news yet. */
function outgrown({ candidate, stable }: Span, last: Span): Span {
  return {
    seconds: LEAST_SECONDS,
    candidate: (candidate ?? 0) > (last.candidate ?? Infinity) ? candidate : undefined,
    stable: (stable ?? 0) > (last.stable ?? Infinity) ? stable : undefined,
  };
}

function estimate({ seen, expected }: Scatter): number {
  return (PRIOR.factor * PRIOR.events + seen) / (PRIOR.events + expected);
}

function scatter(sum: Scatter, now: Span, then: Span, share = 1): Scatter {
  let { seen, expected } = sum;
  const add = (x: number | undefined, y: number | undefined) => {
    if (x === undefined || y === undefined || x + y === 0) return;
    // For independent events with one rate, the mean of the square below is (x + y) whatever the spans' lengths.
    const difference = x * then.seconds - y * now.seconds;
    const square = difference ** 2 / (now.seconds * then.seconds);
    seen += share * Math.min(square, MOST_PER_PAIR * (x + y));
    expected += share * (x + y);
  };
  add(now.candidate, then.candidate);
  add(now.stable, then.stable);
  return { seen, expected };
}

function join(a: Span | undefined, b: Span): Span {
  if (a === undefined) return b;
  return {
    seconds: a.seconds + b.seconds,
    candidate: plus(a.candidate, b.candidate),
    stable: plus(a.stable, b.stable),
  };
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
