import { describe, expect, it } from 'vitest';
import { random } from './random.testing.ts';
import { EXCESS } from './ratios.ts';
import { addBad, costsOf } from './shares.ts';
import type { Shares } from './shares.ts';

const SEED = 7;

describe('bad events by share', () => {
  it(`cost nearly what each interval by itself costs, however shares scatter (seed ${SEED})`, () => {
    const chance = random(SEED);
    for (const [weight, requests] of [
      [0.01, 30],
      [0.05, 60],
      [0.4, 20],
      [0.6, 1000],
    ] as const) {
      let shares: Shares = {};
      const exact = EXCESS.map(() => 0);
      for (let i = 0; i < 1000; i++) {
        const candidate = chance.binomial(requests, weight);
        if (candidate === 0 || candidate === requests) continue;
        const bad = 1 + (i % 3);
        shares = addBad(shares, candidate / requests, bad);
        EXCESS.forEach((excess, k) => {
          exact[k] = (exact[k] ?? 0) + bad * Math.log1p((excess * candidate) / requests);
        });
      }
      costsOf(shares).forEach((cost, k) => {
        expect(Math.abs(cost - (exact[k] ?? 0)) / 2000).toBeLessThan(0.005);
      });
    }
  });

  it('stay exact to 10^9 events at one share', () => {
    let shares: Shares = {};
    for (let i = 0; i < 1000; i++) shares = addBad(shares, 0.05, 1e6);
    costsOf(shares).forEach((cost, k) => {
      expect(cost).toBeCloseTo(1e9 * Math.log1p((EXCESS[k] ?? 0) * 0.05), -1);
    });
  });

  it('take a few numbers, not one for each interval', () => {
    let shares: Shares = {};
    for (let i = 1; i < 1000; i++) shares = addBad(shares, i / 1000, 1);
    expect(Object.keys(shares).length).toBeLessThan(16);
  });
});
