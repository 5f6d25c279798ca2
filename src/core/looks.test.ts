import { describe, expect, it } from 'vitest';
import { nextLookMs } from './looks.ts';

describe('the time until the next look', () => {
  it.each([
    [-5000, 50],
    [0, 50],
    [1000, 50],
    [2000, 100],
    [10_010, 501],
    [20_000, 1000],
    [3_600_000, 1000],
    [Infinity, 1000],
  ])('is, %d ms after a weight was observed, %d ms', (age, next) => {
    expect(nextLookMs(age)).toBe(next);
  });
});
