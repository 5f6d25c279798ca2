import { describe, expect, it } from 'vitest';
import type { ValueStatus, Verdict } from '../../api/index.ts';
import type { ValueMetric } from './metric.ts';
import { overallOf } from './overall.ts';
import { valueMetric } from './testing.ts';

function metrics(all: Record<string, [Verdict, Record<string, unknown>?]>): [ValueMetric[], ValueStatus[]] {
  const entries = Object.entries(all);
  return [
    entries.map(([name, [, spec]]) => valueMetric({ name, max: 1, ...spec })),
    entries.map(([name, [verdict]]) => ({
      name,
      definition: 'a1',
      verdict,
      message: `${name} ${verdict}`,
      measured: 1,
      failures: 0,
      errors: 0,
    })),
  ];
}

const overall = (
  all: Parameters<typeof metrics>[0],
  score?: { pass: number; marginal?: number },
  over = true,
) => overallOf(...metrics(all), score, over);

describe('without a score', () => {
  it('one failure fails, whatever else', () => {
    expect(overall({ a: ['Pass'], b: ['Fail'], c: ['Inconclusive'] })).toEqual({
      verdict: 'Fail',
      messages: ['b Fail'],
    });
  });

  it('all must pass', () => {
    expect(overall({ a: ['Pass'], b: ['Inconclusive'] })).toEqual({
      verdict: 'Inconclusive',
      messages: ['b Inconclusive'],
    });
    expect(overall({ a: ['Pass'], b: ['Pass'] }).verdict).toBe('Pass');
    expect(overall({}).verdict).toBe('Pass');
  });

  it('a dry run never decides', () => {
    expect(overall({ a: ['Fail', { dryRun: true }], b: ['Pass'] }).verdict).toBe('Pass');
    expect(overall({ a: ['Inconclusive', { dryRun: true }], b: ['Pass'] }).verdict).toBe('Pass');
  });
});

describe('with a score of 80, marginal from 50', () => {
  const score = { pass: 80, marginal: 50 };

  it('weights decide at the end of the step', () => {
    expect(overall({ a: ['Pass', { weight: 9 }], b: ['Fail'] }, score)).toMatchObject({
      verdict: 'Pass',
      score: 90,
    });
    expect(overall({ a: ['Pass', { weight: 2 }], b: ['Fail'] }, score)).toEqual({
      verdict: 'Inconclusive',
      messages: ['score 66.7 of 100, below 80', 'b Fail'],
      score: 66.7,
    });
    expect(overall({ a: ['Pass'], b: ['Fail', { weight: 3 }] }, score).verdict).toBe('Fail');
    expect(overall({ a: ['Pass'], b: ['Fail', { weight: 3 }] }, score, false).verdict).toBe('Inconclusive');
  });

  it('a critical metric fails at once', () => {
    const all = { a: ['Pass', { weight: 99 }], b: ['Fail', { critical: true }] } as const;
    expect(overall({ a: [...all.a], b: [...all.b] }, score, false)).toEqual({
      verdict: 'Fail',
      messages: ['b Fail'],
    });
  });

  it('what has no data yet neither passes nor is taken for a failure', () => {
    const waiting = overall({ a: ['Pass', { weight: 9 }], b: ['Inconclusive'] }, score);
    expect(waiting.verdict).toBe('Inconclusive');
    expect(overall({ a: ['Fail', { weight: 9 }], b: ['Inconclusive'] }, score).verdict).toBe('Fail');
    expect(overall({ a: ['Fail'], b: ['Inconclusive'] }, score).verdict).toBe('Inconclusive');
  });

  it('without a marginal score, everything below fails', () => {
    expect(overall({ a: ['Pass', { weight: 7 }], b: ['Fail', { weight: 3 }] }, { pass: 80 }).verdict).toBe(
      'Fail',
    );
  });
});
