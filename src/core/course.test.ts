import { describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus } from '../api/index.ts';
import { type Course, courseAfter, sharesBetween } from './course.ts';
import { iso } from './model.ts';

const START = Date.UTC(2030, 0, 1);

function status(seconds: number, weight: number, bad = 0, attempt = 1, revision = 'b'): CanaryReleaseStatus {
  const through = iso(START + seconds * 1000);
  const counts = (all: number, own: number) => ({ all, bad: own });
  return {
    candidateRevision: revision,
    attempt: { number: attempt, startedAt: iso(START) },
    step: { index: 1, of: 2, weight, observedWeight: weight, startedAt: iso(START), progressAt: iso(START) },
    analysis: {
      revision,
      through,
      verdict: 'Pass',
      message: '',
      metrics: [
        {
          name: 'errors',
          verdict: 'Pass',
          message: '',
          candidate: counts(seconds * 10, bad),
          stable: counts(seconds * 90, 0),
          window: counts(0, 0),
          evidence: 0.5,
        },
      ],
    },
  };
}

const played = (statuses: readonly CanaryReleaseStatus[]) =>
  statuses.reduce<Course | undefined>(courseAfter, undefined);

describe('the course of a release', () => {
  it('has a point for what was counted, and for each change of the weight', () => {
    const course = played([status(2, 5), status(2, 5), status(4, 5), status(4.1, 40)]);
    expect(course?.points.map(({ weight }) => weight)).toEqual([5, 5, 40]);
    expect(course?.points[1]?.metrics['errors']).toEqual({
      candidate: { all: 40, bad: 0 },
      stable: { all: 360, bad: 0 },
      evidence: 0.5,
    });
  });

  it('of an hour has as many points as that of a minute, with every step where it was', () => {
    const statuses = Array.from({ length: 1800 }, (_, index) => status(2 * index, index < 900 ? 5 : 40));
    const course = played(statuses);
    expect(course?.points.length).toBeLessThanOrEqual(241);
    expect(course?.points.length).toBeGreaterThan(100);
    const edge = course?.points.findIndex(({ weight }) => weight === 40) ?? -1;
    expect(course?.points[edge]?.at).toBe(START + 1_800_000);
    expect(course?.points[edge - 1]?.at).toBeGreaterThan(START + 1_770_000);
    expect(course?.points.at(-1)?.at).toBeGreaterThan(START + 3_500_000);
  });

  it('stays when the release is over, and begins anew with the next', () => {
    const first = played([status(2, 5), status(4, 5)]);
    const { candidateRevision, step, ...over } = status(6, 5, 3);
    expect([candidateRevision, step?.weight]).toEqual(['b', 5]);
    const last = courseAfter(first, over);
    expect(last?.points.at(-1)).toMatchObject({ weight: 0, metrics: { errors: { candidate: { bad: 3 } } } });
    expect(courseAfter(last, {})).toBe(last);
    const next = courseAfter(last, status(8, 5, 0, 2, 'c'));
    expect(next).toMatchObject({ attempt: 2, revision: 'c', points: [{ weight: 5 }] });
    expect(courseAfter(undefined, {})).toBeUndefined();
  });

  it('does not go back when a clock does', () => {
    const course = played([status(100, 5), status(20, 5), status(102, 5)]);
    expect(course?.points.map(({ at }) => (at - START) / 1000)).toEqual([100, 102]);
  });

  it('tells what happened between two points', () => {
    const counts = (all: number, bad: number) => ({
      candidate: { all, bad },
      stable: { all: 7, bad: 0 },
      evidence: 0,
    });
    expect(sharesBetween(counts(10, 1), counts(20, 6))).toEqual({ candidate: 0.5, stable: undefined });
    expect(sharesBetween(undefined, counts(10, 1))).toEqual({ candidate: 0.1, stable: 0 });
  });
});
