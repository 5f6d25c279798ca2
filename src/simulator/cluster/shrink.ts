import type { Edit, Fault, Plan, Version } from './plan.ts';
import { FIRST_IMAGE, isInTime } from './plan.ts';

/**
 * The smallest plan that is still bad: without the faults and edits that don't matter, and simpler in what is left. Each
 * plan that is tried is played, so the way there is bounded.
 *
 * @param isBad plays a plan and says whether what is looked for still happens
 * @param most how many plans are tried
 */
export async function shrink(plan: Plan, isBad: (plan: Plan) => Promise<boolean>, most = 150): Promise<Plan> {
  let smallest = plan;
  let tried = 0;
  for (let again = true; again;) {
    again = false;
    for (const candidate of smallerThan(smallest)) {
      if (tried >= most) return smallest;
      tried += 1;
      if (!(await isBad(candidate))) continue;
      smallest = candidate;
      again = true;
      break;
    }
  }
  return smallest;
}

/** Plans that are a little smaller: what is dropped comes first, what is simplified after it. */
function* smallerThan(plan: Plan): Generator<Plan> {
  const { faults, edits } = plan;
  if (faults.length > 1) yield { ...plan, faults: [] };
  for (const part of halves(faults)) yield { ...plan, faults: part };
  for (const part of halves(edits)) yield { ...plan, edits: part };
  yield* simpler(plan);
}

/** All but one half, for long lists, and all but each one. */
function* halves<T extends Fault | Edit>(list: readonly T[]): Generator<readonly T[]> {
  const middle = Math.ceil(list.length / 2);
  if (list.length > 3) {
    yield list.slice(0, middle);
    yield list.slice(middle);
  }
  for (const index of list.keys()) yield list.filter((_, at) => at !== index);
}

const GOOD: Version = { errors: 0.001, readyMs: 1000 };

function* simpler(plan: Plan): Generator<Plan> {
  const { spec } = plan;
  if (plan.latencyMs > 0) yield { ...plan, latencyMs: 0 };
  if (plan.meshMs > 0) yield { ...plan, meshMs: 0 };
  if (plan.meshTells) yield { ...plan, meshTells: false };
  if (plan.foreignService) yield { ...plan, foreignService: false };
  if (plan.operators > 1) yield { ...plan, operators: 1 };
  if (plan.leaderElect && plan.operators === 1) yield { ...plan, leaderElect: false };
  if (spec.analysis.freshBaseline) yield withAnalysis(plan, { freshBaseline: false });
  if (spec.analysis.advance !== 'dwell') yield withAnalysis(plan, { advance: 'dwell' });
  if (spec.analysis.onInconclusive !== 'rollback') yield withAnalysis(plan, { onInconclusive: 'rollback' });
  for (const [image, version] of Object.entries(plan.versions)) {
    if (image === FIRST_IMAGE || JSON.stringify(version) === JSON.stringify(GOOD)) continue;
    yield { ...plan, versions: { ...plan.versions, [image]: GOOD } };
  }
  if (spec.replicas > 1) yield { ...plan, spec: { ...spec, replicas: 1 } };
  const fewer = spec.steps.slice(1);
  if (fewer.length > 0) yield { ...plan, spec: { ...spec, steps: fewer } };
  for (const [index, fault] of plan.faults.entries()) {
    if (!isInTime(fault) || fault.forMs <= 1000) continue;
    const shorter = { ...fault, forMs: Math.round(fault.forMs / 2) };
    yield { ...plan, faults: plan.faults.with(index, shorter) };
  }
}

function withAnalysis(plan: Plan, change: Partial<Plan['spec']['analysis']>): Plan {
  const { spec } = plan;
  return { ...plan, spec: { ...spec, analysis: { ...spec.analysis, ...change } } };
}
