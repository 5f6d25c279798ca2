import { World } from '../core/world.testing.ts';
import { deepEqual } from '../kube/json.ts';
import { planOf } from './cluster/make-plan.ts';
import { FIRST_IMAGE, type Plan, type Version } from './cluster/plan.ts';

/** What lives through the decision core came to. */
export interface DecideLives {
  readonly seeds: number;
  /** Passes, each of them checked. */
  readonly steps: number;
  readonly faults: number;
  readonly violations: number;
  readonly releasesPerSecond: number;
}

const FIRST = 'v1';
const SECOND = 'v2';
/** No life lasts longer (ms). */
const MOST_MS = 3_600_000;

/** Lives of releases through `decide` alone, one for each seed: the world around it is plain data, and nothing fails. */
export function decideLives(first: number, seeds: number): DecideLives {
  const startedAt = performance.now();
  let steps = 0;
  let violations = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const plan = planOf(seed);
    try {
      steps += playThroughDecide(plan);
    } catch (error) {
      violations += 1;
      const said = error instanceof Error ? error.message : String(error);
      process.stdout.write(`seed ${seed}: ${said}\n`);
    }
  }
  const perSecond = (seeds * 10_000) / (performance.now() - startedAt);
  return { seeds, steps, faults: 0, violations, releasesPerSecond: Math.round(perSecond) / 10 };
}

/**
 * The first version, then the plan's second one to its end.
 *
 * @returns how many passes that took
 * @throws Error that begins with the name of the invariant that is broken
 */
export function playThroughDecide({ spec, versions }: Plan): number {
  const { analysis: _, steps: wanted, ...rest } = spec;
  const world = new World({ ...rest, steps: [...wanted] });
  world.respec({ analysis: { ...world.spec.analysis, ...spec.analysis } });
  const version = versions['app:2'] ?? versions[FIRST_IMAGE];
  if (version?.readyMs === null) world.broken.add(SECOND);
  world.target = FIRST;
  let steps = settle(world);
  world.verdict = verdictOf(version);
  world.target = SECOND;
  world.generation += 1;
  const end = world.now + MOST_MS;
  while (world.now < end) {
    const { passes, next } = passAll(world);
    steps += passes;
    if (next === undefined || isOver(world)) break;
    world.now = Math.max(world.now + 1, next);
  }
  if (!isOver(world)) throw new Error(`settles: ${world.status.phase ?? ''}: ${world.status.message ?? ''}`);
  return steps;
}

function settle(world: World): number {
  return passAll(world).passes;
}

/** Passes until there is nothing to do at this moment. */
function passAll(world: World): { passes: number; next: number | undefined } {
  for (let passes = 1; passes < 200; passes++) {
    const before = world.status;
    const { effect, requeueAt, status } = world.pass();
    const isDone = effect === undefined && deepEqual(status, before);
    if (isDone) return { passes, next: requeueAt };
  }
  throw new Error('quiet: a release never comes to rest');
}

function isOver({ status }: World): boolean {
  return (
    status.paused !== undefined ||
    (status.candidateRevision === undefined && (status.retired ?? []).length >= 0)
  );
}

function verdictOf(version: Version | undefined): 'Pass' | 'Fail' {
  return (version?.errors ?? 0) > 0.01 ? 'Fail' : 'Pass';
}
