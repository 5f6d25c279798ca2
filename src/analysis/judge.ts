import type { Verdict } from '../api/index.ts';
import { estimateRatio } from './estimate.ts';
import type { RatioEstimate } from './estimate.ts';
import type { EventEvidence, Tally } from './evidence.ts';
import { judgedBy } from './excuse.ts';
import type { Window } from './excuse.ts';
import { failSentence, inconclusiveSentence, passSentence } from './sentence.ts';
import type { Told } from './sentence.ts';
import type { EventSettings } from './settings.ts';
import type { Shares } from './shares.ts';
import type { Counts } from './telemetry.ts';
import { harmlessness, logLikelihoods, weigh } from './weigh.ts';
import type { Weighed } from './weigh.ts';

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
 * What keeps a candidate that doesn't fail from passing: too few requests; a limit that stable itself exceeded; an outage of both
 * the limit; counts that favour harm; or too few to tell it from one that is gravely worse.
 */
export type Doubt = 'requests' | 'excused' | 'outage' | 'limit' | 'harm' | 'grave';

/** The first reason for doubt; undefined where there is none. */
export function doubtOf(
  weighed: Weighed,
  window: Window,
  { minRequests, limit, held = 1 }: EventSettings,
): Doubt | undefined {
  const { againstStable, againstLimit, dispersion } = weighed;
  const judged = judgedBy(limit ?? weighed.limit, window);
  if (window.all < minRequests) return 'requests';
  if (judged.all < minRequests) return 'excused';
  // What strikes both now must be over before the next weight, the more so as at 100% nobody could tell it from harm.
  if (weighed.outage) return 'outage';
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

/** The present stretch, for a sentence. */
function lately({ here, age }: EventEvidence): Told {
  return { ...here, when: here.seconds < age ? 'of late' : 'at this weight' };
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
  const told =
    weighed.here && (verdict === 'Fail' || doubt === 'harm')
      ? lately(state)
      : { ...state, seconds: state.watched };
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
