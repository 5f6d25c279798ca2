import { describe, expect, it } from 'vitest';
import { iso } from '../../core/model.ts';
import { World } from '../../simulator/decide/world.ts';
import { progressOf } from './progress.ts';

function midRelease() {
  const world = World.healthy();
  world.release('v2');
  world.run(4);
  const observed = world.observe();
  const { analysis } = observed;
  return { observed: { ...observed, status: { ...observed.status, analysis } }, now: world.now };
}

describe('what a release in progress goes on from', () => {
  it('is what was counted last', () => {
    const { observed, now } = midRelease();
    const progress = progressOf(observed, now);
    expect(progress).toMatchObject({ candidate: 'v2', stable: 'v1', from: now });
    expect(progress?.previous).toEqual(observed.analysis);
  });

  it('after the clock was set back lies not ahead, and nothing is complete up to times to come', () => {
    const { observed, now } = midRelease();
    const earlier = now - 20 * 60_000;
    const progress = progressOf(observed, earlier);
    expect(progress).toMatchObject({ from: earlier, queriedFrom: earlier });
    expect(progress?.previous).toMatchObject({ through: iso(earlier) });
    expect(progress?.previous).not.toHaveProperty('completeThrough');
    expect(progress?.previous).not.toHaveProperty('stableThrough');
  });
});
