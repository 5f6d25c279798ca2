import type { MeasurementResult } from '../../api/index.ts';
import { BadExpression, compile } from './expression.ts';
import type { Measurement, ValueMetric } from './metric.ts';

/** A measurement judged by itself. */
export interface Grade {
  readonly result: MeasurementResult;
  /** What was measured, shortened for status. */
  readonly value?: string;
  readonly message?: string;
}

const LONGEST = 200;

/** Judges one measurement. NaN, infinity, nothing, and what cannot be compared are errors, never a success. */
export function grade(metric: ValueMetric, measurement: Measurement): Grade {
  if (measurement.outcome === 'error') return { result: 'Error', message: shorten(measurement.message) };
  const { result, message } = measurement;
  const { spec } = metric;
  if (spec.job !== undefined) {
    return {
      result: result === true ? 'Success' : 'Failure',
      ...(message === undefined ? {} : { message: shorten(message) }),
    };
  }
  if (result === null || result === undefined) return { result: 'Error', message: 'there is no data' };
  const value = shorten(typeof result === 'string' ? result : JSON.stringify(result));
  if (typeof result === 'number' && !Number.isFinite(result)) {
    return { result: 'Error', message: `the result is ${result}: is there too little data for a quotient?` };
  }
  return { value, ...(isExpressed(metric) ? byExpression(metric, result) : byLimits(metric, result, value)) };
}

function isExpressed({ spec }: ValueMetric): boolean {
  return spec.success !== undefined || spec.failure !== undefined;
}

function byLimits({ spec: { min, max } }: ValueMetric, result: unknown, value: string): Grade {
  const number = numberOf(result);
  if (number === undefined) {
    return { result: 'Error', message: `${value} is no number: pick one by jsonPath, or judge by success` };
  }
  if (max !== undefined && number > max) return { result: 'Failure', message: `above the limit of ${max}` };
  if (min !== undefined && number < min) return { result: 'Failure', message: `below the limit of ${min}` };
  return { result: 'Success' };
}

/** A number, or the text of one, as many JSON APIs have them. */
function numberOf(result: unknown): number | undefined {
  const number = typeof result === 'string' && result.trim() !== '' ? Number(result) : result;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function byExpression({ spec: { success, failure }, args }: ValueMetric, result: unknown): Grade {
  try {
    const holds = (source: string) => compile(source).holds(result, args);
    if (failure !== undefined && holds(failure)) return { result: 'Failure', message: `${failure} is true` };
    if (success === undefined || holds(success)) return { result: 'Success' };
    return failure === undefined
      ? { result: 'Failure', message: `${success} is false` }
      : { result: 'Inconclusive', message: 'neither success nor failure is true' };
  } catch (error) {
    if (!(error instanceof BadExpression)) throw error;
    return { result: 'Error', message: `success or failure can't be told: ${shorten(error.message)}` };
  }
}

/** On one line, and short enough for a status. */
export function shorten(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
