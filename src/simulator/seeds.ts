import type { KubeObject } from '../kube/types.ts';
import { faultAtEachWrite, planOf, withFaults } from './cluster/make-plan.ts';
import type { Plan } from './cluster/plan.ts';
import { type Outcome, runPlan } from './cluster/run.ts';
import { playThroughDecide } from './decide/life.ts';

/** Which lives are played of a seed; see the help of `npm run simulate`. */
export type Mode = 'all' | 'none' | 'writes' | 'decide';

/** What the lives of one seed came to. */
export interface SeedResult {
  readonly seed: number;
  readonly lives: number;
  readonly steps: number;
  readonly faults: number;
  readonly broken?: Broken | undefined;
}

export interface Broken {
  /** The life in which it happened. */
  readonly plan: Plan;
  readonly invariant: string;
  readonly sentence: string;
}

/** How long lives that faults will hang on are watched at rest (ms): longer with the faults. */
const RECORDED_QUIET_MS = 5000;

/** Plays the lives of a seed, up to the first one in which an invariant is broken. */
export async function playSeed(seed: number, mode: Mode, crds: readonly KubeObject[]): Promise<SeedResult> {
  if (mode === 'decide') return playDecide(seed);
  let [lives, steps, faults] = [0, 0, 0];
  for await (const { plan, outcome } of livesOf(seed, mode, crds)) {
    lives += 1;
    steps += outcome.steps;
    faults += outcome.faults;
    const [violation] = outcome.violations;
    if (violation !== undefined) return { seed, lives, steps, faults, broken: { plan, ...violation } };
  }
  return { seed, lives, steps, faults };
}

function playDecide(seed: number): SeedResult {
  const plan = planOf(seed);
  try {
    return { seed, lives: 1, steps: playThroughDecide(plan), faults: 0 };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [invariant = '', ...rest] = error.message.split(': ');
    return { seed, lives: 1, steps: 0, faults: 0, broken: { plan, invariant, sentence: rest.join(': ') } };
  }
}

/** The life of a seed without faults, and those with the faults that hang on it. */
export async function* livesOf(
  seed: number,
  mode: Exclude<Mode, 'decide'>,
  crds: readonly KubeObject[],
): AsyncGenerator<{ plan: Plan; outcome: Outcome }> {
  const plan = planOf(seed);
  const outcome = await runPlan(plan, crds, mode === 'none' ? {} : { quietMs: RECORDED_QUIET_MS });
  yield { plan, outcome };
  if (mode === 'none') return;
  const { recorded } = outcome;
  const plans = mode === 'all' ? [withFaults(plan, recorded)] : faultAtEachWrite(plan, recorded);
  for (const faulty of plans) yield { plan: faulty, outcome: await runPlan(faulty, crds) };
}
