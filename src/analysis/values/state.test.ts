import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ValueStatus } from '../../api/index.ts';
import type { ValueMetric } from './metric.ts';
import { add, dueAt, judge, nextNumber, open, start } from './state.ts';
import { JOB, measured, valueMetric } from './testing.ts';

const START = Date.UTC(2030, 0, 1);
const at = (second: number) => START + second * 1000;
const iso = (second: number) => new Date(at(second)).toISOString();

/** Measures these results one after another, an interval of 30 s apart, in a window that opened at 0. */
function after(
  metric: ValueMetric,
  results: readonly unknown[],
  state = open(metric, undefined, iso(0)),
): ValueStatus {
  return results.reduce<ValueStatus>(
    (known, result, i) => add(metric, known, measured(nextNumber(known), at(30 * i), result)),
    state,
  );
}

const verdict = (metric: ValueMetric, state: ValueStatus, scored = false) => judge(metric, state, scored);
const none = new Error('no data');

describe('the verdict of a metric', () => {
  it('passes once a measurement of this window succeeded, where no count is asked for', () => {
    const metric = valueMetric();
    expect(verdict(metric, after(metric, []))).toMatchObject({
      verdict: 'Inconclusive',
      message: 'queue: 0 of 1 measurement at this weight',
    });
    expect(verdict(metric, after(metric, [0.5]))).toMatchObject({
      verdict: 'Pass',
      message: 'queue: 0.5; 1 of 1 succeeded at this weight',
    });
  });

  it('waits for as many measurements as were asked for', () => {
    const metric = valueMetric({ count: 3 });
    expect(verdict(metric, after(metric, [0, 0])).verdict).toBe('Inconclusive');
    expect(verdict(metric, after(metric, [0, 0, 0])).verdict).toBe('Pass');
  });

  it('fails at the first failure, or at the one after those that are tolerated', () => {
    expect(verdict(valueMetric(), after(valueMetric(), [2]))).toMatchObject({
      verdict: 'Fail',
      message: 'queue: 2, above the limit of 1; 1 failure, 0 tolerated',
    });
    const lenient = valueMetric({ failureLimit: 2 });
    expect(verdict(lenient, after(lenient, [2, 0, 2])).verdict).toBe('Inconclusive');
    expect(verdict(lenient, after(lenient, [2, 0, 2, 0])).verdict).toBe('Pass');
    expect(verdict(lenient, after(lenient, [2, 0, 2, 0, 2])).verdict).toBe('Fail');
  });

  it('holds at too many errors in a row, and goes on once there is a value', () => {
    const metric = valueMetric({ consecutiveErrorLimit: 1 });
    const failing = after(metric, [0, none, none]);
    expect(verdict(metric, failing)).toMatchObject({
      verdict: 'Inconclusive',
      message: 'queue: 2 errors, 1 tolerated in a row: no data',
    });
    expect(verdict(metric, add(metric, failing, measured(4, at(120), 0))).verdict).toBe('Pass');
  });

  it('does not pass on a last measurement without data', () => {
    const metric = valueMetric();
    expect(verdict(metric, after(metric, [0, none])).message).toBe(
      'queue: waits for a value, after an error: no data',
    );
  });

  it('holds at too many inconclusive measurements', () => {
    const metric = valueMetric({ success: 'result > 5', failure: 'result < 1', inconclusiveLimit: 1 });
    expect(verdict(metric, after(metric, [3, 6])).verdict).toBe('Pass');
    expect(verdict(metric, after(metric, [6, 3, 3])).message).toBe(
      'queue: 3, neither success nor failure is true; 2 inconclusive measurements, 1 tolerated',
    );
  });

  it('does not pass on a last measurement that is inconclusive, and measures on', () => {
    const metric = valueMetric({
      success: 'result > 5',
      failure: 'result < 1',
      inconclusiveLimit: 1,
      count: 2,
    });
    const unsure = after(metric, [6, 3]);
    expect(verdict(metric, unsure)).toMatchObject({
      verdict: 'Inconclusive',
      message:
        'queue: 3, neither success nor failure is true; waits for a success, after an inconclusive measurement',
    });
    expect(dueAt(metric, unsure, at(60), false)).toBe(at(60));
    expect(verdict(metric, add(metric, unsure, measured(3, at(60), 6))).verdict).toBe('Pass');
  });

  it('by a Job is that of the Job', () => {
    const metric = valueMetric({ job: JOB });
    expect(verdict(metric, after(metric, [true]))).toMatchObject({
      verdict: 'Pass',
      message: 'queue: 1 of 1 succeeded at this weight',
    });
    expect(verdict(metric, after(metric, [false]))).toMatchObject({
      verdict: 'Fail',
      message: 'queue: failed; 1 failure, 0 tolerated',
    });
  });
});

describe('a new weight', () => {
  it('needs measurements of its own, and remembers the failures', () => {
    const metric = valueMetric({ failureLimit: 1 });
    const first = after(metric, [2, 0]);
    expect(verdict(metric, first).verdict).toBe('Pass');
    const next = open(metric, first, iso(100));
    expect(verdict(metric, next)).toMatchObject({ verdict: 'Inconclusive', failures: 1 });
    expect(verdict(metric, add(metric, next, measured(3, at(101), 2))).verdict).toBe('Fail');
    expect(verdict(metric, add(metric, next, measured(3, at(101), 0))).verdict).toBe('Pass');
  });

  it('is not passed by a measurement that began before it', () => {
    const metric = valueMetric();
    const late = add(metric, open(metric, undefined, iso(100)), measured(1, at(99), 0));
    expect(verdict(metric, late).verdict).toBe('Inconclusive');
    expect(
      verdict(metric, add(metric, open(metric, undefined, iso(100)), measured(1, at(99), 2))).verdict,
    ).toBe('Fail');
  });

  it('that is not observed is not measured', () => {
    const metric = valueMetric();
    const closed = open(metric, after(metric, [0]), undefined);
    expect(dueAt(metric, closed, at(100), false)).toBeUndefined();
    expect(verdict(metric, closed).message).toBe('queue: 0; not measured at this weight yet');
  });

  it('scored, has no failures yet', () => {
    const metric = valueMetric();
    const failed = after(metric, [2]);
    expect(verdict(metric, failed, true).verdict).toBe('Fail');
    expect(verdict(metric, open(metric, failed, iso(100)), true).verdict).toBe('Inconclusive');
  });
});

describe('with a score', () => {
  it.each([
    [valueMetric({ count: 2, failureLimit: 1 }), 2, 0],
    [valueMetric({ job: JOB, failureLimit: 1 }), false, true],
  ])('%# a failure that is tolerated at each weight is measured past at each', (metric, bad, good) => {
    const first = after(metric, [bad, good]);
    expect(verdict(metric, first, true).verdict).toBe('Pass');
    const results = metric.spec.count === 2 ? [good, bad] : [bad];
    const second = results.reduce<ValueStatus>(
      (known, one, i) => add(metric, known, measured(nextNumber(known), at(600 + 30 * i), one)),
      open(metric, first, iso(600)),
    );
    expect(verdict(metric, second, true).verdict).toBe('Inconclusive');
    expect(dueAt(metric, second, at(1000), true)).toBe(at(600 + 30 * results.length));
    const third = add(metric, second, measured(nextNumber(second), at(1000), good));
    expect(verdict(metric, third, true).verdict).toBe('Pass');
    expect(dueAt(metric, third, at(2000), true)).toBeUndefined();
  });
});

describe('a measurement', () => {
  it('is due after the initial delay, and then each interval', () => {
    const metric = valueMetric({ initialDelay: '10s', interval: '20s' });
    const opened = open(metric, undefined, iso(0));
    expect(dueAt(metric, opened, at(0), false)).toBe(at(10));
    const first = add(metric, opened, measured(1, at(11), 0));
    expect(dueAt(metric, first, at(12), false)).toBe(at(31));
    expect(dueAt(metric, open(metric, first, iso(20)), at(20), false)).toBe(at(30));
  });

  it('is due at once after the clock was set back', () => {
    const metric = valueMetric();
    const future = add(metric, open(metric, undefined, iso(0)), measured(1, at(3600), 0));
    expect(dueAt(metric, future, at(60), false)).toBe(at(60));
  });

  it.each([
    [valueMetric({ count: 2 }), [0, 0], false],
    [valueMetric({ count: 2, failureLimit: 1 }), [0, 2], true],
    [valueMetric({ count: 2 }), [0, 2], false],
    [valueMetric({ count: 2 }), [0, none], true],
    [valueMetric(), [0, 0, 0], true],
    [valueMetric({ job: JOB }), [true], false],
    [valueMetric({ job: JOB }), [], true],
    [valueMetric({ job: JOB, dryRun: true }), [false], false],
  ])('%# is due no more when the step has what it needs', (metric, results, expected) => {
    expect(dueAt(metric, after(metric, results), at(1000), false) !== undefined).toBe(expected);
  });

  it('by a Job is not begun again while it runs, and ends it', () => {
    const metric = valueMetric({ job: JOB, count: 2 });
    const running = start(open(metric, undefined, iso(0)), 'cart-x-1', at(5));
    expect(running.running).toEqual({ number: 1, startedAt: iso(5), job: 'cart-x-1' });
    expect(dueAt(metric, running, at(60), false)).toBeUndefined();
    expect(add(metric, running, measured(1, at(5), true)).running).toBeUndefined();
  });

  it('counts once', () => {
    const metric = valueMetric({ failureLimit: 5 });
    const once = after(metric, [2]);
    expect(add(metric, once, measured(1, at(0), 2))).toBe(once);
    expect(add(metric, once, measured(3, at(0), 2))).toBe(once);
  });

  it('decides or not by what spec says now', () => {
    const metric = valueMetric();
    const watched = valueMetric({ dryRun: true });
    expect(open(watched, undefined, iso(0)).dryRun).toBe(true);
    const now = open(metric, after(watched, [2]), iso(0));
    expect([now.dryRun, now.failures]).toEqual([undefined, 1]);
    expect(open(watched, after(metric, [2]), iso(0))).toMatchObject({ dryRun: true, failures: 1 });
  });

  it('of another definition is forgotten', () => {
    const metric = valueMetric();
    expect(open({ ...metric, definition: 'b2' }, after(metric, [2]), iso(0))).toMatchObject({
      measured: 0,
      failures: 0,
    });
  });
});

it('never passes without a success at this weight, and always fails past its limit (seed 6)', () => {
  const result = fc.oneof(fc.constantFrom(0, 2, 'x', null, NaN), fc.constant(none));
  fc.assert(
    fc.property(
      fc.array(result, { maxLength: 12 }),
      fc.integer({ min: 0, max: 3 }),
      fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      fc.integer({ min: 0, max: 12 }),
      (results, failureLimit, count, windowAt) => {
        const metric = valueMetric({ failureLimit, ...(count === undefined ? {} : { count }) });
        const state = results.reduce<ValueStatus>(
          (known, one, i) => {
            const opened = open(metric, known, i >= windowAt ? iso(30 * windowAt) : undefined);
            return add(metric, opened, measured(i + 1, at(30 * i), one));
          },
          open(metric, undefined, undefined),
        );
        const failures = results.filter((one) => one === 2).length;
        const { verdict: said } = verdict(metric, state);
        expect(said === 'Fail').toBe(failures > failureLimit);
        if (said === 'Pass') {
          expect(results.slice(windowAt)).toContain(0);
          expect(results.at(-1)).toBe(0);
          expect(
            results.slice(windowAt).filter((one) => one === 0 || one === 2).length,
          ).toBeGreaterThanOrEqual(count ?? 1);
        }
      },
    ),
    { seed: 6, numRuns: 2000 },
  );
});
