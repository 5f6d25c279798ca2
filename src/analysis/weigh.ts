import { add } from './counts.ts';
import { dispersionFactor } from './dispersion.ts';
import type { EventEvidence, Tally } from './evidence.ts';
import { isOutage, usualShare } from './excuse.ts';
import { evidenceAbove, evidenceBelow } from './limit.ts';
import { spreadOf } from './pods.ts';
import { GRAVE_RATIO, hypotheses, LN_RATIOS } from './ratios.ts';
import type { Hypotheses } from './ratios.ts';
import { IMPLIED_LIMIT } from './settings.ts';
import type { EventSettings } from './settings.ts';
import { costsOf } from './shares.ts';
import type { Shares } from './shares.ts';
import type { Counts } from './telemetry.ts';

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
  /** True while something strikes both sides. */
  readonly outage: boolean;
  /** True when the present stretch alone tells more than the whole release. */
  readonly here: boolean;
}

/** How the error budget is divided between the two questions. */
const LIMIT_SHARE = 0.1;

/** Where stable is near the limit or over it, a candidate exceeds it by being so many times as bad as stable. */
const OVER_STABLE = 2;

/** JSON has no infinity. */
const MOST_LOG10 = 300;

/** The exponential of less is zero. */
const LEAST_LN = -700;

/** Weighs what has been counted. May be asked after every interval: looking often costs nothing. */
export function weigh(state: EventEvidence, settings: EventSettings): Weighed {
  const dispersion = dispersionOf(state);
  const hypothesis = hypotheses(settings.tolerance, spreadOf(state.pods, dispersion), state.mostRatio);
  const evidenceOf = (tally: Tally) => {
    const compared = compare(tally, hypothesis, dispersion, settings);
    const againstLimit = limitEvidence(tally, state, settings, dispersion);
    return { ...compared, againstLimit, total: both(compared.againstStable, againstLimit) };
  };
  const whole = evidenceOf(state);
  // The first stretch is the whole release.
  const own = state.here.number < 2 ? whole : evidenceOf(state.here);
  return {
    againstStable: Math.max(whole.againstStable, own.againstStable),
    againstLimit: Math.max(whole.againstLimit, own.againstLimit),
    total: withOwn(whole.total, own.total, state.here.number),
    needed: Math.log10(settings.tests / settings.alpha),
    notGrave: whole.notGrave,
    expected: state.expected / dispersion,
    alone: isAlone(state, settings),
    limit: effectiveLimit(state.here, state, settings),
    outage: isOutage(state, settings.limit),
    dispersion,
    here: own.total > whole.total,
  };
}

/** By how much the counts scatter more than those of independent events, at least 1. */
export function dispersionOf({ dispersion, lump }: Pick<EventEvidence, 'dispersion' | 'lump'>): number {
  return dispersionFactor(dispersion, lump > 0);
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

/** How much of the stake is kept for evidence that begins anew with each stretch after the first. */
const OWN_SHARE = 0.05;

/**
 * Evidence that began anew with the present stretch beside that of the whole release: the mean of e-values with shares that
 * are fixed beforehand is one. All stretches together have OWN_SHARE: the kth has 1/(k·(k − 1)) of it.
 */
function withOwn(whole: number, own: number, number: number): number {
  const kept = Math.log1p(-OWN_SHARE) + whole * Math.LN10;
  if (number < 2) return log10(kept);
  return log10(lnPlus(kept, Math.log(OWN_SHARE / (number * (number - 1))) + own * Math.LN10));
}

/** Two lumps, and a little more, may pass before stable's next one tells of the time of the candidate's. */
const LATE = 2.5;

/** The candidate's events that the limit is held against: of those that wait for stable's, once these are overdue. */
function heldToLimit(tally: Tally, state: EventEvidence): Counts {
  const { held } = tally;
  const { waiting, lump, untold } = state;
  const isOverdue = untold >= LATE * lump;
  if (waiting === undefined || !isOverdue || (waiting.before === true && tally !== state)) return held;
  return add(held, waiting.unheld);
}

/** Where no limit is given, so small a share of bad events (0–1) is harmless whatever stable does. */
const HARMLESS = 0.001;

/**
 * Evidence (log10 of an e-value) that the candidate does no harm: that it is less than `harmfulRatio` times as bad as
 * stable (a version as good as stable against the likeliest of the harmful ones), or that it keeps its limit. By what was
 * counted at the present weight alone, because some faults show only under load.
 *
 * @param window the candidate's events at its present weight
 */
export function harmlessness(state: EventEvidence, window: Counts, settings: EventSettings): number {
  const { tolerance, harmfulRatio, limit = HARMLESS } = settings;
  const dispersion = dispersionOf(state);
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

/** A source may be silent about stable for as long as it takes two scrapes of a Prometheus (seconds). */
const SILENT_FOR_GOOD = 120;

function isAlone({ waiting, untold }: EventEvidence, { minRequests }: EventSettings): boolean {
  return waiting !== undefined && waiting.candidate.all >= minRequests && untold >= SILENT_FOR_GOOD;
}

/**
 * Evidence (log10) that the candidate exceeds the limit that counts, by the whole release or by its present stretch,
 * outages of stable left out.
 */
export function limitEvidence(
  tally: Tally,
  state: EventEvidence,
  settings: EventSettings,
  dispersion: number,
): number {
  const { all, bad } = heldToLimit(tally, state);
  return evidenceAbove(
    { all: all / dispersion, bad: bad / dispersion },
    effectiveLimit(tally, state, settings),
  );
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
export function logLikelihoods(bad: number, shares: Shares, dispersion: number): number[] {
  const costs = costsOf(shares);
  return LN_RATIOS.map((ln, i) => (bad * ln - (costs[i] ?? 0)) / dispersion);
}

/**
 * A limit that stable doesn't keep can't be held against the candidate: it then has to be twice as bad as stable usually is,
 * and as it was in the same intervals: an outage begins before anybody knows that it is one.
 */
function effectiveLimit(
  { held }: Tally,
  state: EventEvidence,
  { limit = IMPLIED_LIMIT, tolerance }: EventSettings,
): number {
  const meanwhile = held.compared === 0 ? 0 : held.expected / held.compared;
  return Math.min(1, Math.max(limit, OVER_STABLE * (1 + tolerance) * Math.max(usualShare(state), meanwhile)));
}

/** ln(e^a + e^b) without overflow. */
function lnPlus(a: number, b: number): number {
  const most = Math.max(a, b);
  return most === -Infinity ? most : most + Math.log1p(Math.exp(Math.min(a, b) - most));
}

function log10(ln: number): number {
  return Math.min(MOST_LOG10, Math.max(-MOST_LOG10, ln / Math.LN10));
}

const LN_GRAVE = Math.log(GRAVE_RATIO);
