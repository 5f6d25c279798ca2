import { describe, expect, it } from 'vitest';
import { dwellMs, isBegun, podsFor, stepAfter, stepAt, stepNumber } from './steps.ts';
import { World } from '../simulator/decide/world.ts';

const STEPS = [{ weight: 5, for: '2m' }, { weight: 40 }, { weight: 100, for: '10s' }];

describe('a weight names its step', () => {
  it.each([
    [0, undefined, 5, 0],
    [4, undefined, 5, 0],
    [5, 5, 40, 1],
    [39, 5, 40, 1],
    [40, 40, 100, 2],
    [99, 40, 100, 2],
    [100, 100, undefined, 3],
  ])('%i% is in the step of %s%, before that of %s%, as number %i', (weight, at, after, number) => {
    expect(stepAt(STEPS, weight)?.weight).toBe(at);
    expect(stepAfter(STEPS, weight)?.weight).toBe(after);
    expect(stepNumber(STEPS, weight)).toBe(number);
  });

  it('where there are no steps there is none', () => {
    expect([stepAt([], 50), stepAfter([], 50), stepNumber([], 50)]).toEqual([undefined, undefined, 0]);
  });
});

describe('the time of a step', () => {
  const { spec } = new World({ steps: STEPS });

  it('is what it says, and none where it says nothing', () => {
    expect(dwellMs(spec, 5)).toBe(120_000);
    expect(dwellMs(spec, 40)).toBe(0);
  });

  it('is that of the last step not above the weight, once an edit of the steps has removed its own', () => {
    expect(dwellMs(spec, 20)).toBe(120_000);
    expect(dwellMs(spec, 3)).toBe(0);
  });

  it('has begun once its weight was there, be it lost again', () => {
    const time = '2030-01-01T00:00:00.000Z';
    const step = { index: 1, of: 3, weight: 5, observedWeight: 0, startedAt: time, progressAt: time };
    expect(isBegun(step)).toBe(false);
    expect(isBegun({ ...step, observedAt: time })).toBe(true);
    expect(isBegun({ ...step, interruptions: 1 })).toBe(true);
  });
});

describe('the pods of a share', () => {
  it.each([
    [0, 10, 0],
    [1, 10, 1],
    [10, 10, 1],
    [11, 10, 2],
    [40, 3, 2],
    [100, 10, 10],
    [1, 1, 1],
    [50, 0, 0],
  ])('%i% of the traffic of %i pods needs %i', (weight, replicas, pods) => {
    expect(podsFor(weight, replicas)).toBe(pods);
  });
});
