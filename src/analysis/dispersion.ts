import type { Counts } from './telemetry.ts';

/**
 * How much more the counts of bad events scatter than independent events would: retries come in clusters, and so a
 * single incident may count as three. Evidence is divided by this factor.
 */

/** Bad events of one side in a span of time in which it had requests. */
interface Span {
  readonly seconds: number;
  readonly bad: number;
}

/** What is kept of one side. */
interface Side {
  /** Its last whole spans, the oldest first; at most three. */
  readonly spans: readonly Span[];
  /** The span that is not yet long enough, or has too few requests so far. */
  readonly open?: (Span & { readonly all: number }) | undefined;
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
  readonly candidate: Side;
  readonly stable: Side;
}

const NOTHING: Scatter = { seen: 0, expected: 0 };

const NEW: Side = { spans: [] };

export const NO_DISPERSION: Dispersion = { single: NOTHING, double: NOTHING, candidate: NEW, stable: NEW };

/** Retries of one request lie within this time: shorter spans would cut clusters apart. */
const LEAST_SECONDS = 0.5;

/** A span has at least so many requests: one that ends with a single request is as long as it took to come. */
const LEAST_REQUESTS = 3;

/** Spans that had to wait for so many (n) differ in length by chance, and scatter by n / (n − 1) more. */
const BY_WAITING = LEAST_REQUESTS / (LEAST_REQUESTS - 1);

/** What is assumed before anything is seen, and how many events it takes to outweigh that. */
const PRIOR = { factor: 1.9, events: 0.3 };

/** The same where events are told in lumps: there are few spans to learn from, and what is learned first is rough. */
const PRIOR_OF_LUMPS = { factor: 3, events: 10 };

/** One pair of spans says at most so much, so that a change of the rate doesn't pass for clusters ever after. */
const MOST_PER_PAIR = 15;

/** … and weighs no more than so many events: how well the scatter is known depends on the number of pairs. */
const MOST_EVENTS = 4;

/**
 * The more counts scatter, the heavier the tails are and the rougher is one factor for all of it: an excess e over 1 is
 * taken as e·(1 + CAUTION·e).
 */
const CAUTION = 0.2;

/**
 * After a span with x bad events, one with more than FIRST + GROWTH·x of them is a single incident that shows many times
 * over, and counts as so many. Should it be the beginning of something worse, the next span counts in full.
 */
const FIRST = 2.5;
const GROWTH = 2;

/**
 * In the scatter it counts as so many times as many. In full it would be held down twice, and a version that fails all
 * requests for a second now and then would never be found out; with no more than what counts, a few clusters of a healthy
 * version would pass for harm. The same holds for the end of something worse.
 */
const IN_SCATTER = 1.6;

/** The state after an interval, and how many of its bad events count. */
export interface Added {
  readonly dispersion: Dispersion;
  readonly candidate: number;
  readonly stable: number;
}

/**
 * Adds the events of an interval. Time without requests is not held for time without bad ones: sources tell of a side's
 * requests now and then, as proxies do of durations, and each side in a rhythm of its own.
 *
 * @param fresh true when the interval can't be compared with the one before: the weight has changed in between, or the rate has
 */
export function addSpan(
  before: Dispersion,
  seconds: number,
  candidate: Counts,
  stable: Counts,
  fresh: boolean,
): Added {
  const a = addSide(before.candidate, before, seconds, candidate, fresh);
  const b = addSide(before.stable, a, seconds, stable, fresh);
  // What strikes both at once is one incident: if less of it counts on one side, so does on the other.
  const share = Math.min(shareOf(a.counted, candidate), shareOf(b.counted, stable));
  return {
    dispersion: { single: b.single, double: b.double, candidate: a.side, stable: b.side },
    candidate: share * candidate.bad,
    stable: share * stable.bad,
  };
}

function shareOf(counted: number, { bad }: Counts): number {
  return bad === 0 ? 1 : counted / bad;
}

interface Sums {
  readonly single: Scatter;
  readonly double: Scatter;
}

function addSide(
  before: Side,
  { single, double }: Sums,
  seconds: number,
  { all, bad }: Counts,
  fresh: boolean,
): Sums & { readonly side: Side; readonly counted: number } {
  const { spans, open: known } = fresh ? NEW : before;
  const open = {
    seconds: (known?.seconds ?? 0) + seconds,
    bad: (known?.bad ?? 0) + bad,
    all: (known?.all ?? 0) + all,
  };
  const [a, b, c] = [spans.at(-3), spans.at(-2), spans.at(-1)];
  const counted = admitted(open, c) - (known === undefined ? 0 : admitted(known, c));
  if (open.seconds < LEAST_SECONDS || open.all < LEAST_REQUESTS) {
    return { single, double, side: { spans, open }, counted };
  }
  const span = { seconds: open.seconds, bad: open.bad };
  const hasWaited = known !== undefined && known.seconds >= LEAST_SECONDS;
  const more = hasWaited ? BY_WAITING : 1;
  return {
    single: c === undefined ? single : scatter(single, span, c, 1, more),
    double:
      a === undefined || b === undefined || c === undefined
        ? double
        : scatter(double, join(span, c), join(b, a), 0.5, more),
    side: { spans: c === undefined ? [span] : b === undefined ? [c, span] : [b, c, span] },
    counted,
  };
}

/** How many of its bad events count. */
function admitted({ bad }: Span, last: Span | undefined): number {
  return Math.min(bad, last === undefined ? Infinity : FIRST + GROWTH * last.bad);
}

/** The factor, at least 1, by which counts scatter more than those of independent events. */
export function dispersionFactor(
  { single, double, candidate, stable }: Dispersion,
  isInLumps = false,
): number {
  const prior = isInLumps ? PRIOR_OF_LUMPS : PRIOR;
  let [one, two] = [single, double];
  for (const side of [candidate, stable]) {
    one = begun(one, side);
    two = begunTwice(two, side);
  }
  const excess = Math.max(0, (estimate(one, prior) + estimate(two, prior)) / 2 - 1);
  return 1 + excess * (1 + CAUTION * excess);
}

/**
 * A cluster in a span that is still open counts as what it will be when the span is whole. Only where there are more bad
 * events already than in the whole span before: less is no news yet.
 */
function begun(sum: Scatter, { open, spans }: Side): Scatter {
  const last = spans.at(-1);
  if (open === undefined || last === undefined || open.bad <= last.bad) return sum;
  return scatter(sum, { seconds: Math.max(LEAST_SECONDS, open.seconds), bad: open.bad }, last);
}

/** The same for the open span and the last one together: the end of the last span may have cut a cluster in two. */
function begunTwice(sum: Scatter, { open, spans }: Side): Scatter {
  const [a, b, c] = [spans.at(-3), spans.at(-2), spans.at(-1)];
  if (open === undefined || a === undefined || b === undefined || c === undefined) return sum;
  const now = join({ seconds: Math.max(LEAST_SECONDS, open.seconds), bad: open.bad }, c);
  const then = join(b, a);
  return now.bad <= then.bad ? sum : scatter(sum, now, then, 0.5);
}

function estimate({ seen, expected }: Scatter, { factor, events }: typeof PRIOR): number {
  return (factor * events + seen) / (events + expected);
}

function scatter({ seen, expected }: Scatter, now: Span, then: Span, share = 1, more = 1): Scatter {
  const [x, y] = [trimmed(now, then), trimmed(then, now)];
  if (x + y === 0) return { seen, expected };
  // For independent events with one rate, the mean of the square below is their sum whatever the spans' lengths.
  const difference = x * then.seconds - y * now.seconds;
  const square = difference ** 2 / (now.seconds * then.seconds);
  const weight = share * Math.min(1, MOST_EVENTS / (x + y));
  return {
    seen: seen + weight * Math.min(square, MOST_PER_PAIR * (x + y)),
    expected: expected + weight * (x + y) * more,
  };
}

/** What counts of a span beside its neighbour. */
function trimmed(span: Span, beside: Span): number {
  return Math.min(span.bad, IN_SCATTER * (FIRST + GROWTH * beside.bad));
}

function join(a: Span, b: Span): Span {
  return { seconds: a.seconds + b.seconds, bad: a.bad + b.bad };
}
