import { type MetricSpec, metric } from '../../api/index.ts';
import type { Measurement, ValueMetric } from './metric.ts';

/** A metric judged by `max: 1`, unless said otherwise. */
export function valueMetric(spec: Partial<Record<keyof MetricSpec, unknown>> = {}, args = {}): ValueMetric {
  const judged = ['min', 'max', 'success', 'failure', 'job'].some((field) => field in spec);
  const source = 'job' in spec || 'web' in spec ? {} : { prometheus: { query: 'queue' } };
  const parsed = metric.parse({ name: 'queue', ...source, ...(judged ? {} : { max: 1 }), ...spec });
  return { name: parsed.name, definition: 'a1', spec: parsed, args };
}

export const JOB = { spec: { template: { spec: { containers: [{ name: 'smoke', image: 'smoke:1' }] } } } };

/** A measurement that gave this result, or an error when it gave an Error. */
export function measured(number: number, at: number, result: unknown): Measurement {
  return result instanceof Error
    ? { number, at, outcome: 'error', message: result.message }
    : { number, at, outcome: 'value', result };
}
