import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readCrds } from '../../src/sandbox/demo/manifests.ts';
import { planOf, withFaults } from '../../src/simulator/cluster/make-plan.ts';
import type { Plan } from '../../src/simulator/cluster/plan.ts';
import { runPlan } from '../../src/simulator/cluster/run.ts';

const PLANS = new URL('./plans/', import.meta.url);
const crds = await readCrds();

/** Lives in which an invariant was broken once: `npm run simulate -- --plan FILE` plays one and tells of it. */
describe('a life that once went wrong', async () => {
  for (const file of (await readdir(PLANS)).sort()) {
    it(file, async () => {
      const plan = JSON.parse(await readFile(new URL(file, PLANS), 'utf8')) as Plan;
      const { violations, trace } = await runPlan(plan, crds);
      expect(violations, trace.join('\n')).toEqual([]);
    });
  }
});

describe('lives by their seeds', () => {
  const SEEDS = Number(process.env['SEEDS'] ?? 2);
  it.each(Array.from({ length: SEEDS }, (_, index) => index + 1))('seed %i', async (seed) => {
    const plan = planOf(seed);
    const { recorded, violations } = await runPlan(plan, crds, { quietMs: 5000 });
    expect(violations).toEqual([]);
    const faulty = withFaults(plan, recorded);
    const outcome = await runPlan(faulty, crds, { quietMs: 20_000 });
    expect(outcome.violations, outcome.trace.join('\n')).toEqual([]);
    expect(faulty.faults.length).toBeGreaterThan(0);
    // The same plan gives the same run, to the byte.
    const again = await runPlan(JSON.parse(JSON.stringify(faulty)) as Plan, crds, { quietMs: 20_000 });
    expect(again.trace.join('\n')).toBe(outcome.trace.join('\n'));
    expect(again.recorded).toEqual(outcome.recorded);
  });
});
