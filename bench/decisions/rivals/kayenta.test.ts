import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standardized, strength } from './kayenta.ts';

describe("Kayenta's judge", () => {
  it('has the Mann-Whitney statistic of a table that was worked out by hand', () => {
    // Ranks of 4, 6, 7 among 1, 2, 3, 4, 5, 6, 7 with one tie: 4.5 + 6... the control has 1, 2, 3, 4, 5.
    const experiment = [4, 6, 7];
    const control = [1, 2, 3, 4, 5];
    // Ranks 4.5, 7, 8: U = 19.5 − 6 = 13.5 of 15, mean 7.5; variance 15/12 · (9 − 6/56).
    const expected = (13.5 - 7.5 - 0.5) / Math.sqrt((15 / 12) * (9 - 6 / 56));
    expect(standardized(experiment, control, 0)).toBeCloseTo(expected, 12);
  });

  it('finds no difference between series that are alike, nor without points', () => {
    expect(strength([0.01, 0.01], [0.01, 0.01], 2)).toBe(-Infinity);
    expect(strength([], [0.01], 2)).toBe(-Infinity);
    expect(strength([0.01], [], 2)).toBe(-Infinity);
  });

  it('finds a series that lies above the other in every point, the more surely the longer they are', () => {
    const series = (length: number, shift: number) =>
      Array.from({ length }, (_, i) => shift + ((i * 7) % 11) / 1000);
    expect(strength(series(12, 0.1), series(12, 0), 2)).toBeGreaterThan(3);
    expect(strength(series(60, 0.1), series(60, 0), 2)).toBeGreaterThan(6);
  });

  it('asks for a quarter of the difference, which is the median of all differences', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: 20 }),
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: 20 }),
        (experiment, control) => {
          const differences = experiment.flatMap((x) => control.map((y) => x - y)).sort((a, b) => a - b);
          const middle = differences.length / 2;
          const median = (differences[Math.floor(middle - 0.5)]! + differences[Math.ceil(middle - 0.5)]!) / 2;
          const expected = median <= 0 ? -Infinity : standardized(experiment, control, median / 4);
          expect(strength(experiment, control, -Infinity)).toBe(expected);
        },
      ),
      { seed: 3 },
    );
  });
});
