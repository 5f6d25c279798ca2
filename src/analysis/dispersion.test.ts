import { describe, expect, it } from 'vitest';
import { addSpan, dispersionFactor, NO_DISPERSION } from './dispersion.ts';
import type { Dispersion } from './dispersion.ts';
import type { Counts } from './telemetry.ts';

/** Seconds with so many bad events on stable, the candidate being silent. */
function watch(counts: readonly number[], seconds = 1, from: Dispersion = NO_DISPERSION): Dispersion {
  return counts.reduce((state, bad) => add(state, seconds, 0, bad), from);
}

function add(
  state: Dispersion,
  seconds: number,
  candidate: number,
  stable: number,
  fresh = false,
): Dispersion {
  return addSpan(state, seconds, some(candidate), some(stable), fresh).dispersion;
}

/** Many requests, of which so many are bad. */
function some(bad: number): Counts {
  return { all: 100_000, bad };
}

const NO_REQUESTS: Counts = { all: 0, bad: 0 };

const quiet = (length: number) => Array.from({ length }, () => 0);

describe('how much bad events scatter', () => {
  it('is assumed to be some before anything is seen', () => {
    expect(dispersionFactor(NO_DISPERSION)).toBeGreaterThan(1.5);
  });

  it('is as by chance when they come one at a time', () => {
    const singles = watch(Array.from({ length: 60 }, (_, second) => (second % 6 === 3 ? 1 : 0)));
    expect(dispersionFactor(singles)).toBeLessThan(1.1);
  });

  it('is as large as a cluster when three come at once', () => {
    const clusters = watch(Array.from({ length: 60 }, (_, second) => (second % 12 === 5 ? 3 : 0)));
    expect(dispersionFactor(clusters)).toBeGreaterThan(2.7);
    expect(dispersionFactor(clusters)).toBeLessThan(4);
  });

  it('is seen already in the first cluster', () => {
    expect(dispersionFactor(watch([...quiet(5), 3]))).toBeGreaterThan(2.2);
  });

  it('is seen in a cluster that a look has cut in two', () => {
    expect(dispersionFactor(watch([...quiet(5), 1, 2, ...quiet(5)]))).toBeGreaterThan(1.5);
  });

  it('is seen in a cluster that a look has cut in two while the second half is still coming', () => {
    const before = watch([...Array.from({ length: 20 }, (_, second) => (second % 5 === 2 ? 1 : 0)), 2]);
    const now = add(before, 0.05, 0, 2);
    expect(dispersionFactor(now)).toBeGreaterThan(dispersionFactor(before) + 0.1);
  });

  it('is seen in a cluster whose span is still open', () => {
    const before = watch(Array.from({ length: 30 }, (_, second) => (second % 5 === 2 ? 1 : 0)));
    const now = add(before, 0.05, 3, 0);
    expect(dispersionFactor(now)).toBeGreaterThan(dispersionFactor(before));
    expect(dispersionFactor(add(before, 0.05, 0, 0))).toBe(dispersionFactor(before));
  });

  it('does not take a steady high rate for clusters', () => {
    expect(dispersionFactor(watch(Array.from({ length: 20 }, (_, second) => 100 + (second % 2))))).toBe(1);
  });

  it('is hardly raised by the edges of an outage, in which both versions fail for a while', () => {
    const steady = (length: number) => Array.from({ length }, (_, second) => 10 + (second % 3) * 3);
    const before = watch(steady(60));
    const after = watch(
      steady(60),
      1,
      watch(
        Array.from({ length: 30 }, () => 3000 + 50),
        1,
        before,
      ),
    );
    expect(dispersionFactor(after)).toBeLessThan(1.5);
  });

  it('is no larger after a huge burst than after one of a few, because no more of it counts', () => {
    const bursts = (bad: number) =>
      dispersionFactor(watch(Array.from({ length: 60 }, (_, second) => (second % 20 === 10 ? bad : 0))));
    expect(bursts(500)).toBe(bursts(4));
    expect(bursts(4)).toBeGreaterThan(bursts(2));
  });

  it('does not compare across a change of the weight', () => {
    const before = watch([4, 4, 4, 4]);
    expect(dispersionFactor(add(before, 1, 0, 60, true))).toBe(dispersionFactor(before));
    expect(dispersionFactor(add(before, 1, 0, 60))).toBeGreaterThan(dispersionFactor(before));
  });

  it('does not take time without requests for time without bad events', () => {
    const told = (rhythm: number) => {
      let state = NO_DISPERSION;
      for (let second = 0; second < 120; second++) {
        const counts = second % rhythm === rhythm - 1 ? some(rhythm * 2) : NO_REQUESTS;
        state = addSpan(state, 1, NO_REQUESTS, counts, false).dispersion;
      }
      return dispersionFactor(state);
    };
    expect(told(5)).toBe(1);
    expect(told(15)).toBe(1);
  });
});

describe('how many bad events of an interval count', () => {
  it('is all of them while they come one at a time, or steadily', () => {
    expect(addSpan(watch([0, 1, 0]), 1, some(0), some(1), false).stable).toBe(1);
    expect(addSpan(watch([20, 18, 22]), 1, some(0), some(25), false).stable).toBe(25);
  });

  it('is a few of a burst after quiet, and all when the next span is as bad', () => {
    const burst = addSpan(watch([0, 0, 0]), 1, some(0), some(50), false);
    expect(burst.stable).toBe(2.5);
    expect(addSpan(burst.dispersion, 1, some(0), some(50), false).stable).toBe(50);
  });

  it('is the same for a burst in pieces', () => {
    let state = watch([0, 0, 0]);
    let counted = 0;
    for (const bad of [1, 1, 1, 1, 1]) {
      const added = addSpan(state, 0.1, some(0), some(bad), false);
      counted += added.stable;
      state = added.dispersion;
    }
    expect(counted).toBe(2.5);
  });

  it('is all where nothing came before to compare with', () => {
    expect(addSpan(watch([0, 0, 0]), 1, some(50), some(0), true).candidate).toBe(50);
  });
});
