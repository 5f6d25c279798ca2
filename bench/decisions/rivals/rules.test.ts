import { describe, expect, it } from 'vitest';
import { emptyHistory } from './history.ts';
import type { History } from './history.ts';
import { Ladder } from './ladder.ts';
import { Rival, RULES } from './rules.ts';
import { zOf } from './z-test.ts';
import type { Cell } from '../cells.ts';

const CELL: Cell = {
  name: 'story',
  kind: 'errors',
  schedule: '5-40-60',
  rps: 100,
  base: 0.001,
  ratio: 1,
  nuisance: 'none',
};

/** A release in which the candidate has so many requests and failures in each second, and stable 100 and none. */
function story(of: (second: number) => { all: number; bad: number }): History {
  const history = emptyHistory(CELL);
  for (let t = 0; t + 1 < history.failed.length; t++) {
    const { all, bad } = of(t);
    history.candidateAll[t + 1] = (history.candidateAll[t] ?? 0) + all;
    history.candidateBad[t + 1] = (history.candidateBad[t] ?? 0) + bad;
    history.stableAll[t + 1] = (history.stableAll[t] ?? 0) + 100;
    history.failed[t + 1] = (history.failed[t] ?? 0) + bad;
  }
  return history;
}

function ending(name: string, history: History): { seconds: number | undefined; failed: number } {
  const rule = RULES.find((one) => one.name === name);
  if (rule === undefined) throw new Error(`no rule ${name}`);
  const rival = new Rival(rule);
  rival.release(history);
  return { seconds: rival.standard.seconds[0], failed: rival.standard.failed };
}

const healthy = story(() => ({ all: 5, bad: 0 }));
const broken = story(() => ({ all: 5, bad: 1 }));

describe('a ladder of settings', () => {
  it('rolls back at each setting when the value first exceeds it', () => {
    const ladder = new Ladder([1, 2, 3]);
    ladder.raise(1, 10, 5);
    ladder.raise(2.5, 20, 8);
    ladder.raise(1.5, 30, 12);
    ladder.end(40);
    expect(ladder.rungs.map(({ rolledBack }) => rolledBack)).toEqual([1, 1, 0]);
    expect(ladder.rungs.map(({ failed }) => failed)).toEqual([8, 8, 40]);
    expect(ladder.rungs.map(({ seconds }) => seconds)).toEqual([[20], [20], []]);
  });

  it('begins anew with each release', () => {
    const ladder = new Ladder([1]);
    ladder.raise(2, 10, 5);
    ladder.end(40);
    ladder.end(7);
    expect(ladder.rungs[0]).toMatchObject({ rolledBack: 1, failed: 12 });
  });
});

describe('all rivals', () => {
  it.each(RULES.map(({ name }) => name))('%s leaves a release without failures alone', (name) => {
    expect(ending(name, healthy)).toEqual({ seconds: undefined, failed: 0 });
  });

  it.each(RULES.map(({ name }) => name))(
    '%s does at its strictest setting what it does at defaults',
    (name) => {
      const rule = RULES.find((one) => one.name === name)!;
      const rival = new Rival(rule);
      rival.release(broken);
      expect(rival.tuned.rungs[0]).toMatchObject({ setting: rule.standard, rolledBack: 1 });
      expect(rival.tuned.rungs[0]?.failed).toBe(rival.standard.failed);
      expect([...rule.settings].sort((a, b) => a - b)).toEqual(rule.settings);
    },
  );
});

describe('Flagger', () => {
  it('rolls back on the tick after the first failed check, the weight being held until then', () => {
    expect(ending('flagger', broken)).toEqual({ seconds: 120, failed: 120 });
    // The weight rises from 5% to 40% at 120 s, the second tick: a check that fails there keeps it at 5%.
    const late = story((second) => ({
      all: second < 120 ? 5 : 40,
      bad: second < 70 ? 0 : second < 120 ? 1 : 8,
    }));
    expect(ending('flagger', late)).toEqual({ seconds: 180, failed: 50 + 60 });
  });

  it('counts failed checks over the whole release', () => {
    const twice = story((second) => ({ all: 5, bad: second === 5 || second === 400 ? 5 : 0 }));
    // Each is seen by the six checks of its minute: the second failed check comes 10 s after the first.
    expect(ending('flagger-10s-2', twice).seconds).toBe(30);
    expect(ending('argo-1', twice).seconds).toBe(420);
  });

  it('takes a minute without requests for a failed check', () => {
    const silent = story((second) => ({ all: second < 100 ? 0 : 5, bad: 0 }));
    expect(ending('flagger', silent).seconds).toBe(120);
  });
});

describe('Argo Rollouts', () => {
  it('aborts with failure number failureLimit + 1, at once', () => {
    expect(ending('argo-0', broken)).toEqual({ seconds: 60, failed: 60 });
    expect(ending('argo-1', broken)).toEqual({ seconds: 120, failed: 120 });
    expect(ending('argo-3', broken)).toEqual({ seconds: 240, failed: 240 });
  });

  it('looks at the last minute only, and needs more than the limit', () => {
    const once = story((second) => ({ all: 5, bad: second === 30 ? 3 : 0 }));
    expect(ending('argo-0', once).seconds).toBeUndefined();
    const more = story((second) => ({ all: 5, bad: second === 30 ? 4 : 0 }));
    expect(ending('argo-0', more).seconds).toBe(60);
  });
});

describe('the z-test', () => {
  it('is the pooled test of two proportions', () => {
    // 15 of 100 against 10 of 200: pooled 25/300.
    const pooled = 25 / 300;
    const expected = (0.15 - 0.05) / Math.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / 200));
    expect(zOf(15, 100, 10, 200)).toBeCloseTo(expected, 12);
  });

  it('is silent before five bad requests', () => {
    expect(zOf(4, 4, 0, 1000)).toBe(-Infinity);
    expect(zOf(5, 5, 0, 1000)).toBeGreaterThan(10);
  });

  it('acts on the fifth failure, at any second', () => {
    expect(ending('z-test', broken)).toEqual({ seconds: 5, failed: 5 });
  });
});
