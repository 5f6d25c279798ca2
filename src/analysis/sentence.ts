import { formatPercent } from '../api/index.ts';
import type { RatioEstimate } from './estimate.ts';
import type { Tally } from './evidence.ts';
import { judgedBy } from './excuse.ts';
import type { Window } from './excuse.ts';
import { GRAVE_RATIO } from './ratios.ts';
import type { Doubt } from './judge.ts';
import type { EventSettings } from './settings.ts';
import type { Counts } from './telemetry.ts';
import type { Weighed } from './weigh.ts';

/** Clusters that the reader should know of: more than is assumed before anything is seen. */
const NOTABLE_DISPERSION = 2.5;
/** A ratio of which no more is known than that it is hardly above 1 needs no words. */
const NOTABLE_RATIO = 1.1;

/** What a sentence tells of: the whole release, or the time at its present weight alone. */
export interface Told extends Tally {
  /** Where that is only a part of the release: `at this weight` or `of late`. */
  readonly when?: string | undefined;
  readonly seconds: number;
}

/**
 * Why a metric fails: both sides, by how much they differ, and the evidence.
 *
 * @param limit the largest share of bad events allowed (0–1), where the release names one
 */
export function failSentence(
  what: string,
  told: Told,
  weighed: Weighed,
  estimate: RatioEstimate,
  limit: number | undefined,
): string {
  const { all, bad } = told.candidate;
  const isOver = limit !== undefined && bad > limit * all;
  const isWorse = estimate.atLeast >= NOTABLE_RATIO;
  const isByShare = limit === undefined && !isWorse && weighed.againstLimit > weighed.againstStable;
  const why = [
    // Where the limit decides, the comparison may still say anything.
    ...(isWorse ? [times(estimate)] : []),
    ...(!isWorse && !isOver && !isByShare ? ['more often than chance explains'] : []),
    ...(isOver ? [`over the limit of ${formatPercent(limit)}`] : []),
    ...(isByShare ? [`over ${formatPercent(weighed.limit)}, which is too much for any version`] : []),
  ];
  return [
    `${what}: ${sides(told)}`,
    ...(why.length === 0 ? [] : [why.join(', ')]),
    `evidence ${power(weighed.total)} passed ${power(weighed.needed)} after ${duration(told.seconds)}${clusters(weighed)}`,
  ].join('; ');
}

/** Why a metric passes. */
export function passSentence(what: string, told: Told, estimate: RatioEstimate): string {
  const { compared, stable } = told;
  const known = compared.bad + stable.bad > 0 && compared.all > 0;
  return `${what}: ${sides(told)}${known ? range(estimate) : ''}`;
}

/** Why there is no verdict yet. */
export function inconclusiveSentence(
  what: string,
  told: Told,
  weighed: Weighed,
  window: Window,
  { minRequests, limit: given }: Pick<EventSettings, 'minRequests' | 'limit'>,
  doubt: Doubt,
): string {
  const allowed = given === undefined ? formatPercent(weighed.limit) : `the limit of ${formatPercent(given)}`;
  const isBad = given === undefined ? 'worse than it usually is' : `over ${allowed}`;
  const evidence = `evidence ${power(weighed.total)} is below ${power(weighed.needed)}${clusters(weighed)}`;
  switch (doubt) {
    case 'requests':
      return `${what}: ${whole(window.all)} of the ${whole(minRequests)} requests that a verdict needs`;
    case 'excused':
      return `${what}: ${sides(told)}; stable itself is ${isBad}, and what happens then says nothing of the candidate`;
    case 'outage':
      return `${what}: ${sides(told)}; stable itself is ${isBad} at present, and what strikes both must be over first`;
    case 'limit':
      return `${what}: ${share(judgedBy(given ?? weighed.limit, window))} at this weight, over ${allowed}, but ${evidence}`;
    case 'harm':
      return `${what}: ${sides(told)}; it may be worse than stable, but ${evidence}`;
    case 'grave':
      return `${what}: ${sides(told)}; too few to tell it from a version ${GRAVE_RATIO} times as bad`;
  }
}

function sides({ candidate, stable, when }: Told): string {
  const beside = when !== undefined && stable.all === 0 ? 'no requests' : share(stable);
  return `${share(candidate)} on the candidate, ${beside} on stable${when === undefined ? '' : ` ${when}`}`;
}

function share({ all, bad }: Counts): string {
  return `${whole(bad)} of ${whole(all)}`;
}

function times({ ratio, atLeast, atMost }: RatioEstimate): string {
  if (ratio === undefined) return oftener('at least', atLeast);
  const interval =
    atMost === undefined ? `at least ${figure(atLeast)}` : `${figure(atLeast)} to ${figure(atMost)}`;
  return `${figure(ratio) === '1' ? 'about as often' : `${figure(ratio)} times as often`} (${interval})`;
}

function range({ atLeast, atMost }: RatioEstimate): string {
  const low = figure(atLeast);
  if (atMost === undefined) return low === '0' ? '' : `; ${oftener('at least', atLeast)}`;
  if (low === '0') return `; ${oftener('at most', atMost)}`;
  const high = figure(atMost);
  return low === high ? `; ${oftener('about', atMost)}` : `; between ${low} and ${high} times as often`;
}

/** `about as often`, `at least 2 times as often`. */
function oftener(bound: 'about' | 'at least' | 'at most', ratio: number): string {
  return figure(ratio) === '1' ? `${bound} as often` : `${bound} ${figure(ratio)} times as often`;
}

function clusters({ dispersion }: Weighed): string {
  return dispersion < NOTABLE_DISPERSION
    ? ''
    : `; bad events come about ${figure(dispersion)} at a time, and count once`;
}

function figure(value: number): string {
  return value >= 100 ? whole(value) : String(Number(value.toPrecision(2)));
}

function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

function duration(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 600) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** Writes a log10 as the number that it stands for: `12`, `200`, `2.1e5`. */
export function power(log10: number): string {
  if (log10 >= MOST_READABLE_LOG10) return `10^${Math.round(log10)}`;
  const value = 10 ** log10;
  return value < 10_000 ? String(Number(value.toPrecision(2))) : value.toExponential(1).replace('e+', 'e');
}

const MOST_READABLE_LOG10 = 15;
