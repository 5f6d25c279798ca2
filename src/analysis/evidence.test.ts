import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyEvidence } from './evidence.ts';
import type { EventEvidence, EventInterval } from './evidence.ts';
import { add, repeat, second, settings } from './evidence.testing.ts';
import { weigh } from './weigh.ts';
import { costsOf } from './shares.ts';
import { MOST_RATIO } from './ratios.ts';

const counts = fc
  .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([all, share]) => ({ all, bad: Math.floor(all * share) }));
const intervals = fc.array(
  fc.record({
    candidate: counts,
    stable: counts,
    seconds: fc.double({ min: 0.05, max: 60, noNaN: true }),
    fresh: fc.boolean(),
  }),
  { minLength: 1, maxLength: 30 },
);

describe('evidence of an event metric', () => {
  it('is none before anything is counted', () => {
    const weighed = weigh(emptyEvidence(), settings);
    expect(weighed.total).toBeLessThanOrEqual(0);
    expect(weighed.total).toBeGreaterThan(-0.1);
  });

  it('survives a restart of the operator to the last digit', () => {
    fc.assert(
      fc.property(intervals, fc.nat(), (all, at) => {
        const cut = at % all.length;
        const before = add(emptyEvidence(), ...all.slice(0, cut));
        const stored = JSON.parse(JSON.stringify(before)) as EventEvidence;
        const after = add(stored, ...all.slice(cut));
        expect(after).toEqual(add(before, ...all.slice(cut)));
        expect(weigh(after, settings)).toEqual(weigh(add(emptyEvidence(), ...all), settings));
      }),
    );
  });

  it('stays small enough for a status', () => {
    const pod = (name: string) => ({ [name]: { all: 1000, bad: 7 } });
    const pods = Object.assign(
      {},
      ...Array.from({ length: 100 }, (_, i) => pod(`reviews-5f7d9-${i}`)),
    ) as Record<string, { all: number; bad: number }>;
    const state = add(
      emptyEvidence(),
      ...repeat(50, { ...second(100_000, 700, 100_000, 700), pods: { candidate: pods, stable: pods } }),
    );
    expect(JSON.stringify(state).length).toBeLessThan(4000);
    expect(JSON.stringify({ ...state, pods: undefined }).length).toBeLessThan(1500);
  });

  it('is finite and tells the counts, up to a billion requests a second', () => {
    fc.assert(
      fc.property(intervals, fc.integer({ min: 1, max: 1000 }), (all, scale) => {
        const big = all.map((interval) => ({
          ...interval,
          candidate: { all: interval.candidate.all * scale, bad: interval.candidate.bad * scale },
          stable: { all: interval.stable.all * scale, bad: interval.stable.bad * scale },
        }));
        const state = add(emptyEvidence(), ...big);
        const sum = (side: 'candidate' | 'stable', key: 'all' | 'bad') =>
          big.reduce((total, interval) => total + interval[side][key], 0);
        expect(state.candidate).toEqual({ all: sum('candidate', 'all'), bad: sum('candidate', 'bad') });
        expect(state.stable).toEqual({ all: sum('stable', 'all'), bad: sum('stable', 'bad') });
        const { alone, here, outage, ...weighed } = weigh(state, settings);
        expect([typeof here, typeof outage]).toEqual(['boolean', 'boolean']);
        for (const value of Object.values(weighed)) expect(Number.isFinite(value)).toBe(true);
        expect(alone && big.every(({ candidate }) => candidate.all === 0)).toBe(false);
        expect(weighed.dispersion).toBeGreaterThanOrEqual(1);
        expect(Math.abs(weighed.total)).toBeLessThanOrEqual(300);
      }),
    );
  });

  it('grows with each bad event of the candidate, and shrinks with each of stable', () => {
    const steady = repeat(40, second(50, 1, 500, 5));
    const base = weigh(add(emptyEvidence(), ...steady), settings).againstStable;
    const worse = weigh(add(emptyEvidence(), ...repeat(40, second(50, 2, 500, 5))), settings).againstStable;
    const better = weigh(add(emptyEvidence(), ...repeat(40, second(50, 1, 500, 10))), settings).againstStable;
    expect(worse).toBeGreaterThan(base);
    expect(better).toBeLessThan(base);
  });

  it('does not depend on how a steady second is cut into pieces', () => {
    const whole = add(emptyEvidence(), ...repeat(20, second(40, 4, 400, 8)));
    const quarter: EventInterval = {
      candidate: { all: 10, bad: 1 },
      stable: { all: 100, bad: 2 },
      seconds: 0.25,
    };
    const pieces = add(emptyEvidence(), ...repeat(80, quarter));
    for (const [i, cost] of costsOf(whole.shares).entries())
      expect(costsOf(pieces.shares)[i]).toBeCloseTo(cost, 6);
    expect(pieces.expected / whole.expected).toBeCloseTo(1, 1);
  });

  it('does not depend on the order of the weights under which requests came', () => {
    const low = repeat(30, second(10, 1, 190, 2));
    const high = repeat(30, second(80, 8, 120, 2)).map((one, i) => ({ ...one, fresh: i === 0 }));
    const up = add(emptyEvidence(), ...low, ...high);
    const down = add(emptyEvidence(), ...high, ...low.map((one, i) => ({ ...one, fresh: i === 0 })));
    for (const [i, cost] of costsOf(up.shares).entries())
      expect(costsOf(down.shares)[i]).toBeCloseTo(cost, 6);
    expect(down.compared).toEqual(up.compared);
  });

  it('takes no harm from a shared outage, and none from a change of the weight in it', () => {
    const state = add(
      emptyEvidence(),
      ...repeat(60, second(10, 0, 190, 1)),
      ...repeat(15, second(10, 3, 190, 57)),
      ...repeat(15, second(80, 24, 120, 36)).map((one, i) => ({ ...one, fresh: i === 0 })),
      ...repeat(60, second(80, 1, 120, 1)),
    );
    const weighed = weigh(state, settings);
    expect(weighed.total).toBeLessThan(0.5);
    expect(weighed.againstLimit).toBeLessThan(0.5);
  });

  it('says nothing against stable once stable has no traffic', () => {
    const before = add(emptyEvidence(), ...repeat(20, second(50, 0, 50, 0)));
    const after = add(before, ...repeat(20, second(100, 3, 0, 0)));
    expect(weigh(after, settings).againstStable).toBeCloseTo(weigh(before, settings).againstStable, 1);
    expect(weigh(after, settings).againstLimit).toBeGreaterThan(1);
  });

  it('looks for no ratio by which the candidate would fail more often than always', () => {
    const state = add(
      emptyEvidence(),
      ...repeat(10, second(0, 0, 1000, 50)),
      second(50, 3, 950, 50),
      ...repeat(50, second(50, 3, 950, 0)),
    );
    expect(state.mostRatio).toBeGreaterThan(20);
    expect(state.mostRatio).toBeLessThan(30);
    expect(add(emptyEvidence(), second(50, 3, 950, 50)).mostRatio).toBe(MOST_RATIO);
  });
});
