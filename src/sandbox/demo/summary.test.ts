import { describe, expect, test } from 'vitest';
import { type DemoResult, isSuccess, type ReleaseResult, resultLine } from './events.ts';
import { renderSummary } from './summary.ts';
import { plain } from './text.ts';

const GOOD: ReleaseResult = {
  version: 'v2',
  errorRate: 0,
  outcome: 'Healthy',
  weights: [5, 40, 60, 100],
  requests: 4513,
  failed: 0,
  causes: {},
  ms: 22_613,
  rollbackMs: undefined,
  reason: 'revision 4b20260ca9 serves all traffic',
};
const BAD: ReleaseResult = {
  version: 'v3',
  errorRate: 0.3,
  outcome: 'RolledBack',
  weights: [5, 0],
  requests: 615,
  failed: 4,
  causes: { 500: 4 },
  ms: 3075,
  rollbackMs: 1514,
  reason:
    'errors: 4 of 15 (26.7%) on the candidate, 0 of 536 (0%) on stable; limit 1%, evidence 3000 passed 100',
};

function summary(result: DemoResult, width: number): string {
  return `${renderSummary(result, width, plain).join('\n')}\n`;
}

describe('the summary', () => {
  test('at 80 columns', () => {
    expect(summary({ good: GOOD, bad: BAD }, 80)).toMatchInlineSnapshot(`
      "
       ✓ v2, a good version, went out
         Its share of the traffic: 5% → 40% → 60% → 100%
         4 513 requests in 23 s, and not one failed

       ✓ v3, a bad one, came back by itself
         Its share of the traffic: 5% → 0%
         4 of 615 requests failed (500: 4); 1.5 s after the first of them, v3 got no
         more traffic
         Why: errors: 4 of 15 (26.7%) on the candidate, 0 of 536 (0%) on stable;
         limit 1%, evidence 3000 passed 100
         Sent to everyone at once, v3 would have failed about 60 requests a second
      "
    `);
  });

  test('at 40 columns', () => {
    expect(summary({ good: GOOD, bad: BAD }, 40)).toMatchInlineSnapshot(`
      "
       ✓ v2, a good version, went out
         Its share of the traffic: 5% → 40% →
         60% → 100%
         4 513 requests in 23 s, and not one
         failed

       ✓ v3, a bad one, came back by itself
         Its share of the traffic: 5% → 0%
         4 of 615 requests failed (500: 4);
         1.5 s after the first of them, v3
         got no more traffic
         Why: errors: 4 of 15 (26.7%) on the
         candidate, 0 of 536 (0%) on stable;
         limit 1%, evidence 3000 passed 100
         Sent to everyone at once, v3 would
         have failed about 60 requests a
         second
      "
    `);
  });

  test('marks what went wrong, and says why', () => {
    const taken = { ...GOOD, outcome: 'RolledBack', weights: [5, 0], reason: 'no verdict at 5% within 45s' };
    const text = summary({ good: taken, bad: { ...BAD, outcome: 'Healthy' } }, 80);
    expect(text).toContain('✗ v2, a good version, came back by itself');
    expect(text).toContain('Why: no verdict at 5% within 45s');
    expect(text).toContain('✗ v3, a bad one, went out');
  });
});

test('the last line of --json has exactly the keys that were promised', () => {
  expect(JSON.parse(resultLine({ good: GOOD, bad: BAD }))).toEqual({
    good: { outcome: 'Healthy', weights: [5, 40, 60, 100], requests: 4513, failed: 0, seconds: 22.61 },
    bad: {
      outcome: 'RolledBack',
      weights: [5, 0],
      requests: 615,
      failed: 4,
      secondsToRollback: 1.51,
      reason: BAD.reason,
    },
  });
  const never = JSON.parse(resultLine({ good: GOOD, bad: { ...BAD, rollbackMs: undefined } })) as DemoResult;
  expect(never.bad).toHaveProperty('secondsToRollback', null);
});

test('success is: good out without a failed request, and bad back', () => {
  expect(isSuccess({ good: GOOD, bad: BAD })).toBe(true);
  expect(isSuccess({ good: { ...GOOD, failed: 1 }, bad: BAD })).toBe(false);
  expect(isSuccess({ good: { ...GOOD, outcome: 'RolledBack' }, bad: BAD })).toBe(false);
  expect(isSuccess({ good: GOOD, bad: { ...BAD, outcome: 'Healthy' } })).toBe(false);
});
