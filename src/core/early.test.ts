import { describe, expect, it } from 'vitest';
import { canaryReleaseSpec } from '../api/index.ts';
import { World } from '../simulator/decide/world.ts';

describe('a step ends early', () => {
  const analysis = canaryReleaseSpec.shape.analysis.parse({ errorRate: {}, advance: 'onEvidence' });

  it('by evidence, where the release wants that', () => {
    const world = World.healthy({ analysis });
    world.release('v2');
    world.run(3);
    expect(world.candidateWeight).toBe(5);
    world.harmless = true;
    world.run(1);
    expect(world.status).toMatchObject({ stableRevision: 'v2' });
    expect(world.route).toHaveLength(4);
  });

  it('not while a part of the data is missing: a pod that nobody can read may be the bad one', () => {
    for (const [source, lateMs] of [
      ['proxies', 6000],
      ['prometheus', 91_000],
    ] as const) {
      for (const side of ['dataEnd', 'stableEnd'] as const) {
        const world = World.healthy({
          analysis: { ...analysis, source },
          steps: [{ weight: 5, for: '30m' }, { weight: 100 }],
          progressDeadline: '1h',
        });
        world.release('v2');
        world.run(3);
        world[side] = world.now;
        world.run(lateMs / 1000);
        world.harmless = true;
        world.run(60);
        expect(world.candidateWeight).toBe(5);
        world[side] = undefined;
        world.run(1);
        expect(world.candidateWeight).not.toBe(5);
      }
    }
  });

  it('not without a passing verdict, and not where the release does not want it', () => {
    for (const { advance, verdict } of [
      { advance: 'onEvidence', verdict: 'Inconclusive' },
      { advance: 'dwell', verdict: 'Pass' },
    ] as const) {
      const world = World.healthy({ analysis: { ...analysis, advance } });
      world.release('v2');
      world.harmless = true;
      world.verdict = verdict;
      world.run(9);
      expect(world.candidateWeight).toBe(5);
    }
  });
});
