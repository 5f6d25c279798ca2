import { World } from './world.ts';
import { deepEqual } from '../../kube/json.ts';
import { FIRST_IMAGE, type Plan, type Version } from '../cluster/plan.ts';

const FIRST = 'v1';
const SECOND = 'v2';
/** No life lasts longer (ms). */
const MOST_MS = 3_600_000;

/**
 * A life through `decide` alone, the first version and then the plan's second one to its end: the world around it is plain
 * data, and nothing fails.
 *
 * @returns how many passes that took
 * @throws Error that begins with the name of the invariant that is broken
 */
export function playThroughDecide({ spec, versions }: Plan): number {
  const { analysis, steps: wanted, ...rest } = spec;
  const { metrics: _, ...judged } = analysis;
  const world = new World({ ...rest, steps: [...wanted] });
  world.respec({ analysis: { ...world.spec.analysis, ...judged } });
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
  return status.paused !== undefined || status.candidateRevision === undefined;
}

function verdictOf(version: Version | undefined): 'Pass' | 'Fail' {
  return (version?.errors ?? 0) > 0.01 ? 'Fail' : 'Pass';
}
