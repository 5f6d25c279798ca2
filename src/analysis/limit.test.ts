import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALPHA, evidenceAbove, evidenceBelow } from './limit.ts';

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Requests until the evidence passes 1/α; undefined when it never does. */
function crossing(rate: number, limit: number, most: number, next: () => number): number | undefined {
  let bad = 0;
  for (let all = 1; all <= most; all++) {
    if (next() < rate) bad++;
    if (evidenceAbove({ all, bad }, limit) >= -Math.log10(ALPHA)) return all;
  }
  return undefined;
}

describe('evidence above a limit', () => {
  it('crosses within a handful of requests for a version that fails 30% against a limit of 1%', () => {
    const seed = 20_260_101;
    const next = random(seed);
    const times = Array.from({ length: 500 }, () => crossing(0.3, 0.01, 1000, next) ?? 1000).sort(
      (a, b) => a - b,
    );
    expect(times[250], `median, seed ${seed}`).toBeLessThanOrEqual(12);
    expect(times[475], `95th percentile, seed ${seed}`).toBeLessThanOrEqual(30);
  });

  it('crosses for at most α of services exactly at their limit, looking after every request', () => {
    const seed = 7;
    const next = random(seed);
    const runs = 2000;
    const crossed = Array.from({ length: runs }, () => crossing(0.01, 0.01, 3000, next)).filter(
      (time) => time !== undefined,
    ).length;
    // Three standard errors above α.
    const bound = runs * ALPHA + 3 * Math.sqrt(runs * ALPHA * (1 - ALPHA));
    expect(crossed, `of ${runs}, seed ${seed}`).toBeLessThanOrEqual(bound);
  });

  it('takes the first bad event for proof where none is allowed', () => {
    expect(evidenceAbove({ all: 1000, bad: 0 }, 0)).toBe(0);
    expect(evidenceAbove({ all: 1000, bad: 1 }, 0)).toBeGreaterThan(2);
  });

  it('is finite for any counts up to 10^9, grows with bad events and shrinks with good ones', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 1e-6, max: 0.99, noNaN: true }),
        (all, share, limit) => {
          const bad = Math.floor(all * share);
          const evidence = evidenceAbove({ all, bad }, limit);
          expect(Number.isFinite(evidence)).toBe(true);
          expect(evidenceAbove({ all: all + 1, bad: bad + 1 }, limit)).toBeGreaterThanOrEqual(
            evidence - 1e-6,
          );
          expect(evidenceAbove({ all: all + 1, bad }, limit)).toBeLessThanOrEqual(evidence + 1e-6);
        },
      ),
    );
  });
});

describe('evidence below a limit', () => {
  it('comes with a few hundred requests without a bad one, for a limit of 1%', () => {
    expect(evidenceBelow({ all: 300, bad: 0 }, 0.01)).toBeLessThan(2);
    expect(evidenceBelow({ all: 700, bad: 0 }, 0.01)).toBeGreaterThan(2);
    expect(evidenceBelow({ all: 700, bad: 7 }, 0.01)).toBeLessThan(0);
  });

  it('crosses for at most α of services exactly at the limit, looking after every request', () => {
    const seed = 11;
    const next = random(seed);
    const runs = 1000;
    let crossed = 0;
    for (let run = 0; run < runs; run++) {
      let bad = 0;
      for (let all = 1; all <= 2000; all++) {
        if (next() < 0.01) bad++;
        if (evidenceBelow({ all, bad }, 0.01) < -Math.log10(ALPHA)) continue;
        crossed++;
        break;
      }
    }
    expect(crossed, `seed ${seed}`).toBeLessThanOrEqual(runs * ALPHA + 3 * Math.sqrt(runs * ALPHA));
  });

  it('stays a number to 10^9 requests', () => {
    for (const bad of [0, 1, 9e6, 1e7, 1e9]) {
      expect(Math.abs(evidenceBelow({ all: 1e9, bad }, 0.01))).toBeLessThanOrEqual(300);
    }
  });
});
