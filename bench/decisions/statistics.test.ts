import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { mean, quantile, wilson } from './statistics.ts';

describe("Wilson's interval", () => {
  it('has the ends of the textbook example of 10 in 100', () => {
    const [lower, upper] = wilson(10, 100);
    expect(lower).toBeCloseTo(0.0552, 4);
    expect(upper).toBeCloseTo(0.1744, 4);
  });

  it('lets at most 80 of 10,000 be below 1%', () => {
    expect(wilson(80, 10_000)[1]).toBeLessThan(0.01);
    expect(wilson(82, 10_000)[1]).toBeGreaterThan(0.01);
  });

  it('covers everything of nothing, and stays within 0 and 1', () => {
    expect(wilson(0, 0)).toEqual([0, 1]);
    expect(wilson(0, 10)[0]).toBe(0);
    expect(wilson(10, 10)[1]).toBeCloseTo(1, 12);
  });

  it('holds the true share in 95% of samples', () => {
    const random = new Random(5);
    let held = 0;
    for (let i = 0; i < 2000; i++) {
      let hits = 0;
      for (let k = 0; k < 200; k++) if (random.next() < 0.1) hits++;
      const [lower, upper] = wilson(hits, 200);
      if (lower <= 0.1 && upper >= 0.1) held++;
    }
    expect(held / 2000).toBeGreaterThan(0.93);
    expect(held / 2000).toBeLessThan(0.97);
  });
});

describe('a quantile', () => {
  it('is the smallest value that so many do not exceed', () => {
    expect(quantile([3, 1, 2, 4], 0.5)).toBe(2);
    expect(quantile([3, 1, 2, 4], 0.95)).toBe(4);
    expect(quantile([3, 1, 2, 4], 0)).toBe(1);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('chance', () => {
  const draws = (make: (random: Random) => number, count = 20_000) => {
    const random = new Random(1, 2, 3);
    return Array.from({ length: count }, () => make(random));
  };
  const variance = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2));

  it('is the same for the same seeds, and another for others', () => {
    expect(new Random(1, 2).next()).toBe(new Random(1, 2).next());
    const firsts = new Set(Array.from({ length: 1000 }, (_, i) => new Random(1, i).next()));
    expect(firsts.size).toBe(1000);
  });

  it.each([0.01, 1, 30, 100])('has Poisson counts with mean and variance %s', (expected) => {
    const counts = draws((random) => random.poisson(expected));
    expect(mean(counts) / expected).toBeCloseTo(1, expected < 1 ? 0 : 1);
    expect(variance(counts.slice(0, 5000)) / expected).toBeGreaterThan(expected < 1 ? 0.5 : 0.9);
    expect(variance(counts.slice(0, 5000)) / expected).toBeLessThan(expected < 1 ? 1.7 : 1.1);
  });

  it('has log-normal factors with mean 1', () => {
    expect(mean(draws((random) => random.logNormal(0.5)))).toBeCloseTo(1, 1);
  });
});
