import { describe, expect, it } from 'vitest';
import type { Course, CoursePoint } from './course.ts';
import { iso } from './model.ts';
import { packed, unpackedPoints } from './packed-course.ts';

const START = Date.UTC(2030, 0, 1);

function point(seconds: number, weight: number, names: readonly string[]): CoursePoint {
  const counts = {
    candidate: { all: seconds * 10, bad: seconds / 2 },
    stable: { all: seconds * 90, bad: 1 },
    evidence: seconds / 100,
  };
  return {
    at: START + seconds * 1000,
    weight,
    metrics: Object.fromEntries(names.map((name) => [name, counts])),
  };
}

const course = (...points: CoursePoint[]): Course => ({ attempt: 1, revision: 'b', everyMs: 2000, points });

describe('a packed course', () => {
  it('is short, and comes back as it was', () => {
    const points = [
      point(2, 5, ['errors']),
      point(4, 5, ['errors', 'latency-p99']),
      point(9, 40, ['latency-p99']),
    ];
    const text = packed(course(...points), iso(START));
    expect(text.metrics).toEqual(['errors', 'latency-p99']);
    expect(text.points).toBe(
      '20,5,20,1,180,1,0.02,,,,,;20,5,20,1,180,0,0.04,40,2,360,1,0.04;50,40,,,,,,50,2.5,450,0,0.09',
    );
    expect(unpackedPoints(text)).toEqual(points);
  });

  it('packed again is the same text, so that nothing drifts', () => {
    const points = Array.from({ length: 40 }, (_, at) => point(at * 2.04, 5, ['errors']));
    const once = packed(course(...points), iso(START));
    expect(packed(course(...unpackedPoints(once)), iso(START))).toEqual(once);
  });

  it('that somebody spoilt has the points that can be read', () => {
    const text = packed(course(point(2, 5, ['errors']), point(4, 5, ['errors'])), iso(START));
    expect(unpackedPoints({ ...text, points: `${text.points};x,y` })).toHaveLength(2);
    expect(unpackedPoints({ ...text, points: 'nonsense' })).toEqual([]);
    expect(unpackedPoints({ ...text, points: '' })).toEqual([]);
  });
});
