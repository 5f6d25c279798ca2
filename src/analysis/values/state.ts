import { type ValueStatus, type Verdict, durationMs } from '../../api/index.ts';
import { grade } from './grade.ts';
import type { Measurement, ValueMetric } from './metric.ts';

/**
 * A metric's state when a pass begins: what status holds of the same definition, with the window of the present weight.
 * @param windowFrom when the present weight was observed (RFC 3339); undefined while it is not
 */
export function open(
  metric: ValueMetric,
  previous: ValueStatus | undefined,
  windowFrom: string | undefined,
): ValueStatus {
  const kept = previous?.definition === metric.definition ? previous : undefined;
  const { window, dryRun, ...known } = kept ?? {
    name: metric.name,
    definition: metric.definition,
    verdict: 'Inconclusive' as const,
    message: '',
    measured: 0,
    failures: 0,
    errors: 0,
  };
  // Whether it decides is no part of the definition: what spec says now holds.
  const rest = { ...known, ...(metric.spec.dryRun === true ? { dryRun: true } : {}) };
  if (windowFrom === undefined) return rest;
  const fresh = { from: windowFrom, successes: 0, failures: 0, inconclusive: 0 };
  return { ...rest, window: window?.from === windowFrom ? window : fresh };
}

/**
 * When the next measurement is to begin (ms since the epoch; it may lie in the past); undefined while none is: there is no
 * window, one is under way, or the step has as many as it needs.
 * @param scored as for {@link judge}
 */
export function dueAt(
  metric: ValueMetric,
  state: ValueStatus,
  now: number,
  scored: boolean,
): number | undefined {
  const { window, last, running } = state;
  if (window === undefined || running !== undefined || isDone(metric, state, scored)) return undefined;
  const from = Date.parse(window.from);
  const lastAt = last === undefined ? -Infinity : Date.parse(last.at);
  if (lastAt < from) return from + durationMs(metric.spec.initialDelay);
  // After the clock was set back, a measurement of the future says nothing about when the next is due.
  return lastAt > now ? now : lastAt + durationMs(metric.spec.interval);
}

/** The measurement that is to begin next. */
export function nextNumber(state: ValueStatus): number {
  return state.measured + 1;
}

/** Adds a measurement that is over, once: one that status knows already, or that comes out of turn, changes nothing. */
export function add(metric: ValueMetric, state: ValueStatus, measurement: Measurement): ValueStatus {
  if (measurement.number !== nextNumber(state)) return state;
  const { running, window, ...rest } = state;
  const graded = grade(metric, measurement);
  const { result } = graded;
  const inWindow = window !== undefined && measurement.at >= Date.parse(window.from);
  const plus = (wanted: typeof result) => (inWindow && result === wanted ? 1 : 0);
  return {
    ...rest,
    measured: measurement.number,
    failures: state.failures + (result === 'Failure' ? 1 : 0),
    errors: result === 'Error' ? state.errors + 1 : 0,
    last: { at: new Date(measurement.at).toISOString(), ...graded },
    ...(window === undefined
      ? {}
      : {
          window: {
            from: window.from,
            successes: window.successes + plus('Success'),
            failures: window.failures + plus('Failure'),
            inconclusive: window.inconclusive + plus('Inconclusive'),
          },
        }),
  };
}

/** Notes that a Job measures from now on. */
export function start(state: ValueStatus, job: string, now: number): ValueStatus {
  return { ...state, running: { number: nextNumber(state), startedAt: new Date(now).toISOString(), job } };
}

/**
 * The verdict by what was measured up to now, and its sentence.
 * @param scored whether failures count towards a score of the step, and not by themselves
 */
export function judge(metric: ValueMetric, state: ValueStatus, scored: boolean): ValueStatus {
  const [verdict, why] = verdictOf(metric, state, scored);
  const value = state.last?.value ?? (state.last?.result === 'Failure' ? 'failed' : '');
  const seen =
    value === '' ? '' : `${value}${state.last?.message === undefined ? '' : `, ${state.last.message}`}; `;
  return { ...state, verdict, message: `${metric.name}: ${seen}${why}` };
}

function verdictOf(metric: ValueMetric, state: ValueStatus, scored: boolean): [Verdict, string] {
  const { failureLimit, consecutiveErrorLimit } = metric.spec;
  const { window, errors, last } = state;
  const failures = failuresOf(state, scored);
  if (failures > failureLimit) return ['Fail', tolerated(failures, 'failure', failureLimit)];
  if (errors > consecutiveErrorLimit) {
    return [
      'Inconclusive',
      `${tolerated(errors, 'error', consecutiveErrorLimit)} in a row: ${last?.message ?? ''}`,
    ];
  }
  return window === undefined
    ? ['Inconclusive', 'not measured at this weight yet']
    : verdictOfWindow(metric, { ...state, window }, failures);
}

/** The failures that count against `failureLimit`: with a score those at the present weight, otherwise all. */
function failuresOf({ window, failures }: ValueStatus, scored: boolean): number {
  return scored ? (window?.failures ?? 0) : failures;
}

type Opened = ValueStatus & { readonly window: NonNullable<ValueStatus['window']> };

/** The verdict by the measurements at this weight, when nothing speaks against the candidate otherwise. */
function verdictOfWindow(metric: ValueMetric, state: Opened, failures: number): [Verdict, string] {
  const { failureLimit, inconclusiveLimit } = metric.spec;
  const { window, last } = state;
  if (window.inconclusive > inconclusiveLimit) {
    return ['Inconclusive', tolerated(window.inconclusive, 'inconclusive measurement', inconclusiveLimit)];
  }
  const { valued, needed } = progress(metric, state);
  const count = `${valued} of ${needed} measurement${needed === 1 ? '' : 's'} at this weight`;
  if (valued < needed) {
    const job = state.running === undefined ? '' : `, Job ${state.running.job} has not ended`;
    return ['Inconclusive', last?.result === 'Error' ? `${count}: ${last.message ?? ''}` : `${count}${job}`];
  }
  if (window.successes === 0) return ['Inconclusive', 'no success at this weight yet'];
  if (last?.result === 'Failure')
    return ['Inconclusive', `waits for a success, after ${tolerated(failures, 'failure', failureLimit)}`];
  if (last?.result === 'Error')
    return ['Inconclusive', `waits for a value, after an error: ${last.message ?? ''}`];
  if (last?.result === 'Inconclusive')
    return ['Inconclusive', 'waits for a success, after an inconclusive measurement'];
  return ['Pass', `${window.successes} of ${valued} succeeded at this weight`];
}

/** Measurements of this window that gave a value, and how many a step needs. */
function progress({ spec }: ValueMetric, { window }: ValueStatus): { valued: number; needed: number } {
  const { successes = 0, failures = 0, inconclusive = 0 } = window ?? {};
  return { valued: successes + failures + inconclusive, needed: spec.count ?? 1 };
}

/** True when this step needs no further measurement: it has as many as were asked for, and one more changes nothing. */
function isDone(metric: ValueMetric, state: ValueStatus, scored: boolean): boolean {
  const { spec } = metric;
  if (spec.count === undefined && spec.job === undefined) return false;
  const { valued, needed } = progress(metric, state);
  if (valued < needed) return false;
  const isStuck =
    failuresOf(state, scored) > spec.failureLimit ||
    (state.window?.inconclusive ?? 0) > spec.inconclusiveLimit;
  return isStuck || spec.dryRun === true || verdictOf(metric, state, scored)[0] === 'Pass';
}

function tolerated(count: number, what: string, limit: number): string {
  return `${count} ${what}${count === 1 ? '' : 's'}, ${limit} tolerated`;
}
