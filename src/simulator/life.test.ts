import { describe, expect, it } from 'vitest';
import { Dice } from './dice.ts';
import { playLife } from './life.ts';
import { spec } from './spec.testing.ts';
import { type Load, type Requests, Traffic } from './traffic.ts';

const SEED = 3;

function load(errors: number, perSecond = 100): Load {
  return { forMs: 60_000, perSecond, bad: { errors } };
}

describe('the life of a release', () => {
  it('of a good version goes through its steps in their times', () => {
    const life = playLife(spec(), new Traffic([load(0.001)], 1), new Dice(SEED));
    expect([life.outcome, life.passed.map(({ weight }) => weight)]).toEqual(['Promoted', [5, 50, 100]]);
    const [first, second] = life.passed;
    expect(first?.atMs).toBeGreaterThanOrEqual(60_000);
    expect(first?.atMs).toBeLessThan(63_000);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(120_000);
    // 5% of a minute and half of two minutes, or longer until it can be told from a version five times as bad.
    expect(life.requests).toBeGreaterThan(6000);
    expect(life.requests).toBeLessThan(15_000);
  });

  it('of a bad version ends at its first step, after few requests', () => {
    const life = playLife(spec(), new Traffic([load(0.01)], 50), new Dice(SEED));
    expect([life.outcome, life.reason, life.passed]).toEqual(['RolledBack', 'AnalysisFailed', []]);
    expect(life.requests).toBeLessThan(100);
    expect(life.bad['errors']).toBeGreaterThan(0);
    expect(life.bad['errors']).toBeLessThanOrEqual(life.requests);
  });

  it('without requests ends undecided, at the deadline', () => {
    const life = playLife(spec({ progressDeadline: '5m' }), new Traffic([load(0, 0.01)], 1), new Dice(SEED));
    expect([life.outcome, life.reason]).toEqual(['RolledBack', 'Inconclusive']);
    expect(life.tookMs).toBeGreaterThanOrEqual(360_000);
    expect(life.tookMs).toBeLessThan(365_000);
  });

  it('ends where a person is waited for', () => {
    const paused = spec({ steps: [{ weight: 5, for: '10s', pause: true }, { weight: 100 }] });
    const life = playLife(paused, new Traffic([load(0)], 1), new Dice(SEED));
    expect([life.outcome, life.message]).toEqual(['Paused', 'pause of the step at 5%']);
  });

  it('ends where a person is waited for because there is no verdict', () => {
    const pausing = spec({
      progressDeadline: '5m',
      analysis: { onInconclusive: 'pause', errorRate: { max: '1%' } },
    });
    const life = playLife(pausing, new Traffic([load(0, 0.01)], 1), new Dice(SEED));
    expect([life.outcome, life.reason]).toEqual(['Paused', 'Inconclusive']);
  });

  it('of a version that fails half its requests for a second in each minute is found out', () => {
    const requests: Requests = {
      count(who, share, from, to, dice) {
        const isBurst = who === 'candidate' && from % 60_000 >= 59_000;
        const all = dice.poisson((1000 * share * (to - from)) / 1000);
        return { errors: { all, bad: dice.binomial(all, isBurst ? 0.5 : 0.0001) } };
      },
    };
    const life = playLife(spec(), requests, new Dice(SEED));
    expect([life.outcome, life.reason]).toEqual(['RolledBack', 'AnalysisFailed']);
  });

  it('shares its error budget with metrics that are not played', () => {
    const needed = (tests?: number) => {
      const options = tests === undefined ? {} : { tests };
      const { message } = playLife(spec(), new Traffic([load(0.01)], 50), new Dice(SEED), options);
      return Number(/ passed (\d+) after/.exec(message)?.[1]);
    };
    expect(needed(3)).toBe(3 * needed());
  });

  it('is compared with a fresh baseline, which has a part of the requests to stable', () => {
    const fresh = spec({ analysis: { errorRate: { max: '1%' }, freshBaseline: true } });
    const life = playLife(fresh, new Traffic([load(0.001)], 1), new Dice(SEED));
    expect([life.outcome, life.passed.map(({ weight }) => weight)]).toEqual(['Promoted', [5, 50, 100]]);
    // Requests to stable for each one to the candidate, as the verdict tells.
    const ratio = (change: object) => {
      const { message } = playLife(spec(change), new Traffic([load(0.005, 1000)], 5), new Dice(SEED));
      const [, own = '', compared = ''] =
        / of ([\d,]+) .*on the candidate.* of ([\d,]+) .*on stable/.exec(message) ?? [];
      return Number(compared.replaceAll(',', '')) / Number(own.replaceAll(',', ''));
    };
    // 95% beside 5%; and of those 95% the part of one new pod beside three.
    expect(ratio({})).toBeGreaterThan(15);
    expect(ratio({ analysis: fresh.analysis })).toBeGreaterThan(3.5);
    expect(ratio({ analysis: fresh.analysis })).toBeLessThan(6);
  });

  it('is the same for the same seed', () => {
    const play = () => playLife(spec(), new Traffic([load(0.01)], 5), new Dice(SEED));
    expect(play()).toEqual(play());
  });
});

describe('traffic', () => {
  it('follows its loads, and begins anew after the last', () => {
    const day: Load = { forMs: 10_000, perSecond: 1000, bad: { errors: 0 } };
    const night: Load = { forMs: 10_000, perSecond: 0, bad: { errors: 0 } };
    const traffic = new Traffic([day, night], 1);
    const dice = new Dice(SEED);
    const requests = (from: number, to: number) =>
      traffic.count('stable', 1, from, to, dice)['errors']?.all ?? 0;
    expect(requests(10_000, 20_000)).toBe(0);
    expect(requests(20_000, 30_000)).toBeGreaterThan(9500);
    const half = requests(5000, 15_000);
    expect(half).toBeGreaterThan(4500);
    expect(half).toBeLessThan(5500);
  });

  it('of a version that cannot be worse than all bad is all bad', () => {
    const traffic = new Traffic([load(0.5)], 100);
    const counts = traffic.count('candidate', 1, 0, 10_000, new Dice(SEED))['errors'];
    expect(counts?.bad).toBe(counts?.all);
  });

  it('needs a load that lasts', () => {
    expect(() => new Traffic([], 1)).toThrow('at least one load');
    expect(() => new Traffic([{ ...load(0), forMs: 0 }], 1)).toThrow('longer than 0 ms');
  });
});
