import { describe, expect, it } from 'vitest';
import { nextLookMs } from './looks.ts';
import { World } from '../simulator/decide/world.ts';

describe('the first deployment', () => {
  it('brings the first revision up, and only then routes to it', () => {
    const world = new World();
    world.settle();
    expect(world.effects.map(({ kind }) => kind)).toEqual([
      'addFinalizer',
      'applyService',
      'applyDeployment',
      'route',
    ]);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v1', observedGeneration: 1 });
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('says what it waits for while pods are not ready, and takes a mended template at once', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    expect(world.status).toMatchObject({
      phase: 'Initializing',
      message: '0 of 3 pods of revision v1 are ready',
    });
    expect(world.weights).toBeUndefined();
    world.release('v2');
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    world.run(31);
    expect(world.workloads['v1']).toMatchObject({ replicas: 0 });
  });
});

describe('a good release', () => {
  it('goes through its steps, moves no pod at the end and clears up after the delay', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(31);
    expect(world.route).toEqual(['v1:100', 'v1:95 v2:5', 'v1:60 v2:40', 'v2:100']);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    expect(world.status.history?.[0]).toMatchObject({ revision: 'v2', outcome: 'Promoted', requests: 100 });
    expect(world.workloads['v1']).toMatchObject({ replicas: 3 });
    world.run(31);
    expect(world.workloads['v1']).toMatchObject({ replicas: 0 });
    expect(world.subsets).toEqual(['v2']);
  });

  it('has as many candidate pods as its share needs before the share rises', () => {
    const world = World.healthy({ replicas: 10 });
    world.release('v2');
    expect(world.workloads['v2']).toMatchObject({ replicas: 1 });
    world.run(10);
    expect(world.workloads['v2']).toMatchObject({ replicas: 4 });
    expect(world.workloads['v1']).toMatchObject({ replicas: 10 });
  });

  it('writes nothing at rest', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(70);
    const { effects, status } = world;
    const written = effects.length;
    world.run(100);
    expect(world.effects).toHaveLength(written);
    expect(world.status).toEqual(status);
  });

  it('waits at a step with a pause until it is resumed', () => {
    const world = World.healthy({ steps: [{ weight: 20, pause: true }, { weight: 100 }] });
    world.release('v2');
    world.run(3600);
    expect(world.status).toMatchObject({ phase: 'Paused', paused: { by: 'step' } });
    expect(world.candidateWeight).toBe(20);
    world.command('resume', 'v2');
    world.run(2);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('evidence', () => {
  it('without a verdict no weight rises, and the deadline takes the release back', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.run(69);
    expect(world.candidateWeight).toBe(5);
    world.run(2);
    expect(world.status).toMatchObject({
      phase: 'RolledBack',
      rejected: { revision: 'v2', reason: 'Inconclusive' },
    });
  });

  it('without a verdict the release pauses at the deadline where the user wants that', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.spec = { ...world.spec, analysis: { ...world.spec.analysis, onInconclusive: 'pause' } };
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.run(80);
    expect(world.status).toMatchObject({ phase: 'Paused', paused: { by: 'inconclusive' } });
    expect(world.candidateWeight).toBe(5);
  });

  it('a source that fails in mid-release holds the weight, and the release goes on once it is back', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(5);
    world.telemetry = {
      state: 'failing',
      problem: { reason: 'TelemetryUnreachable', message: 'Prometheus does not answer' },
    };
    world.run(60);
    expect(world.candidateWeight).toBe(5);
    expect(world.status.message).toContain('Prometheus does not answer');
    world.telemetry = { state: 'readable', counted: true };
    world.run(25);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('a source that has not counted yet keeps the candidate from its first request', () => {
    const world = World.healthy();
    world.telemetry = { state: 'readable', counted: false };
    world.release('v2');
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status.message).toBe('the source of request counts has not answered yet');
    world.telemetry = { state: 'readable', counted: true };
    world.settle();
    expect(world.candidateWeight).toBe(5);
  });

  it('a source that answers and knows nothing of stable keeps it, too, and says so', () => {
    const world = World.healthy();
    world.telemetry = { state: 'readable', counted: false };
    world.release('v2');
    world.run(60);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status.message).toContain('knows nothing of the stable revision');
  });

  it('a source that cannot be read keeps the candidate from its first request', () => {
    const world = World.healthy();
    world.telemetry = {
      state: 'failing',
      problem: { reason: 'TelemetryUnreachable', message: 'no Prometheus' },
    };
    world.release('v2');
    world.run(10);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'TelemetryUnreachable' }),
    );
  });
});

describe('rollback', () => {
  it('sends the candidate to 0 in the pass that sees the failure, and remembers the revision', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    expect(world.candidateWeight).toBe(40);
    world.verdict = 'Fail';
    expect(world.pass().effect).toMatchObject({ kind: 'route', weights: { v1: 100 } });
    world.settle();
    expect(world.status).toMatchObject({
      phase: 'RolledBack',
      stableRevision: 'v1',
      rejected: { revision: 'v2' },
    });
    expect(world.status.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'Ready=False',
      'Stalled=True',
    ]);
    world.verdict = 'Pass';
    world.run(100);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.workloads['v2']).toMatchObject({ replicas: 0 });
  });

  it('is not held up by problems of the manifest, an unreadable source or missing candidate pods', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.problems = [{ reason: 'GatewayNotFound', message: 'no gateway' }];
    world.telemetry = { state: 'failing', problem: { reason: 'TelemetryUnreachable', message: 'down' } };
    world.workloads = { ...world.workloads, v2: { replicas: 2, ready: 0, pods: 2, drifted: false } };
    world.command('abort', 'v2');
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('waits for a pod of the stable revision when that has none, and then goes at once', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.workloads = { ...world.workloads, v1: { replicas: 3, ready: 0, pods: 3, drifted: false } };
    world.verdict = 'Fail';
    world.settle();
    expect(world.candidateWeight).toBe(40);
    expect(world.status.phase).toBe('RollingBack');
    expect(world.status.message).toContain('as soon as a pod of v1 is ready');
    world.workloads = { ...world.workloads, v1: { replicas: 3, ready: 1, pods: 3, drifted: false } };
    world.settle();
    expect(world.status.phase).toBe('RolledBack');
  });

  it('tries a rolled-back revision again only on the command retry', () => {
    const world = World.healthy();
    world.release('v2');
    world.verdict = 'Fail';
    world.run(2);
    expect(world.status.phase).toBe('RolledBack');
    world.verdict = 'Pass';
    world.command('retry', 'v2');
    expect(world.status.phase).toBe('Progressing');
    world.run(31);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });

  it('takes back a candidate whose pods never become ready, at the deadline', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.broken.add('v2');
    world.release('v2');
    world.run(59);
    expect(world.status).toMatchObject({
      phase: 'Progressing',
      message: '0 of 1 pods of revision v2 are ready',
    });
    world.run(2);
    expect(world.status.rejected).toMatchObject({ reason: 'ProgressDeadlineExceeded' });
    expect(world.route).toEqual(['v1:100']);
  });
});

describe('changes in mid-release', () => {
  it('a new revision takes all traffic back, drops the old candidate and starts at the first step', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.release('v3');
    expect(world.route.slice(-2)).toEqual(['v1:100', 'v1:95 v3:5']);
    world.run(31);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v3' });
    expect(world.status.history?.map(({ revision, outcome }) => `${revision} ${outcome}`)).toEqual([
      'v3 Promoted',
      'v2 Superseded',
      'v1 Initial',
    ]);
  });

  it('going back to the stable template ends the release at once', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.release('v1');
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v1' });
    expect(world.status.history?.[0]).toMatchObject({ revision: 'v2', outcome: 'Reverted' });
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('changed steps apply from the present weight on', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    expect(world.candidateWeight).toBe(40);
    world.spec = { ...world.spec, steps: [{ weight: 10 }, { weight: 50, for: '10s' }, { weight: 100 }] };
    world.settle();
    world.run(12);
    expect(world.route.slice(-2)).toEqual(['v1:50 v2:50', 'v2:100']);
  });

  it('edited weights are repaired, and the window of the step begins anew', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(9);
    world.weights = { v1: 0, v2: 100 };
    world.settle();
    expect(world.weights).toEqual({ v1: 95, v2: 5 });
    world.run(9);
    expect(world.candidateWeight).toBe(5);
    world.run(2);
    expect(world.candidateWeight).toBe(40);
  });

  it('a lost status does not lose the version that serves', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.status = {};
    world.settle();
    expect(world.status).toMatchObject({ stableRevision: 'v1', candidateRevision: 'v2' });
    world.run(40);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('pods without traffic', () => {
  it('wait no longer than a delay that was shortened meanwhile', () => {
    const world = World.healthy({ scaleDownDelay: '1h' });
    world.release('v2');
    world.run(40);
    expect(world.workloads['v1']).toMatchObject({ replicas: 3 });
    world.spec = { ...world.spec, scaleDownDelay: '10s' };
    world.run(11);
    expect(world.workloads['v1']).toMatchObject({ replicas: 0 });
  });
});

describe('deletion', () => {
  it('in mid-release sends traffic to stable, then takes the routes away, then lets go', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.deleting = true;
    const before = world.effects.length;
    world.settle();
    expect(world.effects.slice(before).map(({ kind }) => kind)).toEqual([
      'route',
      'deleteDeployment',
      'unroute',
      'removeFinalizer',
    ]);
  });
});

describe('the next look', () => {
  it('follows an effect at once', () => {
    const world = World.healthy();
    world.target = 'v2';
    const { effect, requeueAt } = world.pass();
    expect(effect).toBeDefined();
    expect(requeueAt).toBe(world.now);
  });

  it('is never while nothing is to come', () => {
    const world = World.healthy();
    expect(world.pass().requeueAt).toBeUndefined();
  });

  it('of a release in progress comes as often as its source has news, and when a step is over', () => {
    const world = World.healthy();
    world.release('v2');
    expect(world.pass().requeueAt).toBe(world.now + nextLookMs(0));
    world.now += 8000;
    expect(world.pass().requeueAt).toBe(world.now + nextLookMs(8000));
    world.now += 1900;
    expect(world.pass().requeueAt).toBe(world.now + 100);
    world.spec = { ...world.spec, analysis: { ...world.spec.analysis, source: 'prometheus' } };
    world.verdict = 'Inconclusive';
    world.now += 1000;
    expect(world.pass().requeueAt).toBe(world.now + 2500);
  });

  it('comes when pods are to go and when a command is to be cleared away', () => {
    const world = World.healthy();
    world.release('v2');
    world.command('promoteFull', 'v2');
    const told = world.now;
    const next = () => {
      const { requeueAt = 0 } = world.pass();
      world.now = requeueAt;
      world.settle();
      return requeueAt;
    };
    expect(next()).toBe(told + 30_000);
    expect(world.workloads['v1']).toMatchObject({ replicas: 0 });
    expect(world.commands).toHaveLength(1);
    expect(next()).toBe(told + 3_600_000);
    expect(world.commands).toEqual([]);
    expect(world.pass().requeueAt).toBeUndefined();
  });
});
