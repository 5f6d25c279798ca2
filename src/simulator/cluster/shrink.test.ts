import { expect, it } from 'vitest';
import { planOf } from './make-plan.ts';
import type { Fault, Plan } from './plan.ts';
import { shrink } from './shrink.ts';

const GUILTY: Fault = { at: 40_000, forMs: 0, fault: 'leader killed' };
const OTHERS: Fault[] = [
  { on: 'patch deployments#1', call: '500' },
  { at: 1000, forMs: 500, fault: 'API server away' },
  { on: 'event pods#3', event: 'late' },
  { at: 2000, forMs: 500, fault: 'history compacted' },
];

function isGuilty({ faults, edits }: Plan): boolean {
  const isKilled = faults.some((fault) => 'fault' in fault && fault.fault === 'leader killed');
  return isKilled && edits.some((edit) => edit.edit === 'image');
}

it('leaves of a plan only what it takes', async () => {
  const plan = { ...planOf(9), faults: [...OTHERS, GUILTY, ...OTHERS] };
  const smallest = await shrink(plan, async (tried) => isGuilty(tried));
  expect(smallest.faults).toEqual([GUILTY]);
  expect(smallest.edits.map(({ edit }) => edit)).toEqual(['image']);
  expect(smallest).toMatchObject({ latencyMs: 0, meshMs: 0, operators: 1, spec: { replicas: 1 } });
  expect(smallest.spec.steps).toHaveLength(1);
});

it('leaves a plan as it is of which nothing can go, and never tries more than it may', async () => {
  let tries = 0;
  const plan = planOf(9);
  const smallest = await shrink(
    plan,
    async () => {
      tries += 1;
      return false;
    },
    5,
  );
  expect(smallest).toBe(plan);
  expect(tries).toBeLessThanOrEqual(5);
});
