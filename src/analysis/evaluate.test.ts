import { describe, expect, it } from 'vitest';
import { type AnalysisSpec, canaryReleaseSpec } from '../api/index.ts';
import { evaluate } from './evaluate.ts';
import { at, judge, second, spec, stableToo, START } from './evaluate.testing.ts';
import { eventMetrics } from './event-metric.ts';
import type { Interval } from './telemetry.ts';

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
