import { describe, expect, it } from 'vitest';
import type { TelemetryState, Workload } from './model.ts';
import { abortIfDue } from './giving-up.ts';
import { advance } from './progress.ts';
import { World } from '../simulator/decide/world.ts';

const NO_GATEWAY = { reason: 'GatewayNotFound', message: 'no gateway' } as const;
const DOWN: TelemetryState = {
  state: 'failing',
  problem: { reason: 'TelemetryUnreachable', message: 'Prometheus does not answer' },
};

function pods(world: World, revision: string, change: Partial<Workload>): void {
  const present = world.workloads[revision] ?? { replicas: 0, ready: 0, pods: 0, drifted: false };
  world.workloads = { ...world.workloads, [revision]: { ...present, ...change } };
  world.settle();
}

/** `v2` goes out, and has the weight of its second step. */
function midway(spec: ConstructorParameters<typeof World>[0] = {}): World {
  const world = World.healthy(spec);
  world.release('v2');
  world.run(12);
  expect(world.candidateWeight).toBe(40);
  return world;
}

function fail(): never {
  throw new Error('nothing was analysed');
}

describe('a step is not over', () => {
  it('while a person has paused it', () => {
    const world = midway();
    world.command('pause', 'v2');
    world.run(60);
    expect(world.status.step).toMatchObject({ weight: 40 });
    world.command('resume', 'v2');
    world.settle();
    expect(world.status.step).toMatchObject({ weight: 100 });
  });

  it('while the manifest has a problem, the last one neither', () => {
    const world = midway();
    world.problems = [NO_GATEWAY];
    world.run(60);
    expect(world.status.step).toMatchObject({ weight: 40 });
    world.problems = [];
    world.settle();
    expect(world.candidateWeight).toBe(100);
    world.problems = [NO_GATEWAY];
    world.run(60);
    expect(world.status).toMatchObject({ stableRevision: 'v1', candidateRevision: 'v2' });
  });

  it('before the data of its whole time are there', () => {
    const world = midway();
    world.run(5);
    world.dataEnd = world.now;
    world.run(60);
    expect(world.candidateWeight).toBe(40);
    world.dataEnd = undefined;
    world.settle();
    expect(world.candidateWeight).toBe(100);
  });

  it('before the data of stable are there, with which it is compared', () => {
    const world = midway();
    world.stableEnd = world.now;
    world.run(60);
    expect(world.candidateWeight).toBe(40);
    world.stableEnd = undefined;
    world.settle();
    expect(world.candidateWeight).toBe(100);
    // Nothing is compared there.
    world.stableEnd = world.now;
    world.run(15);
    expect(world.status.stableRevision).toBe('v2');
  });

  it('before it was watched for its whole time: what nobody counted, as after a restart, does not count', () => {
    const world = World.healthy();
    world.release('v2');
    world.uncounted = 12_000;
    world.run(21);
    expect(world.candidateWeight).toBe(5);
    world.run(1);
    expect(world.candidateWeight).toBe(40);
  });

  it('and not late either, when nobody could count for longer than its deadline', () => {
    const world = World.healthy({ progressDeadline: '10s' });
    world.release('v2');
    world.uncounted = 600_000;
    world.run(615);
    expect(world.status.ending).toBeUndefined();
    expect(world.candidateWeight).toBe(40);
  });

  it('before its time, though data of a later time are there, as after the clock was set back', () => {
    const world = midway();
    const observed = world.observe();
    const completeThrough = '2099-01-01T00:00:00.000Z';
    const later = { completeThrough, stableThrough: completeThrough };
    const analysis = observed.analysis && { ...observed.analysis, ...later };
    expect(analysis?.verdict).toBe('Pass');
    expect(advance(world.status, { ...observed, analysis }, world.now).step?.weight).toBe(40);
    expect(advance(world.status, { ...observed, analysis }, world.now + 10_000).step?.weight).toBe(100);
  });

  it('by what was counted in a window that is no more', () => {
    const world = World.healthy({ steps: [{ weight: 20 }, { weight: 100 }] });
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.run(5);
    world.verdict = 'Pass';
    world.now -= 3_600_000;
    world.pass();
    expect(world.status.step).toMatchObject({ weight: 20 });
    world.pass();
    expect(world.status.step).toMatchObject({ weight: 100 });
  });

  it('at 100% before all pods are ready', () => {
    const world = midway();
    world.run(15);
    expect(world.candidateWeight).toBe(100);
    pods(world, 'v2', { ready: 2 });
    world.run(60);
    const message = '2 of 3 pods of revision v2 are ready';
    expect(world.status).toMatchObject({ phase: 'Promoting', stableRevision: 'v1', message });
    pods(world, 'v2', { ready: 3 });
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('each step', () => {
  it('waits for the pods of its share', () => {
    const world = World.healthy({ replicas: 10 });
    world.release('v2');
    world.broken.add('v2');
    world.run(11);
    pods(world, 'v2', { ready: 3 });
    expect(world.status).toMatchObject({ message: '3 of 4 pods of revision v2 are ready' });
    expect(world.candidateWeight).toBe(0);
    pods(world, 'v2', { ready: 4 });
    expect(world.candidateWeight).toBe(40);
  });

  it('with a pause waits for a person of its own', () => {
    const world = World.healthy({
      steps: [{ weight: 20, pause: true }, { weight: 60, pause: true }, { weight: 100 }],
    });
    world.release('v2');
    for (const weight of [20, 60]) {
      world.run(5);
      expect(world.status.paused).toMatchObject({ by: 'step' });
      expect(world.candidateWeight).toBe(weight);
      world.command('resume', 'v2');
    }
    world.run(5);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('has the deadline of its own: it begins when the weight is wanted, and again when it is there', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.broken.add('v2');
    world.release('v2');
    world.run(50);
    world.broken.delete('v2');
    pods(world, 'v2', { ready: 1 });
    world.verdict = 'Inconclusive';
    world.run(60);
    expect(world.candidateWeight).toBe(5);
    world.broken.add('v2');
    world.verdict = 'Pass';
    world.settle();
    expect(world.status.step).toMatchObject({ weight: 40, observedWeight: 0 });
    world.run(59);
    expect(world.status.phase).toBe('Progressing');
    world.run(1);
    expect(world.status.rejected).toMatchObject({
      reason: 'ProgressDeadlineExceeded',
      message: 'no progress at 40% within 1m: 0 of 2 pods of revision v2 are ready',
    });
  });

  it('forgets how often the one before lost its weight', () => {
    const world = World.healthy();
    world.release('v2');
    pods(world, 'v2', { ready: 0 });
    pods(world, 'v2', { ready: 1 });
    expect(world.status.step).toMatchObject({ weight: 5, interruptions: 1 });
    world.run(12);
    expect(world.status.step).toMatchObject({ weight: 40 });
    expect(world.status.step).not.toHaveProperty('interruptions');
  });

  it('may lose its weight three times and still get its whole time again', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.verdict = 'Inconclusive';
    world.release('v2');
    const began: (string | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      world.run(5);
      pods(world, 'v2', { ready: 0 });
      pods(world, 'v2', { ready: 1 });
      began.push(world.status.step?.progressAt);
    }
    expect(new Set(began).size).toBe(3);
    expect(began.slice(2)).toEqual([began[2], began[2], began[2]]);
  });
});

describe('at the deadline a step', () => {
  it('that is held by its manifest says so', () => {
    const world = midway({ progressDeadline: '1m' });
    world.problems = [NO_GATEWAY];
    world.run(75);
    const message = 'no progress at 40% within 1m: no gateway';
    expect(world.status.rejected).toMatchObject({ reason: 'ProgressDeadlineExceeded', message });
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('that passed, but lacks pods to be promoted, says so', () => {
    const world = midway({ progressDeadline: '1m' });
    world.run(15);
    pods(world, 'v2', { ready: 2 });
    world.run(75);
    const message = 'no progress at 100% within 1m: 2 of 3 pods of revision v2 are ready';
    expect(world.status.rejected).toMatchObject({ reason: 'ProgressDeadlineExceeded', message });
  });

  it('without a verdict says what is known', () => {
    const world = midway({ progressDeadline: '1m' });
    world.verdict = 'Inconclusive';
    world.run(75);
    const message = 'no verdict at 40% within 1m: the test says Inconclusive';
    expect(world.status.rejected).toMatchObject({ reason: 'Inconclusive', message });
  });

  it('says that its source of counts cannot be read', () => {
    const world = midway({ progressDeadline: '1m' });
    world.telemetry = DOWN;
    world.run(75);
    const message = 'no verdict at 40% within 1m: Prometheus does not answer';
    expect(world.status.rejected).toMatchObject({ reason: 'Inconclusive', message });
  });

  it('is not late when nobody looked meanwhile: what it has now counts', () => {
    const passed = midway({ progressDeadline: '1m' });
    passed.now += 3_600_000;
    passed.settle();
    expect(passed.status.step).toMatchObject({ weight: 100, observedWeight: 100 });

    const routed = World.healthy({ progressDeadline: '1m' });
    routed.effective = false;
    routed.release('v2');
    routed.effective = true;
    routed.now += 3_600_000;
    routed.settle();
    expect(routed.status).toMatchObject({ phase: 'Progressing', candidateRevision: 'v2' });
  });
});

describe('a step that was given up', () => {
  it('gets no weight again when status forgets why, and ends at the deadline', () => {
    const world = midway({ progressDeadline: '1m' });
    world.effective = false;
    world.command('abort', 'v2');
    const { ending, ...rest } = world.status;
    expect(ending).toMatchObject({ reason: 'Aborted' });
    world.status = rest;
    world.effective = true;
    world.run(59);
    expect(world.weights).toEqual({ v1: 100 });
    world.run(5);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status.phase).toBe('RolledBack');
  });
});

describe('the first revision', () => {
  it('gets traffic with its first pod, and is stable with its last', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    pods(world, 'v1', { ready: 1 });
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status).toMatchObject({
      phase: 'Initializing',
      message: '1 of 3 pods of revision v1 are ready',
    });
    pods(world, 'v1', { ready: 3 });
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v1' });
  });

  it('that another replaces serves until that has its pods, unless it serves no more', () => {
    const world = new World();
    world.broken.add('v1').add('v2');
    world.settle();
    pods(world, 'v1', { ready: 1 });
    world.release('v2');
    pods(world, 'v2', { ready: 1 });
    expect(world.weights).toEqual({ v1: 100 });
    pods(world, 'v1', { ready: 0 });
    expect(world.weights).toEqual({ v2: 100 });
    pods(world, 'v2', { ready: 3 });
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('is not taken back by any verdict: there is nothing to go back to', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    const analysis = { ...(midway().observe().analysis ?? fail()), verdict: 'Fail' as const };
    expect(abortIfDue(world.status, { ...world.observe(), analysis }, world.now)).toBe(world.status);
  });

  it('stays while the next manifest has a problem', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    world.problems = [NO_GATEWAY];
    world.release('v2');
    expect(world.status.candidateRevision).toBe('v1');
    world.problems = [];
    world.settle();
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('at zero replicas', () => {
  it('a release is taken back though no stable pod is ready: nobody is to serve', () => {
    const world = midway();
    pods(world, 'v1', { ready: 0 });
    world.spec = { ...world.spec, replicas: 0 };
    world.settle();
    expect(world.status).toMatchObject({
      phase: 'Healthy',
      message: 'scaled to zero; revision v2 goes out with the first pods',
    });
  });

  it('a release is taken back in mid-way, and begins again with the first pods', () => {
    const world = midway();
    world.spec = { ...world.spec, replicas: 0 };
    world.run(60);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v1' });
    expect(world.status.history?.[0]).toMatchObject({ outcome: 'Reverted', reason: 'ScaledToZero' });
    expect(Object.values(world.workloads).map(({ replicas }) => replicas)).toEqual([0, 0]);
    world.spec = { ...world.spec, replicas: 3 };
    world.settle();
    expect(world.candidateWeight).toBe(5);
    world.run(31);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('promoteFull', () => {
  it('goes on whatever the evidence says after it', () => {
    const world = World.healthy();
    world.effective = false;
    world.release('v2');
    world.command('promoteFull', 'v2');
    world.verdict = 'Fail';
    world.settle();
    expect(world.status.step).toMatchObject({ weight: 100 });
    world.effective = true;
    world.settle();
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('is over at the deadline, too', () => {
    const world = midway({ progressDeadline: '1m' });
    world.broken.add('v2');
    world.command('promoteFull', 'v2');
    world.run(59);
    expect(world.status.phase).toBe('Promoting');
    world.run(1);
    expect(world.status.rejected).toMatchObject({ reason: 'ProgressDeadlineExceeded' });
  });

  it('waits for pods and for a sound manifest', () => {
    const world = midway();
    world.telemetry = DOWN;
    world.problems = [NO_GATEWAY];
    world.broken.add('v2');
    world.command('promoteFull', 'v2');
    expect(world.candidateWeight).toBe(40);
    world.problems = [];
    world.settle();
    expect(world.candidateWeight).toBe(0);
    pods(world, 'v2', { ready: 3 });
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});
