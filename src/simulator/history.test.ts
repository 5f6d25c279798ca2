import { describe, expect, it } from 'vitest';
import { Dice } from './dice.ts';
import { type History, Recorded, burstiness, lengthOf, startsOf, trimmed } from './history.ts';

const STEPS = 200;
const SEED = 11;

/** Two pods with 600 requests a minute each; `errors` says the bad ones by pod and step. */
function history(errors: (pod: number, step: number) => number): History {
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  return {
    fromMs: 0,
    stepMs: 60_000,
    pods: [0, 1].map((pod) => ({
      name: `pod-${pod}`,
      all: steps.map(() => 600),
      bad: { errors: steps.map((step) => errors(pod, step)) },
    })),
  };
}

function poissonErrors(mean: number, together = 1): History {
  const dice = new Dice(SEED);
  return history(() => together * dice.poisson(mean / together));
}

describe('how many bad events come together', () => {
  it('is about 1 when each comes by itself, however many there are', () => {
    expect(burstiness(poissonErrors(0.5), 'errors')).toBeCloseTo(1, 0);
    expect(burstiness(poissonErrors(50), 'errors')).toBeLessThan(1.3);
  });

  it('is their number when they come in threes', () => {
    expect(burstiness(poissonErrors(3, 3), 'errors')).toBeGreaterThan(2.4);
    expect(burstiness(poissonErrors(3, 3), 'errors')).toBeLessThan(3.6);
  });

  it('does not take the rhythm of the day for bursts', () => {
    const dice = new Dice(SEED);
    const day = history((_, step) => dice.poisson(20 * (1 + Math.sin(step / 30))));
    expect(burstiness(day, 'errors')).toBeLessThan(1.4);
  });

  it('is 1 where there are none, and bounded in an outage', () => {
    expect(
      burstiness(
        history(() => 0),
        'errors',
      ),
    ).toBe(1);
    expect(
      burstiness(
        history((_, step) => (step === 50 ? 600 : 0)),
        'errors',
      ),
    ).toBe(20);
  });
});

describe('the time in which a service was there', () => {
  const at = (all: readonly number[]) => ({
    name: 'pod',
    all,
    bad: { errors: all.map((count) => count / 2) },
  });

  it('is from its first requests to its last', () => {
    const whole: History = {
      fromMs: 1000,
      stepMs: 100,
      pods: [at([0, 0, 4, 0, 0, 0]), at([0, 0, 0, 0, 6, 0])],
    };
    const cut = trimmed(whole);
    expect(cut).toEqual({ fromMs: 1200, stepMs: 100, pods: [at([4, 0, 0]), at([0, 0, 6])] });
    expect(lengthOf(cut)).toBe(300);
  });

  it('is none where there are none', () => {
    expect(lengthOf(trimmed({ fromMs: 0, stepMs: 100, pods: [at([0, 0])] }))).toBe(0);
    expect(lengthOf({ fromMs: 0, stepMs: 100, pods: [] })).toBe(0);
  });
});

describe('requests as they were', () => {
  const total = (recorded: Recorded, who: 'candidate' | 'stable', share: number) =>
    recorded.count(who, share, 0, 600_000, new Dice(SEED))['errors'] ?? { all: 0, bad: 0 };

  it('come in the number of all pods, and the candidate fails as its pod did', () => {
    const uneven = history((pod) => (pod === 0 ? 6 : 60));
    const good = new Recorded(uneven, 0, 0, 1, { errors: 1 });
    const bad = new Recorded(uneven, 0, 1, 1, { errors: 1 });
    const stable = total(good, 'stable', 1);
    expect(stable.all).toBeGreaterThan(11_500);
    expect(stable.all).toBeLessThan(12_500);
    expect(stable.bad / stable.all).toBeCloseTo(0.055, 2);
    const counts = [total(good, 'candidate', 0.5), total(bad, 'candidate', 0.5)];
    expect(counts.map(({ bad: failed, all }) => Math.round((failed / all) * 100))).toEqual([1, 10]);
  });

  it('go wrong in bursts as often as they did one by one', () => {
    const recorded = new Recorded(
      history(() => 6),
      0,
      0,
      1,
      { errors: 3 },
    );
    const dice = new Dice(SEED);
    let bad = 0;
    for (let second = 0; second < 600; second++) {
      const { errors } = recorded.count('candidate', 1, second * 1000, second * 1000 + 1000, dice);
      expect((errors?.bad ?? 0) % 3).toBe(0);
      bad += errors?.bad ?? 0;
    }
    // 1% of 20 requests a second in 600 seconds.
    expect(bad).toBeGreaterThan(80);
    expect(bad).toBeLessThan(160);
  });

  it('begin where a whole release is left', () => {
    expect(
      startsOf(
        history(() => 0),
        3_600_000,
        3_600_000,
      ),
    ).toEqual([0, 3_600_000, 7_200_000]);
    expect(
      startsOf(
        history(() => 0),
        13_000_000,
        60_000,
      ),
    ).toEqual([]);
  });

  it('need a pod that was there', () => {
    expect(
      () =>
        new Recorded(
          history(() => 0),
          0,
          5,
          1,
          {},
        ),
    ).toThrow('no pod 5');
  });
});
