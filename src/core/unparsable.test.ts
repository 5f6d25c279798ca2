import { describe, expect, it } from 'vitest';
import { stalledStatus } from './unparsable.ts';
import { World } from '../simulator/decide/world.ts';

const INVALID = { reason: 'InvalidSpec', message: 'spec.steps[1].weight: must be above 5' } as const;
const OTHER = { reason: 'InvalidSpec', message: 'spec.service.port: is missing' } as const;

describe('an object that cannot be understood', () => {
  it('is stalled, says why, and keeps all that was known of it', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    const { status } = world;
    const stalled = stalledStatus(status, [INVALID, OTHER], 7, world.now);
    const { conditions, message, observedGeneration, ...known } = stalled;
    expect(status).toMatchObject(known);
    expect(Object.keys(status).sort()).toEqual(Object.keys(stalled).sort());
    expect(message).toBe(`${INVALID.message}; ${OTHER.message}`);
    expect(observedGeneration).toBe(7);
    const lastTransitionTime = new Date(world.now).toISOString();
    const common = { reason: 'InvalidSpec', message, lastTransitionTime, observedGeneration: 7 };
    expect(conditions).toEqual([
      { type: 'Ready', status: 'False', ...common },
      { type: 'Stalled', status: 'True', ...common },
    ]);
  });

  it('keeps the time since when it is so, also with another problem', () => {
    const first = stalledStatus({}, [INVALID], 1, 1_000_000);
    const second = stalledStatus(first, [OTHER], 2, 2_000_000);
    const times = second.conditions?.map(({ lastTransitionTime }) => lastTransitionTime);
    expect(times).toEqual(first.conditions?.map(({ lastTransitionTime }) => lastTransitionTime));
    expect(stalledStatus(second, [OTHER], 2, 3_000_000)).toEqual(second);
  });

  it('goes on where it was once it is mended', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.status = stalledStatus(world.status, [INVALID], 3, world.now);
    world.run(30);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    expect(world.route).toEqual(['v1:100', 'v1:95 v2:5', 'v1:60 v2:40', 'v2:100']);
  });
});
