import { describe, expect, it } from 'vitest';
import { grade } from './grade.ts';
import { JOB, measured, valueMetric } from './testing.ts';

const graded = (spec: Record<string, unknown>, result: unknown) =>
  grade(valueMetric(spec), measured(1, 0, result));

describe('a measurement', () => {
  it.each([
    [{ max: 1 }, 1, 'Success'],
    [{ max: 1 }, 1.01, 'Failure'],
    [{ min: 0.5 }, 0.49, 'Failure'],
    [{ min: 0.5, max: 1 }, 0.5, 'Success'],
    [{ max: 1 }, '0.7', 'Success'],
    [{ success: 'result > 1' }, 2, 'Success'],
    [{ success: 'result > 1' }, 1, 'Failure'],
    [{ failure: 'result > 1' }, 2, 'Failure'],
    [{ failure: 'result > 1' }, 1, 'Success'],
    [{ success: 'result > 5', failure: 'result < 1' }, 3, 'Inconclusive'],
    [{ success: 'result > 5', failure: 'result < 1' }, 6, 'Success'],
    [{ success: 'result > 0', failure: 'result > 5' }, 6, 'Failure'],
    [{ job: JOB }, true, 'Success'],
    [{ job: JOB }, false, 'Failure'],
  ])('judged by %j, %j is a %s', (spec, result, expected) => {
    expect(graded(spec, result).result).toBe(expected);
  });

  it.each([
    [{ max: 1 }, NaN, 'the result is NaN'],
    [{ min: 1 }, Infinity, 'the result is Infinity'],
    [{ failure: 'result > 1' }, NaN, 'the result is NaN'],
    [{ failure: 'result > 1' }, null, 'there is no data'],
    [{ max: 1 }, undefined, 'there is no data'],
    [{ max: 1 }, { a: 1 }, '{"a":1} is no number'],
    [{ max: 1 }, '', 'is no number'],
    [{ max: 1 }, [0.5], 'is no number'],
    [{ success: 'result.a > 1' }, {}, 'No such key: a'],
    [{ max: 1 }, new Error('Prometheus does not answer'), 'Prometheus does not answer'],
  ])('is an error, and no success, judged by %j where there is %j', (spec, result, why) => {
    expect(graded(spec, result)).toMatchObject({
      result: 'Error',
      message: expect.stringContaining(why) as string,
    });
  });

  it('tells the value and why it failed, on one line', () => {
    expect(graded({ max: 1 }, 2.5)).toEqual({
      result: 'Failure',
      value: '2.5',
      message: 'above the limit of 1',
    });
    const long = graded({ success: 'result.ok' }, { ok: false, text: `a\n${'b'.repeat(500)}` });
    expect(long.value).toHaveLength(201);
    expect(long.value).not.toContain('\n');
  });
});
