import { parentPort, workerData } from 'node:worker_threads';
import type { Plan } from '../../src/simulator/cluster/plan.ts';
import type { Outcome } from '../../src/simulator/cluster/run.ts';
import type { Catch, Task, Told } from './play.ts';
import { plant } from './plant.ts';

/** As in `npm run simulate`: what faults hang on is watched at rest with them. */
const QUIET_MS = 5000;

const { mutant, first, seeds, life } = workerData as Task;
if (mutant !== undefined) plant(mutant);
const { planOf, withFaults } = await import('../../src/simulator/cluster/make-plan.ts');
const { runPlan } = await import('../../src/simulator/cluster/run.ts');
const { readCrds } = await import('../../src/sandbox/demo/manifests.ts');
const crds = await readCrds();

async function playOne(): Promise<void> {
  if (life === undefined) return playSeeds();
  tell(found(1, life.plan, await play(life.plan, life.quietMs), life.quietMs) ?? { kind: 'none', seeds: 1 });
}

async function playSeeds(): Promise<void> {
  for (let seed = first; seed < first + seeds; seed++) {
    tell({ kind: 'seed', seed });
    const caught = await playSeed(seed);
    if (caught !== undefined) {
      tell(caught);
      return;
    }
  }
  tell({ kind: 'none', seeds });
}

/** The life of a seed without faults, and the one with all of its. */
async function playSeed(seed: number): Promise<Catch | undefined> {
  const count = seed - first + 1;
  const plan = planOf(seed);
  const outcome = await play(plan, QUIET_MS);
  const caught = found(count, plan, outcome, QUIET_MS);
  if (caught !== undefined) return caught;
  const faulty = withFaults(plan, outcome.recorded);
  return found(count, faulty, await play(faulty, undefined), undefined);
}

function play(plan: Plan, quietMs: number | undefined): Promise<Outcome> {
  return runPlan(plan, crds, quietMs === undefined ? {} : { quietMs });
}

function found(
  count: number,
  plan: Plan,
  { violations }: Outcome,
  quietMs: number | undefined,
): Catch | undefined {
  const [violation] = violations;
  if (violation === undefined) return undefined;
  const { invariant, sentence } = violation;
  return { kind: 'caught', seeds: count, invariant, sentence, life: { plan, quietMs } };
}

function tell(message: Told): void {
  parentPort?.postMessage(message);
}

await playOne();
