import { describe, expect, it } from 'vitest';
import { World } from '../simulator/decide/world.ts';
import { decide } from './decide.ts';

describe('counts', () => {
  it('enter status no more often than every 2 s while nothing happens', () => {
    const world = World.healthy({ steps: [{ weight: 20, for: '1h' }, { weight: 100 }] });
    world.release('v2');
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 20; i++) {
      world.run(1);
      seen.add(world.status.analysis?.through);
    }
    expect(seen.size).toBe(11);
  });

  it('by which a release went on or ended are in status', () => {
    const steps = [5, 40, 100].map((weight) => ({ weight, for: '11s' }));
    const world = World.healthy({ steps });
    world.release('v2');
    for (const weight of [40, 100, undefined]) {
      world.run(10);
      world.now += 1000;
      world.pass();
      expect(world.status.step?.weight).toBe(weight);
      expect(Date.parse(world.status.analysis?.through ?? '')).toBe(world.now);
      world.settle();
    }
  });

  it('of a release that is dropped are not those of the next one', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    const { step, ...rest } = world.status;
    expect(step).toBeDefined();
    world.status = rest;
    expect(world.observe().analysis).toBeDefined();
    world.pass();
    expect(world.status).toMatchObject({ attempt: { number: 3 }, candidateRevision: 'v2' });
    expect(world.status.analysis).toBeUndefined();
  });

  it('are not written again because the API server gives values back with their keys in another order', () => {
    const world = World.healthy({ steps: [{ weight: 20, for: '1h' }, { weight: 100 }] });
    world.release('v2');
    world.run(3);
    const { analysis } = world.status;
    if (analysis === undefined) throw new Error('nothing was analysed');
    const window = { from: '2030-01-01T00:01:00.000Z', successes: 1, failures: 0, inconclusive: 0 };
    const value = {
      name: 'smoke',
      definition: 'd',
      verdict: 'Pass',
      message: '',
      failures: 0,
      errors: 0,
    } as const;
    const decided = (measured: number) => {
      const values = [{ ...value, window, measured }];
      const observed = { ...world.observe(), analysis: { ...analysis, values } };
      const stored = [{ measured: 1, window, ...value }];
      const status = { ...world.status, analysis: { ...analysis, values: stored } };
      return decide({ ...observed, status }, world.now).status.analysis?.values;
    };
    expect(Object.keys(decided(1)?.[0] ?? {})[0]).toBe('measured');
    expect(decided(2)?.[0]?.measured).toBe(2);
  });
});
