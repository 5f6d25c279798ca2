import { type AnalysisSpec, type AnalysisStatus, canaryReleaseSpec } from '../api/index.ts';
import { evaluate } from './evaluate.ts';
import type { Interval } from './telemetry.ts';

export const START = Date.UTC(2030, 0, 1);
export const spec: AnalysisSpec = canaryReleaseSpec.shape.analysis.parse({
  errorRate: { max: '1%' },
  latency: { p99: '500ms' },
});

export function at(second: number): string {
  return new Date(START + second * 1000).toISOString();
}

/** One second of traffic: requests, errors and slow requests of the candidate; stable has 10 times as many, all good. */
export function second(n: number, all: number, errors = 0, slow = 0): Interval {
  const side = (count: number, bad: number, late: number) => ({
    errors: { all: count, bad },
    'latency-p99': { all: count, bad: late },
  });
  return {
    from: START + n * 1000,
    to: START + (n + 1) * 1000,
    since: {},
    counts: { new: side(all, errors, slow), old: side(all * 10, 0, 0) },
  };
}

/** One second in which stable, with 10 times the requests, has errors as well. */
export function stableToo(n: number, all: number, errors: number, stableErrors: number): Interval {
  const { counts, ...rest } = second(n, all, errors);
  return {
    ...rest,
    counts: { ...counts, old: { ...counts['old'], errors: { all: all * 10, bad: stableErrors } } },
  };
}

/** What is known of these seconds, after what was known before. */
export function judge(
  intervals: Interval[],
  previous?: AnalysisStatus,
  windowFrom = at(0),
  judgedBy = spec,
): AnalysisStatus {
  const end = intervals.at(-1)?.to ?? START;
  return evaluate({
    spec: judgedBy,
    candidate: 'new',
    stable: 'old',
    previous,
    windowFrom,
    from: START,
    reading: { ok: true, intervals, completeThrough: { new: end } },
  });
}
