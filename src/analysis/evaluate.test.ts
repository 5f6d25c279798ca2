import { describe, expect, it } from 'vitest';
import { type AnalysisSpec, type AnalysisStatus, canaryReleaseSpec, metricState } from '../api/index.ts';
import { salvageReleaseStatus } from '../api/salvage.ts';
import { eventMetrics } from './event-metric.ts';
import { evaluate } from './evaluate.ts';
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

/** One second in which stable, with 10 times the requests, has errors as well. */
function stableToo(n: number, all: number, errors: number, stableErrors: number): Interval {
  const { counts, ...rest } = second(n, all, errors);
  return {
    ...rest,
    counts: { ...counts, old: { ...counts['old'], errors: { all: all * 10, bad: stableErrors } } },
  };
}

function judge(
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
      'errors: 0 of 60 on the candidate, 0 of 600 on stable; slower than 500 ms: 0 of 60 on the candidate, 0 of 600 on stable',
    );
  });

  it('is inconclusive with too few requests, and says how many are needed', () => {
    const result = judge([second(0, 20)]);
    expect(result.verdict).toBe('Inconclusive');
    expect(result.metrics[0]?.message).toBe('errors: 20 of the 50 requests that a verdict needs');
  });

  it('is inconclusive, not failed, above the limit without proof', () => {
    const result = judge([0, 1].map((n) => stableToo(n, 60, 3, 2)));
    expect(result.verdict).toBe('Inconclusive');
    expect(result.message).toMatch(
      /^errors: 6 of 120 .* it may be worse than stable, but evidence \S+ is below 200/,
    );
    const over = judge(Array.from({ length: 10 }, (_, n) => stableToo(n, 100, n % 3 === 0 ? 3 : 1, 9)));
    expect(over.verdict).toBe('Inconclusive');
    expect(over.message).toMatch(/^errors: 18 of 1,000 at this weight, over the limit of 1%, but evidence/);
  });

  it('is inconclusive for a while where the counts could come from a version that is five times as bad', () => {
    const seconds = [stableToo(0, 60, 2, 5)];
    const held = (share: number) =>
      evaluate({
        ...{ spec, candidate: 'new', stable: 'old', previous: undefined, windowFrom: at(0), from: START },
        reading: { ok: true, intervals: seconds, completeThrough: {} },
        held: share,
      }).metrics[0];
    expect(held(0)?.message).toMatch(/^errors: 2 of 60 .* too few to tell it from a version 5 times as bad$/);
    expect(held(0)?.verdict).toBe('Inconclusive');
    expect(held(1)?.verdict).toBe('Pass');
    // At 100% there is nothing more to learn.
    const alone = { ...second(1, 100), counts: { new: second(1, 100).counts['new'] ?? {} } };
    seconds.push(...Array.from({ length: 120 }, () => alone));
    expect(held(0)?.verdict).toBe('Pass');
  });

  it('fails on evidence even before the minimum is served, with both sides in the sentence', () => {
    const result = judge([second(0, 20, 6)]);
    expect(result.verdict).toBe('Fail');
    expect(result.message).toMatch(
      /^errors: 6 of 20 on the candidate, 0 of 200 on stable; at least \S+ times as often, over the limit of 1%; evidence \S+ passed 200 after 1 s/,
    );
  });

  it('fails by latency alone', () => {
    // Durations of stable that are told later are of the same time, or of a later one.
    const { verdict, message } = judge([second(0, 100, 0, 40), second(1, 100, 0, 40)]);
    expect(verdict).toBe('Fail');
    expect(message).toContain('slower than 500 ms: 80 of 200 on the candidate');
  });

  it('says how much worse than stable the candidate is, with an interval', () => {
    const [errors] = judge(Array.from({ length: 10 }, (_, n) => stableToo(n, 100, 30, 10))).metrics;
    expect(errors?.message).toMatch(
      /300 of 1,000 on the candidate, 100 of 10,000 on stable; 30 times as often/,
    );
    expect(errors?.ratio?.estimate).toBeCloseTo(30, 0);
    expect(errors?.ratio?.atLeast).toBeGreaterThan(15);
    expect(errors?.ratio?.atMost).toBeLessThan(60);
  });

  it('of a version that is no worse than stable is no failure, when both exceed the limit', () => {
    const outage = Array.from({ length: 20 }, (_, n) => stableToo(n, 20, 6, 60));
    expect(judge(outage).metrics[0]?.verdict).not.toBe('Fail');
  });

  it.each(['1%', undefined])('is no Fail while every request of both sides fails (limit %s)', (max) => {
    const analysis = canaryReleaseSpec.shape.analysis.parse({ errorRate: max === undefined ? {} : { max } });
    const good = Array.from({ length: 120 }, (_, n) => second(n, 100));
    const down = Array.from({ length: 300 }, (_, n) => stableToo(120 + n, 100, 100, 1000));
    expect(judge([...good, ...down], undefined, at(0), analysis).verdict).toBe('Inconclusive');
    expect(judge(down, judge(good, undefined, at(0), analysis), at(120), analysis).verdict).toBe(
      'Inconclusive',
    );
  });

  it.each([
    ['1%', 'over the limit of 1%'],
    [undefined, 'worse than it usually is'],
  ])('waits for the end of an outage of both, though enough was good before it (limit %s)', (max, over) => {
    const analysis = canaryReleaseSpec.shape.analysis.parse({ errorRate: max === undefined ? {} : { max } });
    const good = Array.from({ length: 120 }, (_, n) => second(n, 20));
    const outage = Array.from({ length: 10 }, (_, n) => stableToo(120 + n, 20, 6, 65));
    const during = judge([...good, ...outage], undefined, at(0), analysis);
    expect(during.verdict).toBe('Inconclusive');
    expect(during.message).toContain(`stable itself is ${over} at present`);
    const after = Array.from({ length: 60 }, (_, n) => second(130 + n, 20));
    expect(judge(after, during, at(0), analysis).verdict).toBe('Pass');
  });

  it.each(['1%', undefined])(
    'does not take an outage that is over for the way of the service (limit %s)',
    (max) => {
      const analysis = canaryReleaseSpec.shape.analysis.parse({
        errorRate: max === undefined ? {} : { max },
      });
      const sixty = (n: number, bad: number) => stableToo(n, 60, 60 * bad, 600 * bad);
      const good = (from: number, seconds: number) =>
        Array.from({ length: seconds }, (_, n) => sixty(from + n, (from + n) % 10 === 0 ? 1 / 60 : 0));
      const outage = Array.from({ length: 60 }, (_, n) => sixty(60 + n, 1));
      const before = judge([...good(0, 60), ...outage, ...good(120, 600)], undefined, at(0), analysis);
      expect(before.verdict).toBe('Pass');
      // All traffic, and nothing to compare with.
      const bad = Array.from({ length: 3 }, (_, n) => ({
        ...second(720 + n, 100, 20),
        counts: { new: second(720 + n, 100, 20).counts['new'] ?? {} },
      }));
      expect(judge(bad, before, at(720), analysis).verdict).toBe('Fail');
    },
  );

  it.each(['1%', undefined])('lets a step pass in which there was an outage of both (limit %s)', (max) => {
    const analysis = canaryReleaseSpec.shape.analysis.parse({ errorRate: max === undefined ? {} : { max } });
    const good = (from: number, seconds: number) =>
      Array.from({ length: seconds }, (_, n) => stableToo(from + n, 30, 0, 0));
    const long = judge(good(0, 1800), undefined, at(0), analysis);
    const outage = Array.from({ length: 30 }, (_, n) => stableToo(1860 + n, 30, 30, 300));
    const step = judge([...good(1800, 60), ...outage, ...good(1890, 120)], long, at(1800), analysis);
    expect(step.verdict).toBe('Pass');
  });

  it('is not made up for by pods of the candidate that are as they should be', () => {
    const pod = (all: number, bad: number) => ({ errors: { all, bad }, 'latency-p99': { all, bad: 0 } });
    const interval = (n: number): Interval => ({
      ...stableToo(n, 100, n % 2 === 0 ? 1 : 0, n % 4 === 0 ? 1 : 0),
      pods: {
        new: Object.fromEntries(
          Array.from({ length: 10 }, (_, i) => [`new-${i}`, pod(10, i === 0 && n % 2 === 0 ? 1 : 0)]),
        ),
        old: Object.fromEntries(
          Array.from({ length: 10 }, (_, i) => [`old-${i}`, pod(100, (n / 4) % 10 === i ? 1 : 0)]),
        ),
      },
    });
    const [errors] = judge(Array.from({ length: 120 }, (_, n) => interval(n))).metrics;
    expect(errors?.ratio?.atLeast).toBeGreaterThan(5);
    expect(errors?.verdict).toBe('Fail');
  });

  it.each(['1%', undefined])('lets the mend of a broken stable version pass (limit %s)', (max) => {
    const analysis = canaryReleaseSpec.shape.analysis.parse({ errorRate: max === undefined ? {} : { max } });
    const mend = Array.from({ length: 120 }, (_, n) => stableToo(n, 20, 0, n % 2 === 0 ? 200 : 150));
    expect(judge(mend, undefined, at(0), analysis).verdict).toBe('Pass');
  });

  it('of a limit that stable breaks all the time holds, and says so', () => {
    const broken = Array.from({ length: 60 }, (_, n) => stableToo(n, 20, 1, 10));
    const result = judge(broken);
    expect(result.verdict).toBe('Inconclusive');
    expect(result.message).toContain('stable itself is over the limit of 1%');
  });

  it('is not delayed by an outage of both versions that is over', () => {
    const outage = Array.from({ length: 10 }, (_, n) => stableToo(n, 20, 6, 60));
    const after = Array.from({ length: 60 }, (_, n) => second(10 + n, 20));
    const [errors] = judge([...outage, ...after]).metrics;
    expect(errors).toMatchObject({ verdict: 'Pass', window: { all: 1400, bad: 60 } });
    expect(errors?.excused?.bad).toBe(60);
  });

  it('without a limit compares with stable alone', () => {
    const relative = canaryReleaseSpec.shape.analysis.parse({ errorRate: {} });
    const broken = Array.from({ length: 30 }, (_, n) => stableToo(n, 100, 5, 50));
    expect(judge(broken, undefined, at(0), relative).verdict).toBe('Pass');
    const worse = Array.from({ length: 30 }, (_, n) => stableToo(n, 100, 30, 50));
    expect(judge(worse, undefined, at(0), relative).verdict).toBe('Fail');
    expect(judge(worse, undefined, at(0), relative).metrics[0]).not.toHaveProperty('limit');
  });

  it('takes a tolerated difference for none', () => {
    const worse = Array.from({ length: 60 }, (_, n) => stableToo(n, 100, 23, 100));
    const tolerant = { ...spec, errorRate: {}, tolerance: '100%' };
    expect(judge(worse, undefined, at(0), { ...spec, errorRate: {} }).verdict).toBe('Fail');
    expect(judge(worse, undefined, at(0), tolerant).metrics[0]?.verdict).toBe('Pass');
  });

  it('needs less evidence where more false rollbacks are accepted, and more where metrics share them', () => {
    const needed = (one: AnalysisSpec) => judge([second(0, 60)], undefined, at(0), one).metrics[0]?.needed;
    expect(needed(spec)).toBeCloseTo(Math.log10(200), 2);
    expect(needed({ ...spec, latency: undefined })).toBe(2);
    expect(needed({ ...spec, falseRollbacks: '10%' })).toBeCloseTo(Math.log10(20), 2);
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

  it('are the same after a restart in between, by what status keeps', () => {
    const seconds = Array.from({ length: 10 }, (_, n) => stableToo(n, 40, n % 3 === 0 ? 1 : 0, n % 4));
    const half = judge(seconds.slice(0, 5));
    const { value } = salvageReleaseStatus({ analysis: structuredClone(half) });
    expect(value.analysis).toEqual(half);
    expect(judge(seconds.slice(5), value.analysis)).toEqual(judge(seconds));
  });

  it('whose state cannot be read begin their evidence anew, and keep what was counted', () => {
    const half = judge([0, 1, 2].map((n) => second(n, 20, 15)));
    expect(judge([second(3, 20)], half).verdict).toBe('Fail');
    for (const state of [undefined, {}, { evidence: [1] }, { evidence: { age: 'old' }, counts: 'errors' }]) {
      const lost = { ...half, metrics: half.metrics.map((metric) => ({ ...metric, state })) };
      const next = judge([second(3, 20)], lost);
      expect(next.verdict).toBe('Inconclusive');
      expect(next.metrics[0]?.candidate).toEqual({ all: 80, bad: 45 });
    }
  });

  it('by pod tell how much pods of a version differ', () => {
    const counts = (all: number, bad: number) => ({ errors: { all, bad } });
    const uneven = Array.from({ length: 30 }, (_, n): Interval => ({
      ...stableToo(n, 100, 1, 10),
      pods: {
        new: { 'new-1': counts(100, 1) },
        old: { 'old-1': counts(500, 1), 'old-2': counts(500, 9) },
      },
    }));
    const [errors] = judge(uneven).metrics;
    const state = metricState.parse(errors?.state);
    expect(state.evidence.pods?.stable).toMatchObject({ serving: 2, deviations: { 'old-2': [270, 150] } });
  });

  it('of a new window begin with the first interval of it, however late that is told', () => {
    const state = (status: AnalysisStatus) => metricState.parse(status.metrics[0]?.state).evidence;
    const first = judge(Array.from({ length: 30 }, (_, n) => stableToo(n, 40, 1, 5)));
    const nothingNew = judge([], first, at(30));
    expect(state(nothingNew).here.compared.bad).toBeGreaterThan(0);
    const late = judge([stableToo(33, 40, 0, 0)], nothingNew, at(30));
    expect(state(late).here.compared.bad).toBe(0);
    expect(state(late).age).toBe(1);
    expect(late).toEqual(judge([stableToo(33, 40, 0, 0)], first, at(30)));
  });

  it('of a new window leave out what a scrape tells of the time before it', () => {
    const state = (status: AnalysisStatus) => metricState.parse(status.metrics[0]?.state).evidence;
    const first = judge(Array.from({ length: 30 }, (_, n) => stableToo(n, 40, 1, 5)));
    const scrape = (n: number, since: number) => ({
      ...stableToo(n, 400, 3, 20),
      since: { new: START + since * 1000, old: START + since * 1000 },
    });
    const straddling = judge([stableToo(30, 0, 0, 0), scrape(31, 20)], first, at(30));
    expect(state(straddling).here).toMatchObject({ candidate: { all: 0 }, compared: { all: 0 }, shares: {} });
    expect(straddling.metrics[0]?.candidate.all).toBe(1600);
    const inside = judge([scrape(32, 31)], straddling, at(30));
    expect(state(inside).here).toMatchObject({ number: 2, candidate: { all: 400 }, compared: { all: 0 } });
    const next = judge([scrape(33, 32)], inside, at(30));
    expect(state(next).here).toMatchObject({ number: 2, candidate: { all: 800 }, compared: { all: 400 } });
  });

  it('of another definition do not count', () => {
    const first = judge([second(0, 60, 0, 5)]);
    const stricter = { ...spec, latency: { p99: '250ms' } };
    const [errors, slow] = judge([second(1, 60)], first, at(0), stricter).metrics;
    expect(errors?.candidate.all).toBe(120);
    expect(slow?.candidate).toEqual({ all: 60, bad: 0 });
  });

  it('say how long nobody counted, as after a restart of the operator', () => {
    const reading = (intervals: Interval[], from: number | undefined, through: number) => ({
      ok: true as const,
      intervals,
      completeThrough: { new: START + through * 1000 },
      ...(from === undefined ? {} : { completeFrom: { new: START + from * 1000 } }),
    });
    const go = (previous: AnalysisStatus | undefined, read: ReturnType<typeof reading>, windowFrom = at(0)) =>
      evaluate({ spec, candidate: 'new', stable: 'old', previous, windowFrom, from: START, reading: read });
    const first = go(undefined, reading([second(0, 60)], undefined, 1));
    expect(first).not.toHaveProperty('uncountedMs');
    // The first read after a restart has no interval yet.
    expect(go(first, reading([], 13, 13)).uncountedMs).toBe(12_000);
    const again = go(first, reading([second(13, 60)], 13, 14));
    expect(again.uncountedMs).toBe(12_000);
    expect(go(again, reading([second(14, 60)], 13, 15)).uncountedMs).toBe(12_000);
    expect(go(again, reading([second(30, 60)], 20, 31), at(25))).not.toHaveProperty('uncountedMs');
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
