import { describe, expect, it } from 'vitest';
import { Dice } from './dice.ts';

const SEED = 7;
const DRAWS = 20_000;

function sample(draw: (dice: Dice) => number): { mean: number; variance: number } {
  const dice = new Dice(SEED);
  const values = Array.from({ length: DRAWS }, () => draw(dice));
  const mean = values.reduce((sum, value) => sum + value, 0) / DRAWS;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / DRAWS };
}

describe('dice', () => {
  it('give the same numbers for the same seed, and others for another', () => {
    const numbers = (seed: number) => {
      const dice = new Dice(seed);
      return Array.from({ length: 20 }, () => dice.next());
    };
    expect(numbers(SEED)).toEqual(numbers(SEED));
    expect(numbers(SEED)).not.toEqual(numbers(SEED + 1));
    expect(numbers(SEED)).not.toEqual(numbers(SEED + 2 ** 32));
  });

  it.each([0.01, 3, 50, 1000])('poisson(%s) has its mean and variance', (mean) => {
    const drawn = sample((dice) => dice.poisson(mean));
    expect(drawn.mean / mean).toBeCloseTo(1, 0);
    expect(Math.abs(drawn.mean - mean)).toBeLessThan(5 * Math.sqrt(mean / DRAWS));
    expect(drawn.variance / mean).toBeGreaterThan(0.9);
    expect(drawn.variance / mean).toBeLessThan(1.1);
  });

  it.each([
    [10, 0.3],
    [5, 1],
    [5, 0],
    [1000, 0.001],
    [1000, 0.9],
  ])('binomial(%s, %s) has its mean and variance, and stays within its tries', (tries, p) => {
    const drawn = sample((dice) => {
      const successes = dice.binomial(tries, p);
      expect(successes).toBeGreaterThanOrEqual(0);
      expect(successes).toBeLessThanOrEqual(tries);
      return successes;
    });
    const variance = tries * p * (1 - p);
    expect(Math.abs(drawn.mean - tries * p)).toBeLessThanOrEqual(5 * Math.sqrt(variance / DRAWS));
    expect(Math.abs(drawn.variance - variance)).toBeLessThanOrEqual(0.1 * variance);
  });

  it('the exponential has its mean', () => {
    expect(sample((dice) => dice.exponential(3)).mean).toBeCloseTo(3, 0);
  });
});
