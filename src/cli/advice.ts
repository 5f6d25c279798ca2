import { type CanaryReleaseSpec, durationMs, formatDuration, formatPercent } from '../api/index.ts';
import { eventMetrics } from '../analysis/event-metric.ts';
import { dwellMs } from '../core/steps.ts';
import type { Load } from '../simulator/traffic.ts';
import type { Outcomes } from './forecast.ts';

/** Where fewer good versions go out, their manifest does not fit the service (0–1). */
const LEAST_PROMOTED = 0.5;
/** Where more bad versions are found out, they are found out at times (0–1). */
const MOST_MISSED = 0.2;
const NO_HARM = 'Set limits above what the service does today.';

/**
 * What to change where the analysis cannot decide at this traffic: where surely fewer than half of the good versions go
 * out, or no bad one is ever found out. Empty where it can, and where too few releases were played to tell.
 */
export function adviceFor(
  spec: CanaryReleaseSpec,
  load: Load,
  badRatio: number,
  good: Outcomes,
  bad: Outcomes,
): string[] {
  return [...rarelyPasses(spec, load, good), ...neverFails(spec, load, badRatio, good, bad)];
}

/** That too few releases were played to tell whether most good versions go out; undefined where it is plain. */
export function doubtAbout({ runs, promoted }: Outcomes): string | undefined {
  return promoted.low > LEAST_PROMOTED || promoted.high < LEAST_PROMOTED
    ? undefined
    : `From ${releases(runs)} it cannot be told whether most good versions would go out: play more, by --runs.`;
}

function rarelyPasses(spec: CanaryReleaseSpec, load: Load, good: Outcomes): string[] {
  const { runs, promoted, rolledBack, example } = good;
  if (promoted.high >= LEAST_PROMOTED) return [];
  const few =
    promoted.count === 0
      ? `None of ${runs} versions as good as the present one goes out`
      : `Only ${promoted.count} of ${runs} versions as good as the present one ${promoted.count === 1 ? 'goes' : 'go'} out`;
  const such = example === undefined ? '' : ` (such as: ${example})`;
  if (rolledBack.low > LEAST_PROMOTED || isOverLimit(spec, load)) {
    return [`${few}: the service of today breaks the limits itself${such}. ${NO_HARM}`];
  }
  const [tight] = tightSteps(spec, load);
  return tight === undefined
    ? [`${few}${such}.`]
    : [`${few}: ${tooFew(tight)}.`, `To mend it, ${moreRequests(tight)}.`];
}

/** True when the service of today has more bad events than a limit allows. */
export function isOverLimit(spec: CanaryReleaseSpec, { bad }: Pick<Load, 'bad'>): boolean {
  return eventMetrics(spec.analysis).some(
    ({ name, limit }) => limit !== undefined && (bad[name] ?? 0) > limit,
  );
}

/** A step that often ends before it has the requests that a verdict needs. */
interface TightStep {
  readonly weight: number;
  readonly isFirst: boolean;
  readonly minRequests: number;
  /** How long the requests take on average, and how long it may be until they have come nearly always (ms). */
  readonly neededMs: number;
  readonly surelyMs: number;
  readonly dwellMs: number;
  /** When the step is given up (ms). */
  readonly allowedMs: number;
  /** So many requests come until then, nearly always. */
  readonly surely: number;
}

/** Chance leaves so many standard deviations of requests out now and then. */
const SPREAD = 2;

/** By the mean of the requests, which come by chance (Poisson). */
export function tightSteps(
  spec: CanaryReleaseSpec,
  { perSecond }: Pick<Load, 'perSecond'>,
): readonly TightStep[] {
  const { minRequests } = spec.analysis;
  // The mean of which the lower end is minRequests.
  const mean = (SPREAD / 2 + Math.sqrt((SPREAD / 2) ** 2 + minRequests)) ** 2;
  return spec.steps.flatMap(({ weight }, index) => {
    const perMs = (perSecond * weight) / 100 / 1000;
    const dwell = dwellMs(spec, weight);
    const allowedMs = dwell + durationMs(spec.progressDeadline);
    const surely = perMs * allowedMs - SPREAD * Math.sqrt(perMs * allowedMs);
    if (surely >= minRequests) return [];
    const times = { neededMs: minRequests / perMs, surelyMs: mean / perMs, dwellMs: dwell, allowedMs };
    return [{ weight, isFirst: index === 0, minRequests, surely: Math.floor(surely), ...times }];
  });
}

function tooFew({ weight, minRequests, neededMs, allowedMs }: TightStep): string {
  return `${minRequests} requests at ${weight}% take ${roughly(neededMs)} on average, and the step is given up after ${formatDuration(allowedMs)}`;
}

/** How a step gets the requests that it needs: part of a sentence. */
export function moreRequests(step: TightStep): string {
  const { weight, isFirst, surelyMs, allowedMs, surely } = step;
  const enough = Math.ceil((weight * surelyMs) / allowedMs);
  const deadlineMs = Math.ceil((surelyMs - step.dwellMs) / MINUTE_MS) * MINUTE_MS;
  const ways = [
    ...(enough < 100 ? [`give ${isFirst ? 'the first step' : 'this step'} ${enough}% or more`] : []),
    `set progressDeadline to ${formatDuration(deadlineMs)} or more`,
    ...(surely >= 1 ? [`set analysis.minRequests to ${surely} or less`] : []),
  ];
  return ways.join(', or ');
}

const MINUTE_MS = 60_000;

/** In whole minutes where these are many: `1h23m`. */
function roughly(ms: number): string {
  const unit = ms > 10 * MINUTE_MS ? MINUTE_MS : 1000;
  return formatDuration(Math.ceil(ms / unit) * unit);
}

function releases(count: number): string {
  return count === 1 ? '1 release' : `${count} releases`;
}

/** A version of the same share as today's is not to be found out. */
const SAME = 1;

function neverFails(
  spec: CanaryReleaseSpec,
  load: Load,
  badRatio: number,
  good: Outcomes,
  bad: Outcomes,
): string[] {
  if (badRatio <= SAME || bad.rolledBack.count > 0 || good.promoted.count === 0) return [];
  if (Object.values(load.bad).every((rate) => rate === 0)) {
    return [
      'A service without any bad events has nothing that could come oftener: give a share that goes wrong today, such as --error-rate 0.1% (without --prometheus).',
    ];
  }
  if (bad.rolledBack.high > MOST_MISSED) return [];
  const watched = spec.steps.reduce((sum, { weight }) => sum + (dwellMs(spec, weight) * weight) / 100, 0);
  const shares = Object.entries(load.bad).map(([metric, rate]) => {
    const expected = (watched / 1000) * load.perSecond * Math.min(1, rate * badRatio);
    const percent = formatPercent(Math.min(1, rate * badRatio));
    return `${metric} of ${percent} are ${Number(expected.toPrecision(2))} bad events in the whole release`;
  });
  return [
    `None of ${bad.runs} versions that go wrong ${badRatio} times as often is found out: ${shares.join('; ')}, too few or too near to what is allowed.`,
    spec.steps[0]?.weight === 100
      ? 'Begin with a step below 100%, where the present version has requests to compare with, or set limits closer to what the service does today.'
      : 'Watch longer (`for`), at higher weights, or set limits closer to what the service does today.',
  ];
}
