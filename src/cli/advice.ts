import { type CanaryReleaseSpec, durationMs, formatDuration, formatPercent } from '../api/index.ts';
import { eventMetrics } from '../analysis/event-metric.ts';
import { dwellMs } from '../core/steps.ts';
import type { Load } from '../simulator/traffic.ts';
import type { Outcomes } from './forecast.ts';

/**
 * What to change where the analysis could never decide at this traffic: where no good version was ever promoted, or no bad
 * one was ever found out. Empty where it can.
 */
export function adviceFor(
  spec: CanaryReleaseSpec,
  load: Load,
  badRatio: number,
  good: Outcomes,
  bad: Outcomes,
): string[] {
  return [...neverPasses(spec, load, good), ...neverFails(spec, load, badRatio, good, bad)];
}

/** Where fewer good versions go out, their manifest does not fit the service (0–1). */
const LEAST_PROMOTED = 0.5;

function neverPasses(spec: CanaryReleaseSpec, load: Load, good: Outcomes): string[] {
  if (good.promoted.low > LEAST_PROMOTED) return [];
  if (good.rolledBack.count === good.runs || isOverLimit(spec, load)) {
    return [
      `No version as good as the present one would go out: it breaks the limits itself (${good.example ?? ''}). Set limits above what the service does today.`,
    ];
  }
  const slow = spec.steps.flatMap(({ weight }) => {
    const perSecond = (load.perSecond * weight) / 100;
    const neededMs = (spec.analysis.minRequests / perSecond) * 1000;
    const allowedMs = dwellMs(spec, weight) + durationMs(spec.progressDeadline);
    return neededMs <= allowedMs ? [] : [{ weight, neededMs, allowedMs }];
  });
  const [first] = slow;
  if (first === undefined)
    return [`No version as good as the present one would go out: ${good.example ?? 'no step passes'}.`];
  const { weight, neededMs, allowedMs } = first;
  const enough = Math.max(1, Math.floor((allowedMs / 1000) * load.perSecond * (weight / 100) * 0.8));
  return [
    `No step at ${weight}% can pass: ${spec.analysis.minRequests} requests take ${formatDuration(neededMs)} there, and the step is given up after ${formatDuration(allowedMs)}.`,
    `Give the first step more than ${weight}%, or set progressDeadline above ${formatDuration(neededMs)}, or analysis.minRequests to ${enough} or less.`,
  ];
}

/** True when the service of today has more bad events than a limit allows. */
function isOverLimit(spec: CanaryReleaseSpec, { bad }: Load): boolean {
  return eventMetrics(spec.analysis).some(
    ({ name, limit }) => limit !== undefined && (bad[name] ?? 0) > limit,
  );
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
      'A service without any bad events has nothing that could come oftener: give the share that a bad version would have, such as --error-rate 0.1%.',
    ];
  }
  const watched = spec.steps.reduce((sum, { weight }) => sum + (dwellMs(spec, weight) * weight) / 100, 0);
  const shares = Object.entries(load.bad).map(([metric, rate]) => {
    const expected = (watched / 1000) * load.perSecond * Math.min(1, rate * badRatio);
    const percent = formatPercent(Math.min(1, rate * badRatio));
    return `${percent} of ${metric} are ${Number(expected.toPrecision(2))} bad events in the whole release`;
  });
  return [
    `A version that goes wrong ${badRatio} times as often would never be found out: ${shares.join('; ')}, too few or too near to what is allowed.`,
    'Watch longer (`for`), at higher weights, or set limits closer to what the service does today.',
  ];
}
