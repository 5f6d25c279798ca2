import type { Verdict } from '../api/index.ts';
import { dispersionFactor } from './dispersion.ts';
import { estimateRatio } from './estimate.ts';
import type { RatioEstimate } from './estimate.ts';
import type { EventEvidence, Tally, WarmUp } from './evidence.ts';
import { unexcused } from './excuse.ts';
import type { Window } from './excuse.ts';
import { ALPHA, evidenceAbove, evidenceBelow } from './limit.ts';
import { spreadOf } from './pods.ts';
import { GRAVE_RATIO, hypotheses, LN_RATIOS } from './ratios.ts';
import type { Hypotheses } from './ratios.ts';
import { costsOf } from './shares.ts';
import type { Shares } from './shares.ts';
import { failSentence, inconclusiveSentence, passSentence } from './sentence.ts';
import type { Counts, EventMetric } from './telemetry.ts';

/** How an event metric is judged. */
export interface EventSettings {
  /** Error budget of the release: the chance of rolling back a healthy version, over all metrics, looks and steps (0–1). */
  readonly alpha: number;
  /** How many metrics share it. */
  readonly tests: number;
  /** How much worse than stable the candidate may be, as a share of stable's bad rate: 0 not at all, 1 twice as bad. */
  readonly tolerance: number;
  /** The largest share of bad events allowed (0–1), whatever stable does; undefined where the release names none. */
  readonly limit?: number | undefined;
  readonly warmUp: WarmUp;
  /**
   * So long may a source be silent about stable while it tells of the candidate (seconds): before that is over, nobody knows
   * whether a limit is exceeded by both.
   */
  readonly silence: number;
  /** Requests that the candidate must have served at its present weight before it passes. */
  readonly minRequests: number;
  /** A candidate so many times as bad as stable would be harmful; what is shown to be better than that is harmless. */
  readonly harmfulRatio: number;
  /** True where a step may end early for a candidate that is shown to be harmless: only then it is asked. */
  readonly early?: boolean | undefined;
  /**
   * Of the time for which a step may be held without a verdict, the share that is over (0–1). Early on, more is asked of a
   * candidate before it passes. Left out: all is over.
   */
  readonly held?: number | undefined;
}

/** How much a metric is judged by where nothing else is said. */
export function defaultSettings(kind: EventMetric['kind']): EventSettings {
  return {
    alpha: ALPHA,
    tests: 1,
    tolerance: 0,
    warmUp: WARM_UP[kind],
    silence: SILENCE[kind],
    minRequests: 50,
    harmfulRatio: 3,
  };
}

/** Cold caches, compilers and connection pools make requests slow rather than fail. */
const WARM_UP: Readonly<Record<EventMetric['kind'], WarmUp>> = {
  errors: { ratio: 2, seconds: 10, chance: 0.25 },
  slow: { ratio: 3, seconds: 10, chance: 0.5 },
};

/** Proxies count requests as they come. They bring their histograms of durations up to date every 5 s, each at times of its own. */
const SILENCE: Readonly<Record<EventMetric['kind'], number>> = { errors: 0, slow: 6 };

/** The evidence as numbers; all evidence is log10 of an e-value. */
export interface Weighed {
  /** That the candidate is worse than stable. */
  readonly againstStable: number;
  /** That the candidate exceeds the limit, and isn't merely as bad as stable. */
  readonly againstLimit: number;
  /** Both together: what is compared with `needed`. */
  readonly total: number;
  /** The candidate fails when `total` reaches this. */
  readonly needed: number;
  /** That it is as good as stable rather than {@link GRAVE_RATIO} times as bad or more, at its most likely. */
  readonly notGrave: number;
  /** Bad events that a healthy candidate would have had by now, without those that only repeat others. */
  readonly expected: number;
  /** True when the candidate has had enough requests since stable's last one: there is nothing to compare it with. */
  readonly alone: boolean;
  /** The limit that counts (0–1): the given one, or more where stable itself is near it or over it. */
  readonly limit: number;
  /** By how much counts scatter more than those of independent events. */
  readonly dispersion: number;
  /** True when the time at the present weight alone tells more than the whole release. */
  readonly here: boolean;
}

/** How the error budget is divided between the two questions. */
const LIMIT_SHARE = 0.1;

/**
 * Where a release names no limit, and all that can be said of stable is what it did before, as while the candidate has all
 * traffic: so large a share of bad events is too large for any version of a service whose own is less than half of it.
 */
const IMPLIED_LIMIT = 0.01;

/** Where stable is near the limit or over it, a candidate exceeds it by being so many times as bad as stable. */
const OVER_STABLE = 2;

/** JSON has no infinity. */
const MOST_LOG10 = 300;

/** The exponential of less is zero. */
const LEAST_LN = -700;

/** Weighs what has been counted. May be asked after every interval: looking often costs nothing. */
export function weigh(state: EventEvidence, settings: EventSettings): Weighed {
  const dispersion = dispersionFactor(state.dispersion);
  const hypothesis = hypotheses(settings.tolerance, spreadOf(state.pods, dispersion), state.mostRatio);
  const evidenceOf = (tally: Tally) => ({
    ...compare(tally, hypothesis, dispersion, settings),
    againstLimit: limitEvidence(tally, state, settings, dispersion),
  });
  const whole = evidenceOf(state);
  // The time at its first weight is the whole release.
  const own = state.here.number < 2 ? whole : evidenceOf(state.here);
  return {
    againstStable: Math.max(whole.againstStable, own.againstStable),
    againstLimit: Math.max(whole.againstLimit, own.againstLimit),
    total: withOwn(both(whole), both(own), state.here.number),
    needed: Math.log10(settings.tests / settings.alpha),
    notGrave: whole.notGrave,
    expected: state.expected / dispersion,
    alone: isAlone(state, settings),
    limit: effectiveLimit(state, settings),
    dispersion,
    here: both(own) > both(whole),
  };
}

/** What the comparison with stable says of these events (log10). */
function compare(
  { compared, shares, warmUp }: Tally,
  { healthy, harmful }: Hypotheses,
  dispersion: number,
  settings: EventSettings,
): { againstStable: number; notGrave: number } {
  const logs = logLikelihoods(compared.bad, shares, dispersion);
  let most = -Infinity;
  for (const log of logs) most = Math.max(most, log);
  let good = 0;
  let worse = 0;
  let graveMost = -Infinity;
  for (let i = 0; i < logs.length; i++) {
    const log = logs[i] ?? 0;
    if (log - most > LEAST_LN) {
      const likelihood = Math.exp(log - most);
      good += (healthy[i] ?? 0) * likelihood;
      worse += (harmful[i] ?? 0) * likelihood;
    }
    if ((LN_RATIOS[i] ?? 0) >= LN_GRAVE && log > graveMost) graveMost = log;
  }
  const healthyLog = lnPlus(
    Math.log1p(-settings.warmUp.chance) + Math.log(good) + most,
    Math.log(settings.warmUp.chance) + warmUp / dispersion,
  );
  return {
    againstStable: log10(Math.log(worse) + most - healthyLog),
    notGrave: log10(Math.log(good) + most - graveMost),
  };
}

/** How much of the stake is kept for evidence that begins anew at each weight after the first. */
const OWN_SHARE = 0.05;

/**
 * Evidence that began anew at the present weight beside that of the whole release: the mean of e-values with shares that
 * are fixed beforehand is one. All weights together have OWN_SHARE: the kth has 1/(k·(k − 1)) of it.
 */
function withOwn(whole: number, own: number, number: number): number {
  const kept = Math.log1p(-OWN_SHARE) + whole * Math.LN10;
  if (number < 2) return log10(kept);
  return log10(lnPlus(kept, Math.log(OWN_SHARE / (number * (number - 1))) + own * Math.LN10));
}

/** Of the candidate's events those that the limit is held against: of stable's silence only once it is more than its rhythm. */
function heldToLimit(
  { candidate, counted }: Tally,
  { waiting }: EventEvidence,
  { silence }: EventSettings,
): Counts {
  const isTooSoon = waiting !== undefined && waiting.stable.all === 0 && waiting.seconds < silence;
  const early = isTooSoon ? waiting.candidate : { all: 0, bad: 0 };
  return { all: candidate.all - early.all, bad: counted - early.bad };
}

/**
 * Evidence (log10 of an e-value) that the candidate does no harm: that it is less than `harmfulRatio` times as bad as
 * stable (a version as good as stable against the likeliest of the harmful ones), or that it keeps its limit. By what was
 * counted at the present weight alone, because some faults show only under load.
 *
 * @param window the candidate's events at its present weight
 */
export function harmlessness(state: EventEvidence, window: Counts, settings: EventSettings): number {
  const { tolerance, harmfulRatio, limit = IMPLIED_LIMIT } = settings;
  const dispersion = dispersionFactor(state.dispersion);
  const logs = logLikelihoods(state.here.compared.bad, state.here.shares, dispersion);
  const { healthy } = hypotheses(tolerance, spreadOf(state.pods, dispersion), state.mostRatio);
  const lnHarmful = Math.log(harmfulRatio);
  const harmful = Math.max(...logs.filter((_, i) => (LN_RATIOS[i] ?? 0) >= lnHarmful));
  const most = Math.max(...logs);
  const good = logs.reduce((sum, log, i) => sum + (healthy[i] ?? 0) * Math.exp(log - most), 0);
  const byRatio = log10(Math.log(good) + most - harmful);
  if (limit <= 0) return byRatio;
  const counts = { all: window.all / dispersion, bad: window.bad / dispersion };
  // The better of two is an e-value when it is halved.
  return Math.max(byRatio, evidenceBelow(counts, limit)) - Math.log10(2);
}

function isAlone({ waiting }: EventEvidence, { minRequests }: EventSettings): boolean {
  return waiting !== undefined && waiting.stable.all === 0 && waiting.candidate.all >= minRequests;
}

/**
 * Evidence (log10) that the candidate exceeds the limit that counts, by the whole release or by the time at its present
 * weight. Where stable was bad in that time, the limit is higher: what struck both in it is not the candidate's fault.
 */
export function limitEvidence(
  tally: Tally,
  state: EventEvidence,
  settings: EventSettings,
  dispersion: number,
): number {
  const { all, bad } = heldToLimit(tally, state, settings);
  const limit = Math.max(effectiveLimit(state, settings), effectiveLimit(tally, settings));
  return evidenceAbove({ all: all / dispersion, bad: bad / dispersion }, limit);
}

/** An average of two e-values is one, whatever they have in common. */
function both({ againstStable, againstLimit }: Pick<Weighed, 'againstStable' | 'againstLimit'>): number {
  return log10(
    lnPlus(
      Math.log1p(-LIMIT_SHARE) + againstStable * Math.LN10,
      Math.log(LIMIT_SHARE) + againstLimit * Math.LN10,
    ),
  );
}

/** ln of the likelihood of each ratio against equality, for events as scattered as these. */
function logLikelihoods(bad: number, shares: Shares, dispersion: number): number[] {
  const costs = costsOf(shares);
  return LN_RATIOS.map((ln, i) => (bad * ln - (costs[i] ?? 0)) / dispersion);
}

/**
 * A limit that stable doesn't keep can't be held against the candidate: it then has to be twice as bad as stable was, in
 * all and in the same intervals.
 */
function effectiveLimit(
  { compared, expected, stable }: Tally,
  { limit = IMPLIED_LIMIT, tolerance }: EventSettings,
): number {
  const inAll = stable.all === 0 ? 0 : stable.bad / stable.all;
  const meanwhile = compared.all === 0 ? 0 : expected / compared.all;
  return Math.min(MOST_LIMIT, Math.max(limit, OVER_STABLE * (1 + tolerance) * Math.max(inAll, meanwhile)));
}

const MOST_LIMIT = 0.99;

/** ln(e^a + e^b) without overflow. */
function lnPlus(a: number, b: number): number {
  const most = Math.max(a, b);
  return most === -Infinity ? most : most + Math.log1p(Math.exp(Math.min(a, b) - most));
}

function log10(ln: number): number {
  return Math.min(MOST_LOG10, Math.max(-MOST_LOG10, ln / Math.LN10));
}

const LN_GRAVE = Math.log(GRAVE_RATIO);

/**
 * However long a step is held, the data must not favour harm over health by more (log10 of the factor). Less would leave
 * healthy releases without a verdict for a single chance event.
 */
const LEANING = 1;

/**
 * What is asked for that the candidate is not gravely worse: with no bad events to be expected nothing can be asked, with
 * each that a healthy candidate would have had more can, up to 20 to 1 (log10 of the factor).
 */
const ASKED = { least: -0.3, perEvent: 0.65, most: 1.3 };

/** As the time for which a step may be held runs out, less and less is asked, until only LEANING holds. */
function askedFor(expected: number, held: number): number {
  const { least, perEvent, most } = ASKED;
  const asked = Math.min(most, least + perEvent * expected);
  return asked - (asked + 2) * held ** 2;
}

/**
 * Fail by evidence, at any number of requests; Pass by what was served at this weight, once it was enough, while nothing
 * leans to worse. All else is Inconclusive.
 *
 * @param window the candidate's events since its present weight was observed
 */
export function verdictOf(weighed: Weighed, window: Window, settings: EventSettings): Verdict {
  if (weighed.total >= weighed.needed) return 'Fail';
  return doubtOf(weighed, window, settings) === undefined ? 'Pass' : 'Inconclusive';
}

/**
 * What keeps a candidate that doesn't fail from passing: too few requests; a limit that stable itself exceeds; counts over
 * the limit; counts that favour harm; or too few to tell it from one that is gravely worse.
 */
export type Doubt = 'requests' | 'excused' | 'limit' | 'harm' | 'grave';

/** The first reason for doubt; undefined where there is none. */
export function doubtOf(
  weighed: Weighed,
  window: Window,
  { minRequests, limit, held = 1 }: EventSettings,
): Doubt | undefined {
  const { againstStable, againstLimit, dispersion } = weighed;
  const judged = limit === undefined ? window : unexcused(window);
  if (window.all < minRequests) return 'requests';
  if (judged.all < minRequests) return 'excused';
  if (againstStable > LEANING || againstLimit > LEANING) return 'harm';
  if (exceeds(judged, limit ?? weighed.limit, dispersion)) return 'limit';
  // More time tells nothing where nothing can be compared any more.
  return held < 1 && !weighed.alone && weighed.notGrave < askedFor(weighed.expected, held)
    ? 'grave'
    : undefined;
}

/** More bad events than a version at its limit is likely to show: by two standard deviations. */
function exceeds({ all, bad }: Counts, limit: number, dispersion: number): boolean {
  const most = limit * all;
  return bad - most > 2 * Math.sqrt(dispersion * most);
}

/** A verdict with all that it rests on. Evidence is log10 of an e-value. */
export interface Judgement extends RatioEstimate {
  readonly verdict: Verdict;
  readonly evidence: number;
  readonly needed: number;
  /** By how much counts scatter more than those of independent events. */
  readonly dispersion: number;
  /** True when `early` is set and the evidence shows that the candidate does no harm. */
  readonly harmless: boolean;
  /** Why, in one sentence. */
  readonly message: string;
}

/** Most looks see no bad event, and the estimate is the dearest part of a judgement. */
const estimates = new WeakMap<Shares, { readonly key: string; readonly estimate: RatioEstimate }>();

function estimateOf({ compared, shares }: Tally, dispersion: number, alpha: number): RatioEstimate {
  const key = `${compared.bad}/${dispersion}/${alpha}`;
  const known = estimates.get(shares);
  if (known?.key === key) return known.estimate;
  const estimate = estimateRatio(logLikelihoods(compared.bad, shares, dispersion), alpha);
  estimates.set(shares, { key, estimate });
  return estimate;
}

/**
 * Judges what has been counted.
 *
 * @param what the metric in words, as in `errors`
 * @param window the candidate's events since its present weight was observed
 */
export function judge(
  what: string,
  state: EventEvidence,
  window: Window,
  settings: EventSettings,
): Judgement {
  const weighed = weigh(state, settings);
  const verdict = verdictOf(weighed, window, settings);
  const doubt = doubtOf(weighed, window, settings);
  const sentence = () => {
    if (verdict === 'Fail') return failSentence(what, told, weighed, estimate, settings.limit);
    if (doubt === undefined) return passSentence(what, told, estimate);
    return inconclusiveSentence(what, told, weighed, window, settings, doubt);
  };
  const here = weighed.here && (verdict === 'Fail' || doubt === 'harm');
  const told = here
    ? { ...state.here, here, seconds: state.age }
    : { ...state, here, seconds: state.watched };
  const estimate = estimateOf(told, weighed.dispersion, settings.alpha);
  return {
    ...estimate,
    verdict,
    evidence: weighed.total,
    needed: weighed.needed,
    dispersion: weighed.dispersion,
    harmless: settings.early === true && harmlessness(state, window, settings) >= weighed.needed,
    message: sentence(),
  };
}
