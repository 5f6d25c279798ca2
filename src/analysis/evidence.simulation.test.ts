import { describe, expect, it } from 'vitest';
import { emptyEvidence } from './evidence.ts';
import type { EventInterval } from './evidence.ts';
import { add, second, settings } from './evidence.testing.ts';
import { judge } from './judge.ts';
import { harmlessness, weigh } from './weigh.ts';
import { random } from './random.testing.ts';

describe('evidence of an event metric, by simulation', () => {
  const runs = 2000;
  const looks = 300;

  /** Seconds of both sides at 20 and 180 requests with these shares of bad ones. */
  function* traffic(seed: number, candidate: number, stable: number): Generator<EventInterval> {
    const chance = random(seed);
    for (let i = 0; i < 10; i++) yield second(0, 0, 200, chance.binomial(200, stable));
    for (let i = 0; i < looks; i++) {
      yield second(20, chance.binomial(20, candidate), 180, chance.binomial(180, stable));
    }
  }

  it.each([0.001, 0.01, 0.05])(
    'the mean of the e-value is at most 1 for a healthy version, and it ever exceeds 1/α in at most α of releases (bad share %s)',
    (share) => {
      let sum = 0;
      let squares = 0;
      let crossed = 0;
      for (let run = 0; run < runs; run++) {
        let state = emptyEvidence();
        let ever = false;
        for (const interval of traffic(run, share, share)) {
          state = add(state, interval);
          if (interval.candidate.bad > 0) {
            const { total, needed } = weigh(state, settings);
            ever ||= total >= needed;
          }
        }
        const value = 10 ** weigh(state, settings).total;
        sum += value;
        squares += value * value;
        if (ever) crossed++;
      }
      const mean = sum / runs;
      const error = Math.sqrt(Math.max(0, squares / runs - mean * mean) / runs);
      expect(mean, `seeds 0 to ${runs - 1}`).toBeLessThanOrEqual(1 + 3 * error);
      const { alpha } = settings;
      const most = runs * alpha + 3 * Math.sqrt(runs * alpha * (1 - alpha));
      expect(crossed, `of ${runs}, seeds 0 to ${runs - 1}`).toBeLessThanOrEqual(most);
    },
    60_000,
  );

  it('a version three times as bad is called harmless in at most α of releases', () => {
    let harmless = 0;
    const { needed } = weigh(emptyEvidence(), settings);
    const some = runs / 4;
    for (let run = 0; run < some; run++) {
      let state = emptyEvidence();
      for (const interval of traffic(run, 0.03, 0.01)) {
        state = add(state, interval);
        if (harmlessness(state, state.candidate, settings) >= needed) {
          harmless++;
          break;
        }
      }
    }
    const { alpha } = settings;
    expect(harmless, `of ${some}, seeds 0 to ${some - 1}`).toBeLessThanOrEqual(
      some * alpha + 3 * Math.sqrt(some * alpha),
    );
  }, 60_000);

  it('the interval of the ratio holds the truth at all looks in at least 1 − α of releases', () => {
    const some = runs / 4;
    let missed = 0;
    for (let run = 0; run < some; run++) {
      let state = emptyEvidence();
      for (const interval of traffic(run, 0.02, 0.01)) {
        state = add(state, interval);
        if (interval.candidate.bad === 0) continue;
        const { atLeast, atMost } = judge('errors', state, state.candidate, settings);
        if (atLeast > 2 || (atMost ?? Infinity) < 2) {
          missed++;
          break;
        }
      }
    }
    const { alpha } = settings;
    expect(missed, `of ${some}, seeds 0 to ${some - 1}`).toBeLessThanOrEqual(
      some * alpha + 3 * Math.sqrt(some * alpha),
    );
  }, 60_000);
});
