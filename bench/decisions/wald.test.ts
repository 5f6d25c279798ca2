import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { waldBound } from './wald.ts';

const forever = (weight: number) => [{ weight, seconds: 1e9 }];

/** Failed requests of the sequential test that the bound speaks of: it knows the ratio, and sees whose each bad event is. */
function simulate(weight: number, ratio: number, seed: number, runs = 4000): number {
  const random = new Random(seed);
  const good = weight / 100;
  const bad = (ratio * good) / (ratio * good + 1 - good);
  let failed = 0;
  for (let run = 0; run < runs; run++) {
    let log = 0;
    while (log < Math.log(99) && log > -Math.log(99)) {
      const own = random.next() < bad;
      if (own) failed++;
      log += Math.log(own ? bad / good : (1 - bad) / (1 - good));
    }
  }
  return failed / runs;
}

describe("Wald's bound", () => {
  it.each([
    [5, 3],
    [50, 10],
    [20, 30],
  ])('at %s% weight and %s times as bad is a little less than what such a test needs', (weight, ratio) => {
    const bound = waldBound(forever(weight), { rps: 1e6, base: 0.001, ratio });
    const needed = simulate(weight, ratio, 3);
    // The test ends with a whole event: it overshoots by at most one.
    expect(needed).toBeGreaterThan(bound * 0.98);
    expect(needed).toBeLessThan(bound + 1);
  });

  it('is the formula of the text at one weight', () => {
    const good = 0.05;
    const bad = (10 * good) / (10 * good + 0.95);
    const distance = bad * Math.log(bad / good) + (1 - bad) * Math.log((1 - bad) / 0.95);
    const needed = 0.99 * Math.log(99) + 0.01 * Math.log(0.01 / 0.99);
    expect(waldBound(forever(5), { rps: 100, base: 0.001, ratio: 10 })).toBeCloseTo(
      (needed * bad) / distance,
      9,
    );
  });

  it('asks for more failed requests where the weight rises before enough have come', () => {
    const steps = [
      { weight: 5, seconds: 120 },
      { weight: 50, seconds: 300 },
    ];
    const busy = waldBound(steps, { rps: 1000, base: 0.001, ratio: 10 });
    const quiet = waldBound(steps, { rps: 1, base: 0.001, ratio: 10 });
    expect(busy).toBeCloseTo(waldBound(forever(5), { rps: 1000, base: 0.001, ratio: 10 }), 6);
    expect(quiet).toBeGreaterThan(busy);
    expect(quiet).toBeLessThan(waldBound(forever(50), { rps: 1, base: 0.001, ratio: 10 }));
  });
});
