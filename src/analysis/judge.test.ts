import { describe, expect, it } from 'vitest';
import { addInterval, emptyEvidence } from './evidence.ts';
import type { EventInterval } from './evidence.ts';
import { add, repeat, second, settings } from './evidence.testing.ts';
import { judge, verdictOf } from './judge.ts';
import { defaultSettings } from './settings.ts';
import { weigh } from './weigh.ts';

const NOTHING = { all: 0, bad: 0 };

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
    expect(verdictOf(weighed, state.candidate, settings)).not.toBe('Fail');
    expect(verdictOf(weighed, { all: 2000, bad: 100 }, settings)).toBe('Inconclusive');
    const excused = { all: 2000, bad: 100, excused: { all: 1000, bad: 99 } };
    expect(verdictOf(weighed, excused, settings)).toBe('Inconclusive');
    const over = weigh(add(state, ...repeat(60, second(80, 0, 120, 0))), settings);
    expect(verdictOf(over, excused, settings)).toBe('Pass');
    expect(verdictOf(over, { all: 2000, bad: 100 }, settings)).toBe('Inconclusive');
  });

  it('does not hold a limit against the candidate before the source has told of stable as well', () => {
    const slow = { ...defaultSettings('slow'), limit: 0.05 };
    const told = (seconds: number, { lump } = slow) =>
      repeat(Math.round(seconds / 0.5), { ...second(40, 10, 0, 0), seconds: 0.5 }).reduce(
        (state, interval) => addInterval(state, interval, { ...slow, lump }),
        emptyEvidence(),
      );
    expect(weigh(told(7), slow).againstLimit).toBe(0);
    expect(weigh(told(16), slow).againstLimit).toBeGreaterThan(2);
    expect(weigh(told(2, { ...slow, lump: 0 }), slow).againstLimit).toBeGreaterThan(2);
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

  it('finds a fault that begins an hour into a step as one that is there from the start', () => {
    const good = repeat(3600, second(10, 0, 40, 0));
    const secondsToFail = (before: readonly EventInterval[]) => {
      let state = add(emptyEvidence(), ...lead, ...before);
      for (let seconds = 1; seconds <= 120; seconds++) {
        state = add(state, second(10, 3, 40, 0));
        if (judge('errors', state, state.candidate, settings).verdict === 'Fail') return seconds;
      }
      return Infinity;
    };
    expect(secondsToFail([])).toBeLessThanOrEqual(3);
    expect(secondsToFail(good)).toBeLessThanOrEqual(6);
    const told = judge(
      'errors',
      add(emptyEvidence(), ...lead, ...good, ...repeat(6, second(10, 3, 40, 0))),
      NOTHING,
      settings,
    );
    expect(told.message).toMatch(/ on stable of late; /);
  });

  it('tells of the present weight alone where that is what speaks against a version', () => {
    const good = repeat(600, second(500, 1, 500, 1));
    const told = (...later: readonly EventInterval[]) =>
      judge('errors', add(emptyEvidence(), ...lead, ...good, ...later), { all: 1000, bad: 0 }, settings)
        .message;
    const start = (interval: EventInterval): EventInterval => ({ ...interval, fresh: true });
    expect(told()).toBe(
      'errors: 600 of 300,000 on the candidate, 600 of 302,000 on stable; between 0.79 and 1.3 times as often',
    );
    const bad = second(700, 14, 300, 1);
    expect(told(start(bad), ...repeat(30, bad))).toMatch(
      /^errors: 434 of 21,700 on the candidate, 31 of 9,300 on stable at this weight; 6 times as often \(.*\), over the limit of 1%; evidence .* after 31 s$/,
    );
    expect(told(start(second(1000, 300, 0, 0)))).toMatch(
      /^errors: 300 of 1,000 on the candidate, no requests on stable at this weight; over the limit of 1%;/,
    );
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

  it('finds a bad version as soon after an outage of stable as without one', () => {
    const failedUntilFound = (before: EventInterval) => {
      let state = add(emptyEvidence(), ...repeat(20, before));
      for (let seconds = 1; seconds <= 60; seconds++) {
        state = add(state, second(3, 1, 47, 0));
        const weighed = weigh(state, settings);
        if (weighed.total >= weighed.needed) return seconds;
      }
      return Infinity;
    };
    const usual = failedUntilFound(second(0, 0, 47, 0));
    expect(usual).toBeLessThanOrEqual(6);
    expect(failedUntilFound(second(0, 0, 47, 28))).toBeLessThanOrEqual(usual + 1);
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
    const elsewhere = addInterval(steady(120), { ...second(100, 1, 100, 1), fresh: true }, settings);
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

  it('does not call a version harmless that is much worse at rates that are small, where no limit is given', () => {
    const early = { ...settings, early: true, limit: undefined };
    const worse = add(emptyEvidence(), ...lead, ...repeat(60, second(5000, 5, 5000, 0)));
    expect(judge('errors', worse, { all: 300_000, bad: 300 }, early).harmless).toBe(false);
  });
});
