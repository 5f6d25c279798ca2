import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addInterval, emptyEvidence } from './evidence.ts';
import type { EventEvidence, EventInterval } from './evidence.ts';
import { defaultSettings, harmlessness, judge, verdictOf, weigh } from './judge.ts';
import type { EventSettings } from './judge.ts';
import { costsOf } from './shares.ts';
import { random } from './random.testing.ts';
import { MOST_RATIO } from './ratios.ts';

const settings: EventSettings = { ...defaultSettings('errors'), limit: 0.01 };

function add(state: EventEvidence, ...intervals: readonly EventInterval[]): EventEvidence {
  return intervals.reduce((sum, interval) => addInterval(sum, interval, settings.warmUp), state);
}

/** One second with so many requests and bad ones of each side. */
function second(candidate: number, bad: number, stable: number, stableBad: number): EventInterval {
  return { candidate: { all: candidate, bad }, stable: { all: stable, bad: stableBad }, seconds: 1 };
}

const repeat = (times: number, interval: EventInterval) => Array.from({ length: times }, () => interval);

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
        const { alone, ...weighed } = weigh(state, settings);
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

describe('a verdict', () => {
  const lead = repeat(10, second(0, 0, 200, 0));

  it('fails a version that answers a third of its requests with errors after a handful of them', () => {
    const state = add(emptyEvidence(), ...lead, ...repeat(4, second(10, 3, 190, 0)));
    const judgement = judge('errors', state, state.candidate, settings);
    expect(judgement.verdict).toBe('Fail');
    expect(judgement.message).toMatch(
      /^errors: 12 of 40 on the candidate, 0 of 2,760 on stable; .* passed 100 after 4 s$/,
    );
  });

  it('does not fail one for a single incident, however often a caller retries it', () => {
    const quiet = repeat(60, second(10, 0, 190, 0));
    for (const bad of [1, 3, 6]) {
      const state = add(emptyEvidence(), ...lead, ...quiet, second(10 + bad, bad, 190, 0), ...quiet);
      expect(judge('errors', state, state.candidate, settings).verdict, `${bad} at once`).not.toBe('Fail');
    }
  });

  it('tells the ratio and an interval around it', () => {
    const state = add(emptyEvidence(), ...lead, ...repeat(100, second(100, 2, 1000, 5)));
    const { ratio, atLeast, atMost } = judge('errors', state, state.candidate, settings);
    expect(ratio).toBeCloseTo(4, 1);
    expect(atLeast).toBeGreaterThan(2.5);
    expect(atLeast).toBeLessThan(4);
    expect(atMost).toBeGreaterThan(4);
    expect(atMost).toBeLessThan(6.5);
  });

  it('has no upper end to the ratio while stable has had no bad event', () => {
    const state = add(emptyEvidence(), ...lead, ...repeat(4, second(10, 1, 190, 0)));
    const judgement = judge('errors', state, state.candidate, settings);
    expect(judgement.ratio).toBeUndefined();
    expect(judgement.atMost).toBeUndefined();
    expect(judgement.message).toContain('at least');
  });

  it('tells no ratio where nothing can be compared: bad events came while stable had no requests', () => {
    const state = add(emptyEvidence(), ...repeat(10, second(0, 0, 80, 0)), second(50, 50, 0, 0));
    const judged = judge('errors', state, { all: 50, bad: 50 }, settings);
    expect(judged).toMatchObject({ verdict: 'Fail', atLeast: 0 });
    expect(judged.ratio).toBeUndefined();
    expect(judged.atMost).toBeUndefined();
    expect(judged.message).toMatch(
      /^errors: 50 of 50 on the candidate, 0 of 800 on stable; over the limit of 1%; evidence /,
    );
  });

  it('passes a version as good as stable once enough was served, and says between what ratios it lies', () => {
    const state = add(emptyEvidence(), ...lead, ...repeat(300, second(80, 0, 120, 0)), second(80, 1, 120, 1));
    const judgement = judge('errors', state, { all: 24_080, bad: 1 }, settings);
    expect(judgement.verdict).toBe('Pass');
    expect(judgement.message).toMatch(/^errors: 1 of 24,080 on the candidate, 1 of 38,120 on stable/);
  });

  it('waits for the requests that it needs', () => {
    const state = add(emptyEvidence(), ...lead, second(20, 0, 180, 0));
    expect(judge('errors', state, { all: 20, bad: 0 }, settings)).toMatchObject({
      verdict: 'Inconclusive',
      message: 'errors: 20 of the 50 requests that a verdict needs',
    });
  });

  it('is inconclusive while the candidate looks worse without proof', () => {
    const quiet = repeat(10, second(10, 0, 190, 0));
    const one = second(10, 1, 190, 0);
    const state = add(emptyEvidence(), ...lead, ...quiet, one, ...quiet, one);
    const judgement = judge('errors', state, { all: 210, bad: 2 }, settings);
    expect(judgement.evidence).toBeLessThan(2);
    expect(judgement.verdict).toBe('Inconclusive');
    expect(judgement.message).toContain('may be worse than stable');
  });

  it('asks for more while a step may still be held: that the candidate is not several times as bad', () => {
    // 3 of 3,000 where stable has 4 of 12,000: three times as often, which is little evidence of anything.
    const state = add(
      emptyEvidence(),
      ...lead,
      ...[1, 2, 3, 4].flatMap(() => [...repeat(74, second(10, 0, 40, 0)), second(10, 0, 40, 1)]),
      ...[1, 2, 3].flatMap(() => [...repeat(5, second(10, 0, 40, 0)), second(10, 1, 40, 0)]),
    );
    const at = (held: number) => judge('errors', state, { all: 3180, bad: 3 }, { ...settings, held }).verdict;
    expect(at(0)).toBe('Inconclusive');
    expect(at(0.5)).toBe('Inconclusive');
    expect(at(1)).toBe('Pass');
  });

  it('asks for nothing of the kind where no bad events are to be expected', () => {
    const state = add(emptyEvidence(), ...lead, ...repeat(30, second(10, 0, 190, 0)));
    expect(judge('errors', state, { all: 300, bad: 0 }, { ...settings, held: 0 }).verdict).toBe('Pass');
  });

  it('has what it asks for from a good version after the usual time', () => {
    const state = add(emptyEvidence(), ...lead, ...repeat(120, second(50, 0, 450, 1)), second(50, 5, 450, 0));
    const counts = { all: 6050, bad: 5 };
    expect(judge('errors', state, counts, { ...settings, held: 0 }).verdict).toBe('Pass');
  });

  it('fails by the limit where the candidate is over it, though hardly worse than stable', () => {
    const strict = { ...settings, tolerance: 4 };
    const state = add(emptyEvidence(), ...lead, ...repeat(200, second(50, 2, 50, 0)), second(50, 2, 50, 1));
    const judgement = judge('errors', state, state.candidate, { ...strict, limit: 0.01 });
    expect(judgement.verdict).toBe('Fail');
  });

  it('does not hold a limit against the candidate that stable does not keep either', () => {
    const state = add(
      emptyEvidence(),
      ...repeat(10, second(0, 0, 200, 10)),
      ...repeat(300, second(80, 4, 120, 6)),
    );
    const weighed = weigh(state, settings);
    expect(weighed.limit).toBeCloseTo(0.1, 1);
    expect(verdictOf(weighed, state.candidate, settings)).not.toBe('Fail');
    expect(verdictOf(weighed, { all: 2000, bad: 100 }, settings)).toBe('Inconclusive');
    const excused = { all: 2000, bad: 100, excused: { all: 1000, bad: 99 } };
    expect(verdictOf(weighed, excused, settings)).toBe('Pass');
  });

  it('does not hold a limit against the candidate before the source has told of stable as well', () => {
    const slow = { ...defaultSettings('slow'), limit: 0.05 };
    const told = (seconds: number) =>
      add(emptyEvidence(), ...repeat(Math.round(seconds / 0.5), { ...second(40, 10, 0, 0), seconds: 0.5 }));
    expect(weigh(told(2), slow).againstLimit).toBe(0);
    expect(weigh(told(7), slow).againstLimit).toBeGreaterThan(2);
    expect(weigh(told(2), { ...slow, silence: 0 }).againstLimit).toBeGreaterThan(2);
  });

  it('fails a version whose fault shows only at a later weight, however much was good before', () => {
    const good = repeat(600, second(500, 1, 500, 1));
    const start = (interval: EventInterval): EventInterval => ({ ...interval, fresh: true });
    const secondsToFail = (interval: EventInterval, before: readonly EventInterval[]) => {
      let state = add(emptyEvidence(), ...lead, ...before, start(interval));
      for (let seconds = 1; seconds <= 120; seconds++) {
        const weighed = weigh(state, settings);
        if (weighed.total >= weighed.needed) return seconds;
        state = add(state, interval);
      }
      return Infinity;
    };
    // All traffic, so that there is no stable to compare with.
    expect(secondsToFail(second(1000, 300, 0, 0), [])).toBeLessThanOrEqual(2);
    expect(secondsToFail(second(1000, 300, 0, 0), good)).toBeLessThanOrEqual(3);
    expect(secondsToFail(second(1000, 50, 0, 0), good)).toBeLessThanOrEqual(5);
    // Five times as bad as stable, from the second weight on.
    expect(secondsToFail(second(700, 7, 300, 0.6), good)).toBeLessThanOrEqual(20);
  });

  it('does not hold an outage that strikes both sides at a later weight against the limit', () => {
    const good = repeat(300, second(5, 0, 95, 0));
    const start = { ...second(40, 20, 60, 30), fresh: true };
    let state = add(emptyEvidence(), ...lead, ...good, start);
    for (let seconds = 1; seconds <= 60; seconds++) {
      const weighed = weigh(state, settings);
      expect(weighed.total).toBeLessThan(weighed.needed);
      state = add(state, second(40, 20, 60, 30));
    }
  });

  it('shares the error budget among metrics', () => {
    const state = add(emptyEvidence(), ...lead, second(10, 0, 190, 0));
    expect(weigh(state, settings).needed).toBe(2);
    expect(weigh(state, { ...settings, tests: 3 }).needed).toBeCloseTo(Math.log10(300));
  });

  it('lets a tolerance be set: what is within it is no harm', () => {
    const twice = add(
      emptyEvidence(),
      ...repeat(10, second(0, 0, 2000, 2)),
      ...repeat(600, second(500, 4, 1000, 2)),
    );
    expect(weigh(twice, { ...settings, limit: undefined }).total).toBeGreaterThan(2);
    expect(weigh(twice, { ...settings, limit: undefined, tolerance: 3 }).total).toBeLessThan(0);
  });

  it('calls a version harmless when the data say so, and not before', () => {
    const steady = (seconds: number) =>
      add(emptyEvidence(), ...lead, ...repeat(seconds, second(80, 1, 120, 1)));
    const early = { ...settings, early: true };
    const few = { all: 240, bad: 3 };
    const many = { all: 9600, bad: 120 };
    expect(judge('errors', steady(3), few, early).harmless).toBe(false);
    expect(judge('errors', steady(120), many, early).harmless).toBe(true);
    expect(judge('errors', steady(120), many, settings).harmless).toBe(false);
    // At another weight nothing is known yet.
    const elsewhere = addInterval(steady(120), { ...second(100, 1, 100, 1), fresh: true }, settings.warmUp);
    expect(judge('errors', elsewhere, { all: 100, bad: 1 }, early).harmless).toBe(false);
  });

  it('calls a version harmless that keeps its limit, where neither side has bad events to compare', () => {
    const early = { ...settings, early: true };
    const none = add(emptyEvidence(), ...lead, ...repeat(1000, second(80, 0, 120, 0)));
    const window = { all: 80_000, bad: 0 };
    expect(judge('errors', none, window, { ...early, limit: undefined }).harmless).toBe(true);
    expect(judge('errors', none, window, { ...early, limit: 0.01 }).harmless).toBe(true);
    expect(judge('errors', none, { all: 400, bad: 0 }, { ...early, limit: undefined }).harmless).toBe(false);
  });
});

describe('by simulation', () => {
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
