import type { MetricSpec } from '../../api/index.ts';

/** A metric that gives a value, with its arguments. */
export interface ValueMetric {
  /** In status: `conversion`, or `TEMPLATE/conversion`. */
  readonly name: string;
  /** Hash of all that its measurements mean. */
  readonly definition: string;
  /** Exactly one of `prometheus`, `web` and `job` is set. */
  readonly spec: MetricSpec;
  /** What expressions know as `args`: numbers, durations in seconds, booleans and strings. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** One measurement that is over. */
export type Measurement = {
  /** Counts the measurements of a metric in a release from 1. */
  readonly number: number;
  /** When it began (ms since the epoch). */
  readonly at: number;
} & (
  | {
      readonly outcome: 'value';
      /** JSON, or a number that may be NaN. Of a Job: whether it completed. */
      readonly result: unknown;
      readonly message?: string | undefined;
    }
  /** There is no value: no answer, no data. `message` says why and what to do. */
  | { readonly outcome: 'error'; readonly message: string }
);
