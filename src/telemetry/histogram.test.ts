import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { histogramIncrease, histogramOf, slowerThan, totalOf } from './histogram.ts';
import type { Histogram } from './histogram.ts';

function histogram(buckets: Record<string, number>): Histogram {
  const edges = Object.entries(buckets).map(([le, count]): [number, number] => [Number(le), count]);
  const made = histogramOf(new Map(edges));
  if (made === undefined) throw new Error('the test means a valid histogram');
  return made;
}

describe('slowerThan', () => {
  const durations = histogram({ 100: 40, 200: 80, 400: 90, Infinity: 100 });

  it('is exact at an edge', () => {
    expect(slowerThan(durations, 200)).toBe(20);
  });

  it('inside a bucket counts only what surely was slower', () => {
    expect(slowerThan(durations, 150)).toBe(20);
    expect(slowerThan(durations, 50)).toBe(60);
    expect(slowerThan(durations, 300)).toBe(10);
  });

  it('says that it does not know above the highest finite edge, unless nothing is there', () => {
    expect(slowerThan(durations, 500)).toBeUndefined();
    expect(slowerThan(histogram({ 100: 40, Infinity: 40 }), 500)).toBe(0);
  });

  it('is 0 of nothing', () => {
    expect(slowerThan(histogram({ 100: 0, Infinity: 0 }), 50)).toBe(0);
  });

  it('never is NaN, negative or more than all, and falls as the bound rises', () => {
    const bucket = fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(1000));
    fc.assert(
      fc.property(
        fc.array(bucket),
        fc.nat(1000),
        fc.double({ min: 0, max: 2e6, noNaN: true }),
        (edges, last, ms) => {
          const made = histogramOf(new Map([...edges, [Infinity, last]]));
          if (made === undefined) throw new Error('counts and edges are valid');
          const slow = slowerThan(made, ms);
          if (slow === undefined) return;
          expect(slow).toBeGreaterThanOrEqual(0);
          expect(slow).toBeLessThanOrEqual(totalOf(made));
          expect(slowerThan(made, ms / 2)).toBeGreaterThanOrEqual(slow);
        },
      ),
    );
  });
});

describe('histogramIncrease', () => {
  it('starts from zero as a whole when the histogram shrank, even if one bucket looks larger', () => {
    const before = histogram({ 50: 5, 100: 10, Infinity: 10 });
    const after = histogram({ 50: 6, 100: 8, Infinity: 8 });
    expect(histogramIncrease(before, after)).toEqual(after);
  });

  it('is the difference of each bucket otherwise', () => {
    const before = histogram({ 50: 5, Infinity: 10 });
    expect(histogramIncrease(before, histogram({ 50: 7, Infinity: 13 }))?.counts).toEqual([2, 3]);
  });

  it('is unknown when the edges changed and the histogram did not shrink', () => {
    const before = histogram({ 50: 5, Infinity: 10 });
    expect(histogramIncrease(before, histogram({ 60: 7, Infinity: 13 }))).toBeUndefined();
    expect(histogramIncrease(before, histogram({ 60: 2, Infinity: 3 }))?.counts).toEqual([2, 3]);
  });
});

describe('histogramOf', () => {
  it('refuses buckets that make no histogram', () => {
    expect(histogramOf(new Map([[1, 2]]))).toBeUndefined();
    expect(histogramOf(new Map([[Infinity, NaN]]))).toBeUndefined();
    expect(
      histogramOf(
        new Map([
          [NaN, 1],
          [Infinity, 2],
        ]),
      ),
    ).toBeUndefined();
  });
});
