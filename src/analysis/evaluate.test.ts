import { describe, expect, it } from 'vitest';
import { type AnalysisSpec, type AnalysisStatus, canaryReleaseSpec } from '../api/index.ts';
import { evaluate, eventMetrics } from './evaluate.ts';
import type { Interval } from './telemetry.ts';

const START = Date.UTC(2030, 0, 1);
const spec: AnalysisSpec = canaryReleaseSpec.shape.analysis.parse({
  errorRate: { max: '1%' },
  latency: { p99: '500ms' },
});

function at(second: number): string {
  return new Date(START + second * 1000).toISOString();
}

/** One second of traffic: requests, errors and slow requests of the candidate; stable has 10 times as many, all good. */
function second(n: number, all: number, errors = 0, slow = 0): Interval {
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

function judge(intervals: Interval[], previous?: AnalysisStatus, windowFrom = at(0)): AnalysisStatus {
  const end = intervals.at(-1)?.to ?? START;
  return evaluate({
    spec,
    candidate: 'new',
    stable: 'old',
    previous,
    windowFrom,
    from: START,
    reading: { ok: true, intervals, completeThrough: { new: end } },
  });
}

describe('what is asked of a source', () => {
  it('a latency quantile is a share of slow requests', () => {
    expect(eventMetrics(spec)).toEqual([
      { name: 'errors', kind: 'errors', limit: 0.01 },
      { name: 'latency-p99', kind: 'slow', slowerThanMs: 500, limit: 0.01 },
    ]);
  });
});

describe('a verdict', () => {
  it('passes when enough requests were served and none of the limits is exceeded', () => {
    const result = judge([second(0, 60)]);
    expect(result).toMatchObject({
      verdict: 'Pass',
      through: at(1),
      completeThrough: at(1),
      windowFrom: at(0),
    });
    expect(result.message).toBe(
      'errors: 0 of 60 (0%) on the candidate, within the limit of 1%; slower than 500 ms: 0 of 60 (0%) on the candidate, within the limit of 1%',
    );
  });

  it('is inconclusive with too few requests, and says how many are needed', () => {
    const result = judge([second(0, 20)]);
    expect(result.verdict).toBe('Inconclusive');
    expect(result.metrics[0]?.message).toBe('errors: 20 of the 50 requests that a verdict needs');
  });

  it('is inconclusive, not failed, a little above the limit without proof', () => {
    const result = judge([second(0, 60, 1)]);
    expect(result.verdict).toBe('Inconclusive');
    expect(result.message).toContain('over the limit of 1%, but evidence');
  });

  it('fails on evidence even before the minimum is served, with both sides in the sentence', () => {
    const result = judge([second(0, 20, 6)]);
    expect(result.verdict).toBe('Fail');
    expect(result.message).toMatch(
      /^errors: 6 of 20 \(30%\) on the candidate, 0 of 200 \(0%\) on stable; limit 1%, evidence \S+ passed 200$/,
    );
  });

  it('fails by latency alone', () => {
    expect(judge([second(0, 100, 0, 40)]).message).toContain('slower than 500 ms: 40 of 100 (40%)');
  });

  it('with no data at all is inconclusive', () => {
    expect(judge([]).verdict).toBe('Inconclusive');
  });
});

describe('counts over time', () => {
  it('carry over a new window for the failure, and start afresh for the pass', () => {
    const first = judge([second(0, 60, 1)]);
    const next = judge([second(10, 60)], first, at(10));
    expect(next.metrics[0]).toMatchObject({
      verdict: 'Pass',
      candidate: { all: 120, bad: 1 },
      window: { all: 60, bad: 0 },
    });
  });

  it('in pieces give what they give at once', () => {
    const seconds = [second(0, 30), second(1, 30, 1), second(2, 40)];
    const whole = judge(seconds);
    const pieces = seconds.reduce<AnalysisStatus | undefined>(
      (previous, one) => judge([one], previous),
      undefined,
    );
    expect(pieces).toEqual(whole);
  });

  it('leave out of the window what began before it', () => {
    const result = judge([second(0, 60, 20), second(1, 60)], undefined, at(1));
    expect(result.metrics[0]?.window).toEqual({ all: 60, bad: 0 });
    expect(result.metrics[0]?.candidate).toEqual({ all: 120, bad: 20 });
  });

  it('leave out of the window what was read in it and may have happened before', () => {
    const late: Interval = { ...second(1, 60, 20), since: { new: START } };
    const result = judge([late, second(2, 60)], undefined, at(1));
    expect(result.metrics[0]?.window).toEqual({ all: 60, bad: 0 });
    expect(result.metrics[0]?.candidate).toEqual({ all: 120, bad: 20 });
  });

  it('of another revision do not count', () => {
    const old: AnalysisStatus = { ...judge([second(0, 60, 20)]), revision: 'older' };
    expect(judge([second(1, 60)], old).verdict).toBe('Pass');
  });

  it('never let completeness go back', () => {
    const first = judge([second(0, 60)]);
    const next = evaluate({
      spec,
      candidate: 'new',
      stable: 'old',
      previous: first,
      windowFrom: at(0),
      from: START,
      reading: { ok: true, intervals: [], completeThrough: {}, warning: 'pod a does not answer' },
    });
    expect(next.completeThrough).toBe(first.completeThrough);
    expect(next.message).toContain('pod a does not answer');
  });
});
