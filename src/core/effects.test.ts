import { describe, expect, it } from 'vitest';
import { nextEffect } from './effects.ts';
import type { Effect, Workload } from './model.ts';
import { World } from '../simulator/decide/world.ts';

const NO_GATEWAY = { reason: 'GatewayNotFound', message: 'no gateway' } as const;

function pods(world: World, revision: string, change: Partial<Workload>): void {
  const present = world.workloads[revision] ?? { replicas: 0, ready: 0, pods: 0, drifted: false };
  world.workloads = { ...world.workloads, [revision]: { ...present, ...change } };
}

/** `v2` goes out, and has the weight of its second step. */
function midway(spec: ConstructorParameters<typeof World>[0] = {}): World {
  const world = World.healthy(spec);
  world.release('v2');
  world.run(12);
  expect(world.candidateWeight).toBe(40);
  return world;
}

/** The effects of what happens, until nothing is left to do. */
function effectsOf(world: World, happen: () => void): Effect[] {
  const known = world.effects.length;
  happen();
  world.settle();
  return world.effects.slice(known);
}

describe('traffic away from a candidate', () => {
  it('is urgent, leaves the subsets, and comes before all else', () => {
    const world = midway();
    world.finalizer = false;
    world.service = 'drifted';
    pods(world, 'v1', { replicas: 1 });
    world.verdict = 'Fail';
    const [first, ...others] = effectsOf(world, () => undefined);
    expect(first).toEqual({
      kind: 'route',
      weights: { v1: 100 },
      subsets: ['v1', 'v2'],
      weightsOnly: false,
      urgent: true,
    });
    const kinds = others.map(({ kind }) => kind);
    expect(kinds).toEqual(['addFinalizer', 'scaleDeployment', 'applyService', 'keepReport']);
  });

  it('goes to stable even without a ready pod, where the candidate has none either', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    pods(world, 'v2', { ready: 0 });
    world.verdict = 'Fail';
    world.settle();
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('leaves the candidate its pods until the mesh has taken it over', () => {
    const world = midway();
    world.effective = false;
    world.verdict = 'Fail';
    world.run(60);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.workloads['v2']).toMatchObject({ replicas: 2 });
    world.effective = true;
    world.run(60);
    expect(world.workloads['v2']).toMatchObject({ replicas: 0 });
  });

  it('alone is urgent: a weight that rises queues with other writes', () => {
    const world = World.healthy();
    const effects = effectsOf(world, () => {
      world.release('v2');
      world.run(60);
    });
    const routes = effects.filter((effect) => effect.kind === 'route');
    expect(routes.length).toBeGreaterThanOrEqual(3);
    expect(routes.filter(({ urgent }) => urgent)).toEqual([]);
  });
});

describe('a stable revision without ready pods', () => {
  it('does not hold a candidate that serves and passes', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    world.run(25);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    const passed = world.events.filter(({ message }) => message.includes('% passed: '));
    expect(passed.map(({ message }) => message.split(' ')[0])).toEqual(['5%', '40%']);
  });

  it('gives its traffic to the candidate at once, with the pods for it, and has it back with its own', () => {
    const world = midway();
    const [route, scale] = effectsOf(world, () => {
      pods(world, 'v1', { ready: 0 });
    });
    expect(route).toMatchObject({ kind: 'route', weights: { v2: 100 }, urgent: true });
    expect(scale).toEqual({ kind: 'scaleDeployment', revision: 'v2', replicas: 3 });
    expect(world.status).toMatchObject({ phase: 'Progressing', step: { weight: 40, observedWeight: 100 } });
    expect(world.status.message).toBe(
      '40% for 10s, with all traffic until revision v1 has its pods again: the test says Pass',
    );
    // Its share of 60% takes two of three pods.
    expect(
      effectsOf(world, () => {
        pods(world, 'v1', { ready: 1 });
      }),
    ).toEqual([]);
    pods(world, 'v1', { ready: 2 });
    world.settle();
    expect(world.weights).toEqual({ v1: 60, v2: 40 });
    expect(world.status.message).toBe('40% for 10s: the test says Pass');
  });

  it('leaves nothing with it on the way to 100% either, whose pods the candidate does not have yet', () => {
    const world = midway();
    world.slow = true;
    for (let i = 0; i < 15 && world.status.step?.weight === 40; i++) world.run(1);
    expect(world.status.step).toMatchObject({ weight: 100, observedWeight: 40 });
    expect(world.workloads['v2']).toMatchObject({ replicas: 3, ready: 2 });
    const [route] = effectsOf(world, () => {
      pods(world, 'v1', { ready: 0 });
    });
    expect(route).toMatchObject({ kind: 'route', weights: { v2: 100 }, urgent: true });
    world.run(20);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('does not count the time before, nor that in which the candidate stood in, for what comes after', () => {
    const world = midway();
    world.run(6);
    pods(world, 'v1', { ready: 0 });
    world.run(7);
    expect(world.status.step).toMatchObject({ weight: 40, observedWeight: 100 });
    pods(world, 'v1', { ready: 3 });
    world.run(8);
    expect(world.status.step).toMatchObject({ weight: 40, observedWeight: 40 });
    world.run(4);
    expect(world.status.step).toMatchObject({ weight: 100 });
  });

  it('keeps its traffic where the candidate has none yet: nobody has watched that one', () => {
    const world = World.healthy();
    world.telemetry = { state: 'readable', counted: false };
    world.release('v2');
    expect(world.workloads['v2']).toMatchObject({ ready: 1 });
    pods(world, 'v1', { ready: 0 });
    world.run(5);
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('gives no more to a candidate that was given up, nor by a manifest that cannot work', () => {
    const failed = midway();
    failed.verdict = 'Fail';
    pods(failed, 'v1', { ready: 0 });
    failed.settle();
    expect(failed.weights).toEqual({ v1: 60, v2: 40 });
    const wrong = midway();
    wrong.problems = [NO_GATEWAY];
    pods(wrong, 'v1', { ready: 0 });
    wrong.settle();
    expect(wrong.weights).toEqual({ v1: 60, v2: 40 });
  });

  it('leaves all traffic with a stand-in that fails, until it has a pod to go back to', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    world.settle();
    world.verdict = 'Fail';
    world.settle();
    expect([world.weights, world.status.phase]).toEqual([{ v2: 100 }, 'RollingBack']);
    pods(world, 'v1', { ready: 1 });
    world.settle();
    expect([world.weights, world.status.phase]).toEqual([{ v1: 100 }, 'RolledBack']);
  });

  it('has its traffic back from a stand-in that loses its pods, too: none is better than the other', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    world.settle();
    world.broken.add('v2');
    pods(world, 'v2', { ready: 0 });
    world.settle();
    expect(world.weights).toEqual({ v1: 100 });
  });
});

describe('what others change is repaired', () => {
  it('of the Service, the Deployments and the routes', () => {
    const world = midway();
    const kinds = (happen: () => void) => effectsOf(world, happen).map(({ kind }) => kind);
    expect(kinds(() => (world.service = 'drifted'))).toEqual(['applyService']);
    expect(kinds(() => (world.service = 'absent'))).toEqual(['applyService']);
    expect(kinds(() => (world.service = 'foreign'))).toEqual([]);
    expect(
      kinds(() => {
        pods(world, 'v2', { drifted: true });
      }),
    ).toEqual(['applyDeployment']);
    expect(
      kinds(() => {
        pods(world, 'v2', { replicas: 7 });
      }),
    ).toEqual(['scaleDeployment']);
    expect(kinds(() => (world.routesEdited = true))).toEqual(['route']);
    expect(kinds(() => (world.subsets = ['v1']))).toEqual(['route']);
    expect(kinds(() => (world.weights = undefined))).toEqual(['route']);
    expect(world.weights).toEqual({ v1: 60, v2: 40 });
  });

  it('but not the template of a revision that the manifest no longer describes', () => {
    const world = midway();
    pods(world, 'v1', { drifted: true });
    expect(effectsOf(world, () => undefined)).toEqual([]);
  });

  it('of the stable pods whatever is wrong with the manifest, of nothing else then', () => {
    const world = midway();
    world.problems = [NO_GATEWAY];
    world.service = 'drifted';
    pods(world, 'v1', { replicas: 1 });
    pods(world, 'v2', { replicas: 1 });
    expect(effectsOf(world, () => undefined)).toEqual([
      { kind: 'scaleDeployment', revision: 'v1', replicas: 3 },
    ]);
  });
});

describe('what is left behind', () => {
  it('keeps its subset for as long as its pods, and its Deployment as long, too', () => {
    const world = World.healthy({ revisionHistoryLimit: 0, scaleDownDelay: '20s' });
    world.release('v2');
    world.run(31);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    world.run(15);
    expect(world.subsets).toEqual(['v1', 'v2']);
    expect(world.workloads['v1']).toMatchObject({ replicas: 3 });
    world.run(10);
    expect(world.subsets).toEqual(['v2']);
    expect(Object.keys(world.workloads)).toEqual(['v2']);
  });

  it.each([
    ['with routes', false],
    ['without routes, when the Service sends to all pods', true],
  ])('keeps its pods while it serves, %s', (_, isDeleted) => {
    const world = new World({ scaleDownDelay: '10s' });
    world.broken.add('v1').add('v2');
    world.settle();
    pods(world, 'v1', { ready: 1 });
    world.settle();
    world.release('v2');
    if (isDeleted) world.weights = undefined;
    world.run(60);
    expect(world.workloads['v1']).toMatchObject({ replicas: 3 });
    pods(world, 'v2', { ready: 3 });
    world.run(1);
    expect(world.weights).toEqual({ v2: 100 });
    expect(world.workloads['v1']).toMatchObject({ replicas: 0 });
  });

  it('keeps its subset as long as a route names it', () => {
    const world = new World({ scaleDownDelay: '0s' });
    world.broken.add('v1').add('v2');
    world.settle();
    pods(world, 'v1', { ready: 1 });
    world.settle();
    world.release('v2');
    pods(world, 'v2', { ready: 3 });
    const [first] = effectsOf(world, () => undefined);
    expect(first).toMatchObject({ kind: 'route', weights: { v2: 100 }, subsets: ['v1', 'v2'] });
    expect(world.subsets).toEqual(['v2']);
  });
});

describe('deletion', () => {
  it('keeps the candidate where stable cannot serve, and takes the routes away all the same', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    world.deleting = true;
    expect(effectsOf(world, () => undefined).map(({ kind }) => kind)).toEqual(['unroute', 'removeFinalizer']);
    expect(Object.keys(world.workloads).sort()).toEqual(['v1', 'v2']);
  });

  it('takes away what is left of the routes', () => {
    const world = World.healthy();
    world.weights = undefined;
    world.deleting = true;
    expect(effectsOf(world, () => undefined).map(({ kind }) => kind)).toEqual(['unroute', 'removeFinalizer']);
    expect(world.subsets).toEqual([]);
  });

  it('does nothing more once the object is let go', () => {
    const world = World.healthy();
    world.deleting = true;
    world.settle();
    expect(world.finalizer).toBe(false);
    expect(
      effectsOf(world, () => {
        world.run(10);
      }),
    ).toEqual([]);
  });
});

describe('Jobs that measure', () => {
  /** `v2` goes out, and status says that a Job measures. */
  const measuring = (): World => {
    const world = midway();
    const { analysis } = world.status;
    if (analysis === undefined) throw new Error('nothing was analysed');
    const startedAt = '2030-01-01T00:01:00.000Z';
    const value = { name: 'smoke', definition: 'd', verdict: 'Inconclusive', message: 'measures' } as const;
    const counts = { measured: 0, failures: 0, errors: 0 };
    const values = [{ ...value, ...counts, running: { number: 1, startedAt, job: 'app-smoke-1' } }];
    world.status = { ...world.status, analysis: { ...analysis, values } };
    return world;
  };
  const effectOf = (world: World) => nextEffect(world.status, world.observe(), world.now);

  it('are created once, as status says, and left alone while they run and after', () => {
    const world = measuring();
    expect(effectOf(world)).toEqual({
      kind: 'createJob',
      metric: 'smoke',
      name: 'app-smoke-1',
      revision: 'v2',
      startedAt: '2030-01-01T00:01:00.000Z',
    });
    for (const state of ['running', 'ended'] as const) {
      world.jobs = { 'app-smoke-1': state };
      expect(effectOf(world)).toBeUndefined();
    }
  });

  it('wait for routes that are to be repaired, and for a sound manifest', () => {
    const world = measuring();
    world.routesEdited = true;
    expect(effectOf(world)).toMatchObject({ kind: 'route' });
    world.routesEdited = false;
    world.problems = [NO_GATEWAY];
    expect(effectOf(world)).toBeUndefined();
  });

  it('end when nobody waits for them any more: another measures, or the release is given up or over', () => {
    const world = measuring();
    world.jobs = { 'app-smoke-0': 'running', 'app-smoke-1': 'running', 'app-old': 'ended' };
    expect(effectOf(world)).toEqual({ kind: 'deleteJob', name: 'app-smoke-0' });
    world.jobs = { 'app-smoke-1': 'running', 'app-old': 'ended' };
    expect(effectOf(world)).toBeUndefined();
    world.command('abort', 'v2');
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.jobs).toEqual({ 'app-old': 'ended' });
  });

  it('are none of a release that was given up', () => {
    const world = measuring();
    const { analysis } = world.status;
    world.effective = false;
    world.command('abort', 'v2');
    expect(world.status.ending).toBeDefined();
    world.status = { ...world.status, analysis };
    expect(effectOf(world)).toBeUndefined();
    world.jobs = { 'app-smoke-1': 'running' };
    expect(effectOf(world)).toEqual({ kind: 'deleteJob', name: 'app-smoke-1' });
  });
});
