import { describe, expect, it } from 'vitest';
import type { Workload } from './model.ts';
import { World } from '../simulator/decide/world.ts';

const CRASH = { reason: 'PodsNotStarting', message: 'container app: the image is not there' } as const;
const DOWN = { reason: 'TelemetryUnreachable', message: 'Prometheus does not answer' } as const;
const NO_GATEWAY = { reason: 'GatewayNotFound', message: 'there is no Gateway' } as const;
const DENIED = { reason: 'PermissionDenied', message: 'may not patch Services' } as const;

const GOOD = 'Ready=True';
const UNDER_WAY = 'Ready=Unknown Reconciling=True';
const STALLED = 'Ready=False Stalled=True';

/** Phase, conditions with their reason, and the sentence: what `kubectl get` and tools show. */
function told({ status }: World): string[] {
  const { phase = '', message = '', conditions = [] } = status;
  for (const condition of conditions) expect(condition.message).toBe(message);
  const [reason = '', ...others] = new Set(conditions.map((condition) => condition.reason));
  expect(others).toEqual([]);
  return [phase, conditions.map(({ type, status }) => `${type}=${status}`).join(' '), reason, message];
}

function pods(world: World, revision: string, change: Partial<Workload>): void {
  const present = world.workloads[revision] ?? { replicas: 0, ready: 0, pods: 0, drifted: false };
  world.workloads = { ...world.workloads, [revision]: { ...present, ...change } };
}

/** `v2` goes out, and has the weight of its second step. */
function midway(): World {
  const world = World.healthy();
  world.release('v2');
  world.run(12);
  expect(world.candidateWeight).toBe(40);
  return world;
}

describe('a first deployment says', () => {
  it('how many pods it waits for', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    const message = '0 of 3 pods of revision v1 are ready';
    expect(told(world)).toEqual(['Initializing', UNDER_WAY, 'Initializing', message]);
  });

  it('why a container does not start', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    pods(world, 'v1', { problem: CRASH });
    world.settle();
    const message = `0 of 3 pods of revision v1 are ready; ${CRASH.message}`;
    expect(told(world)).toEqual(['Initializing', STALLED, 'PodsNotStarting', message]);
  });

  it('that the routes are not there yet', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    pods(world, 'v1', { ready: 3 });
    world.pass('effect lost');
    const message = 'the routes do not give 100% to revision v1 yet';
    expect(told(world)).toEqual(['Initializing', UNDER_WAY, 'Initializing', message]);
    world.effective = false;
    world.settle();
    expect(told(world)).toEqual(['Initializing', UNDER_WAY, 'Initializing', message]);
  });

  it('what is wrong with its manifest', () => {
    const world = new World();
    world.problems = [NO_GATEWAY, DENIED];
    world.settle();
    expect(told(world)).toEqual(['Initializing', STALLED, 'GatewayNotFound', NO_GATEWAY.message]);
  });
});

describe('a release at rest says', () => {
  it('that it is healthy', () => {
    const message = 'revision v1 serves all traffic';
    expect(told(World.healthy())).toEqual(['Healthy', GOOD, 'Healthy', message]);
  });

  it('that pods are missing', () => {
    const world = World.healthy();
    pods(world, 'v1', { ready: 2 });
    world.settle();
    const message = '2 of 3 pods of revision v1 are ready';
    expect(told(world)).toEqual(['Healthy', UNDER_WAY, 'WaitingForPods', message]);
  });

  it('that it is scaled to zero, and what goes out when it no longer is', () => {
    const world = World.healthy({ replicas: 0 });
    expect(told(world)).toEqual(['Healthy', GOOD, 'ScaledToZero', 'scaled to zero']);
    world.release('v2');
    const message = 'scaled to zero; revision v2 goes out with the first pods';
    expect(told(world)).toEqual(['Healthy', GOOD, 'ScaledToZero', message]);
    world.spec = { ...world.spec, replicas: 2 };
    world.run(31);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('what was rolled back and why', () => {
    const world = midway();
    world.verdict = 'Fail';
    world.settle();
    const message = 'revision v2 was rolled back: the test says Fail';
    expect(told(world)).toEqual(['RolledBack', STALLED, 'AnalysisFailed', message]);
  });

  it('that a write is refused', () => {
    const world = World.healthy();
    world.refusedWrite = DENIED;
    world.settle();
    expect(told(world)).toEqual(['Healthy', STALLED, 'PermissionDenied', DENIED.message]);
  });

  it('how many pods there are in all, and how to select them', () => {
    const world = midway();
    expect(world.status).toMatchObject({ replicas: 5, selector: 'songbird.dev/release=app' });
  });
});

describe('a release in progress says', () => {
  it('at what weight it is, for how long, and what was seen', () => {
    const world = midway();
    world.verdict = 'Inconclusive';
    world.run(1);
    const message = '40% for 10s: the test says Inconclusive';
    expect(told(world)).toEqual(['Progressing', UNDER_WAY, 'Progressing', message]);
  });

  it('that nothing was counted yet', () => {
    const world = World.healthy({ steps: [{ weight: 20 }, { weight: 100 }] });
    world.telemetry = { state: 'unused' };
    world.release('v2');
    const message = 'the source of request counts has not answered yet';
    expect(told(world)).toEqual(['Progressing', UNDER_WAY, 'Progressing', message]);
    world.command('promote', 'v2');
    const unseen = '100%: no requests counted yet';
    expect(told(world)).toEqual(['Promoting', UNDER_WAY, 'Progressing', unseen]);
  });

  it('that it is on its last step', () => {
    const world = midway();
    world.run(10);
    const message = '100% for 10s: the test says Pass';
    expect(told(world)).toEqual(['Promoting', UNDER_WAY, 'Progressing', message]);
  });

  it('which pods its weight waits for, and why they do not start', () => {
    const world = World.healthy();
    world.broken.add('v2');
    world.release('v2');
    const message = '0 of 1 pods of revision v2 are ready';
    expect(told(world)).toEqual(['Progressing', UNDER_WAY, 'WaitingForPods', message]);
    pods(world, 'v2', { problem: CRASH });
    world.settle();
    expect(told(world)).toEqual(['Progressing', STALLED, 'PodsNotStarting', `${message}; ${CRASH.message}`]);
  });

  it('that a pod more than its weight needs does not start', () => {
    const world = midway();
    pods(world, 'v2', { pods: 3, problem: CRASH });
    world.settle();
    expect(told(world).slice(0, 3)).toEqual(['Progressing', UNDER_WAY, 'Progressing']);
  });

  it('that the mesh has not taken the weight over yet', () => {
    const world = World.healthy();
    world.effective = false;
    world.release('v2');
    const message = 'the routes do not give 5% to revision v2 yet';
    expect(told(world)).toEqual(['Progressing', UNDER_WAY, 'WaitingForTraffic', message]);
  });

  it('that its source of counts cannot be read: stalled before the first request, not after it', () => {
    const world = World.healthy();
    world.telemetry = { state: 'failing', problem: DOWN };
    world.release('v2');
    expect(told(world)).toEqual(['Progressing', STALLED, DOWN.reason, DOWN.message]);
    world.telemetry = { state: 'readable', counted: true };
    world.settle();
    world.telemetry = { state: 'failing', problem: DOWN };
    world.settle();
    expect(told(world)).toEqual(['Progressing', UNDER_WAY, DOWN.reason, `5% for 10s: ${DOWN.message}`]);
  });

  it('who paused it', () => {
    const world = midway();
    world.command('pause', 'v2');
    const message = 'paused by the command pause-v2';
    expect(told(world)).toEqual(['Paused', UNDER_WAY, 'Paused', message]);
  });

  it('what is wrong with its manifest, and where it is held', () => {
    const world = midway();
    world.problems = [NO_GATEWAY];
    world.settle();
    expect(told(world)).toEqual(['Progressing', STALLED, 'GatewayNotFound', NO_GATEWAY.message]);
  });
});

describe('a rollback says', () => {
  it('why it happens, whatever is wrong with the manifest', () => {
    const world = midway();
    world.effective = false;
    world.problems = [NO_GATEWAY];
    world.verdict = 'Fail';
    world.settle();
    const why = 'the test says Fail; the mesh has not taken the routes over yet';
    expect(told(world)).toEqual(['RollingBack', UNDER_WAY, 'RollingBack', why]);
  });

  it('that it waits for a pod to go back to', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    world.verdict = 'Fail';
    world.settle();
    const message = 'the test says Fail; traffic goes back as soon as a pod of v1 is ready';
    expect(told(world)).toEqual(['RollingBack', UNDER_WAY, 'WaitingForStable', message]);
  });

  it('that only the user can bring back what it would go back to', () => {
    const world = midway();
    const { v2 } = world.workloads;
    world.workloads = v2 === undefined ? {} : { v2 };
    world.verdict = 'Fail';
    world.settle();
    const message =
      'the test says Fail; the Deployment of the stable revision v1 is gone: ' +
      'set spec.template to that of v1, and it is made again';
    expect(told(world)).toEqual(['RollingBack', STALLED, 'WaitingForStable', message]);
    world.release('v1');
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v1' });
  });

  it('that it waits for a Deployment that is made again', () => {
    const world = midway();
    const { v2 } = world.workloads;
    world.workloads = v2 === undefined ? {} : { v2 };
    world.target = 'v1';
    world.pass('effect lost');
    const message =
      'the template went back to the stable revision v1; traffic goes back as soon as a pod of v1 is ready';
    expect(told(world)).toEqual(['RollingBack', UNDER_WAY, 'WaitingForStable', message]);
  });

  it('that a write is refused', () => {
    const world = midway();
    world.effective = false;
    world.refusedWrite = DENIED;
    world.command('abort', 'v2');
    expect(told(world)).toEqual(['RollingBack', STALLED, 'PermissionDenied', DENIED.message]);
  });
});

describe('conditions', () => {
  const since = ({ status }: World, type: string) =>
    status.conditions?.find((condition) => condition.type === type)?.lastTransitionTime;

  it('keep the time since when they are so, whatever their message says', () => {
    const world = World.healthy();
    world.release('v2');
    const began = since(world, 'Ready');
    world.run(15);
    expect(since(world, 'Ready')).toBe(began);
    expect(since(world, 'Reconciling')).toBe(began);
    world.run(20);
    expect(world.status.phase).toBe('Healthy');
    expect(since(world, 'Ready')).not.toBe(began);
    expect(since(world, 'Reconciling')).toBeUndefined();
  });

  it('are about the generation that was looked at', () => {
    const world = World.healthy();
    world.generation = 9;
    world.settle();
    expect(world.status.observedGeneration).toBe(9);
    expect(world.status.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([9]);
  });
});

describe('events tell', () => {
  const since = (world: World, happen: () => void) => {
    const known = world.events.length;
    happen();
    return world.events.slice(known).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  };

  it('each step of a good release once', () => {
    const world = World.healthy();
    const events = since(world, () => {
      world.release('v2');
      world.run(60);
    });
    expect(events).toEqual([
      'Normal Progressing: revision v2 serves 5% of the traffic',
      'Normal Progressing: 5% passed: the test says Pass',
      'Normal Progressing: revision v2 serves 40% of the traffic',
      'Normal Progressing: 40% passed: the test says Pass',
      'Normal Progressing: revision v2 serves 100% of the traffic',
      'Normal Promoted: revision v2 replaced v1',
    ]);
  });

  it('why a release was rolled back, and when it has no traffic any more', () => {
    const world = midway();
    const events = since(world, () => {
      world.effective = false;
      world.verdict = 'Fail';
      world.run(5);
      world.effective = true;
      world.run(5);
    });
    expect(events).toEqual([
      'Warning AnalysisFailed: the test says Fail',
      'Normal RollingBack: revision v2 has no traffic any more',
    ]);
  });

  it('that a release was taken back without a fault of its own', () => {
    const world = midway();
    expect(
      since(world, () => {
        world.release('v1');
      }),
    ).toEqual([
      'Normal Reverted: the template went back to the stable revision v1',
      'Normal Reverted: revision v2 has no traffic any more',
    ]);
  });

  it('a pause and the command that ordered it', () => {
    const world = midway();
    expect(
      since(world, () => {
        world.command('pause', 'v2');
      }),
    ).toEqual([
      'Normal CommandExecuted: pause-v2: paused at 40%',
      'Normal Paused: paused by the command pause-v2',
    ]);
  });

  it('a command once, even if its object could not be told', () => {
    const world = midway();
    const events = since(world, () => {
      world.order('resume', 'v2');
      world.pass('effect lost');
      world.pass('effect lost');
      world.settle();
    });
    expect(events).toEqual(['Warning CommandRefused: resume-v2: the release is not paused']);
  });

  it('what stalls a release, once for each reason', () => {
    const world = midway();
    const events = since(world, () => {
      world.problems = [NO_GATEWAY];
      world.run(3);
      world.problems = [];
      world.refusedWrite = DENIED;
      world.run(3);
    });
    expect(events).toEqual([
      `Warning GatewayNotFound: ${NO_GATEWAY.message}`,
      `Warning PermissionDenied: ${DENIED.message}`,
    ]);
  });
});
