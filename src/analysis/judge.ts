import type { Verdict } from '../api/index.ts';
import { dispersionFactor } from './dispersion.ts';
import { estimateRatio } from './estimate.ts';
import type { RatioEstimate } from './estimate.ts';
import type { EventEvidence, WarmUp } from './evidence.ts';
import { unexcused } from './excuse.ts';
import type { Window } from './excuse.ts';
import { ALPHA, evidenceAbove } from './limit.ts';
import { spreadOf } from './pods.ts';
import { hypotheses, LN_RATIOS } from './ratios.ts';
import { costsOf } from './shares.ts';
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
  /** Requests that the candidate must have served at its present weight before it passes. */
  readonly minRequests: number;
  /** A candidate so many times as bad as stable would be harmful; what is shown to be better than that is harmless. */
  readonly harmfulRatio: number;
}

/** How much a metric is judged by where nothing else is said. */
export function defaultSettings(kind: EventMetric['kind']): EventSettings {
  return {
    alpha: ALPHA,
    tests: 1,
    tolerance: 0,
    warmUp: WARM_UP[kind],
    minRequests: 50,
    harmfulRatio: 3,
  };
}

/** Cold caches, compilers and connection pools make requests slow rather than fail. */
const WARM_UP: Readonly<Record<EventMetric['kind'], WarmUp>> = {
  errors: { ratio: 2, seconds: 10, chance: 0.2 },
  slow: { ratio: 3, seconds: 10, chance: 0.4 },
};

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
  /** That the candidate is less than `harmfulRatio` times as bad as stable. */
  readonly harmless: number;
  /** The limit that counts (0–1): the given one, or more where stable itself is near it or over it. */
  readonly limit: number;
  /** By how much counts scatter more than those of independent events. */
  readonly dispersion: number;
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
  const spread = spreadOf(state.pods, dispersion);
  const logs = logLikelihoods(state, dispersion);
  const { healthy, harmful } = hypotheses(settings.tolerance, spread, state.mostRatio);
  let most = -Infinity;
  for (const log of logs) most = Math.max(most, log);
  let good = 0;
  let worse = 0;
  let harmfulMost = -Infinity;
  const lnHarmful = Math.log(settings.harmfulRatio);
  for (let i = 0; i < logs.length; i++) {
    const log = logs[i] ?? 0;
    if (log - most > LEAST_LN) {
      const likelihood = Math.exp(log - most);
      good += (healthy[i] ?? 0) * likelihood;
      worse += (harmful[i] ?? 0) * likelihood;
    }
    if ((LN_RATIOS[i] ?? 0) >= lnHarmful && log > harmfulMost) harmfulMost = log;
  }
  const healthyLog = lnPlus(
    Math.log1p(-settings.warmUp.chance) + Math.log(good) + most,
    Math.log(settings.warmUp.chance) + state.warmUp / dispersion,
  );
  const againstStable = log10(Math.log(worse) + most - healthyLog);
  const limit = effectiveLimit(state, settings);
  const againstLimit = evidenceAbove(
    { all: state.candidate.all / dispersion, bad: state.counted / dispersion },
    limit,
  );
  return {
    againstStable,
    againstLimit,
    total: both(againstStable, againstLimit),
    needed: Math.log10(settings.tests / settings.alpha),
    harmless: log10(Math.log(good) + most - harmfulMost),
    limit,
    dispersion,
  };
}

/** An average of two e-values is one, whatever they have in common. */
function both(againstStable: number, againstLimit: number): number {
  return log10(
    lnPlus(
      Math.log1p(-LIMIT_SHARE) + againstStable * Math.LN10,
      Math.log(LIMIT_SHARE) + againstLimit * Math.LN10,
    ),
  );
}

/** ln of the likelihood of each ratio against equality, for events as scattered as these. */
function logLikelihoods(state: EventEvidence, dispersion: number): number[] {
  const { bad } = state.compared;
  return costsOf(state.shares).map((cost, i) => (bad * (LN_RATIOS[i] ?? 0) - cost) / dispersion);
}

/**
 * A limit that stable doesn't keep can't be held against the candidate: it then has to be twice as bad as stable was, in
 * all and in the same intervals.
 */
function effectiveLimit(
  { compared, expected, stable }: EventEvidence,
  { limit = IMPLIED_LIMIT }: EventSettings,
): number {
  const inAll = stable.all === 0 ? 0 : stable.bad / stable.all;
  const meanwhile = compared.all === 0 ? 0 : expected / compared.all;
  return Math.min(MOST_LIMIT, Math.max(limit, OVER_STABLE * Math.max(inAll, meanwhile)));
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

/**
 * The data may favour harm over health by so much (as a factor) and the candidate still passes. Less would hold healthy
 * releases for every chance event; more would promote bad ones that have been seen little.
 */
const LEANING = Math.log10(3);

/**
 * Fail by evidence, at any number of requests; Pass by what was served at this weight, once it was enough, while nothing
 * leans to worse. All else is Inconclusive.
 *
 * @param window the candidate's events since its present weight was observed
 */
export function verdictOf(weighed: Weighed, window: Window, { minRequests, limit }: EventSettings): Verdict {
  const { total, needed, againstStable, againstLimit, dispersion } = weighed;
  if (total >= needed) return 'Fail';
  const leans = againstStable > LEANING || againstLimit > LEANING;
  const judged = limit === undefined ? window : unexcused(window);
  const over = exceeds(judged, limit ?? weighed.limit, dispersion);
  return judged.all >= minRequests && !leans && !over ? 'Pass' : 'Inconclusive';
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
  /** True when the evidence shows that the candidate is less than `harmfulRatio` times as bad: a step may end early. */
  readonly harmless: boolean;
  /** Why, in one sentence. */
  readonly message: string;
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
  const estimate = estimateRatio(logLikelihoods(state, weighed.dispersion), settings.alpha);
  return {
    ...estimate,
    verdict,
    evidence: weighed.total,
    needed: weighed.needed,
    dispersion: weighed.dispersion,
    harmless: weighed.harmless >= weighed.needed,
    message: {
      Fail: () => failSentence(what, state, weighed, estimate, settings.limit),
      Pass: () => passSentence(what, state, estimate),
      Inconclusive: () => inconclusiveSentence(what, state, weighed, window, settings),
    }[verdict](),
  };
}
