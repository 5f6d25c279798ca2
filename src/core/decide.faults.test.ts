import { describe, expect, it } from 'vitest';
import { World } from '../simulator/decide/world.ts';

describe('a candidate that loses its pods', () => {
  const lose = (world: World) => {
    world.edit('v2', { ready: 0 });
    world.settle();
  };
  const regain = (world: World) => {
    world.edit('v2', { ready: world.workloads['v2']?.replicas ?? 0 });
    world.settle();
  };

  it('gets no traffic until one is back, and then has its step from the beginning', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(18);
    lose(world);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status.message).toContain('0 of 2 pods of revision v2 are ready');
    regain(world);
    expect(world.weights).toEqual({ v1: 60, v2: 40 });
    world.run(9);
    expect(world.candidateWeight).toBe(40);
    world.run(2);
    expect(world.candidateWeight).toBe(100);
  });

  it('is given up the third time that it loses them at one weight', () => {
    const world = World.healthy({ progressDeadline: '1h' });
    world.verdict = 'Inconclusive';
    world.release('v2');
    for (let times = 1; times <= 3; times++) {
      world.run(10);
      expect([world.status.phase, world.candidateWeight]).toEqual(['Progressing', 5]);
      lose(world);
      world.run(10);
      if (times < 3) regain(world);
    }
    expect(world.status.phase).toBe('RolledBack');
    const { reason, message } = world.status.rejected ?? {};
    expect([reason, message]).toEqual([
      'CandidateUnstable',
      'revision v2 lost its last ready pod 3 times at 5%',
    ]);
  });

  it('may lose them twice at each weight', () => {
    const world = World.healthy();
    world.release('v2');
    for (const weight of [5, 40]) {
      for (let times = 1; times <= 2; times++) {
        lose(world);
        world.run(5);
        regain(world);
        world.run(5);
      }
      expect(world.candidateWeight).toBe(weight);
      world.run(10);
    }
    expect(world.candidateWeight).toBe(100);
  });

  it('is promoted all the same where a person says so', () => {
    const world = World.healthy();
    world.release('v2');
    world.command('promoteFull', 'v2');
    for (let times = 1; times <= 4; times++) {
      lose(world);
      world.run(2);
      regain(world);
      world.run(1);
    }
    expect(world.status.stableRevision).toBe('v2');
  });
});

describe('a weight that someone else takes away again and again', () => {
  it('is given up at the deadline', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.verdict = 'Inconclusive';
    world.release('v2');
    for (let i = 0; i < 30 && world.status.phase !== 'RolledBack'; i++) {
      world.run(10);
      if (world.status.candidateRevision !== undefined) world.weights = { v1: 100 };
    }
    expect(world.status.rejected?.reason).toBe('ProgressDeadlineExceeded');
  });
});

describe('a status that lost something', () => {
  it.each(['attempt', 'step', 'candidateRevision', 'stableRevision'] as const)(
    'without its %s, traffic goes back first, whatever is wrong, and the release begins again',
    (field) => {
      const world = World.healthy();
      world.release('v2');
      world.run(12);
      const { [field]: lost, ...rest } = world.status;
      expect(lost).toBeDefined();
      world.status = rest;
      world.problems = [{ reason: 'GatewayNotFound', message: 'no gateway' }];
      expect(world.pass().effect).toMatchObject({ kind: 'route', weights: { v1: 100 }, urgent: true });
      world.settle();
      expect(world.status.candidateRevision).toBeUndefined();
      world.problems = [];
      world.settle();
      expect(world.candidateWeight).toBe(5);
      world.run(31);
      expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    },
  );

  it('in the middle of a rollback does not forget what was rejected', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.verdict = 'Fail';
    world.pass('effect lost');
    const { step, ...rest } = world.status;
    expect(step).toMatchObject({ weight: 0 });
    world.status = rest;
    world.verdict = 'Pass';
    world.run(60);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status).toMatchObject({ phase: 'RolledBack', rejected: { revision: 'v2' } });
  });
});

describe('a clock that is set back', () => {
  it('puts no deadline off', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.run(5);
    world.now -= 3_600_000;
    world.run(69);
    expect(world.status.phase).toBe('Progressing');
    world.run(2);
    expect(world.status).toMatchObject({ phase: 'RolledBack', rejected: { reason: 'Inconclusive' } });
  });

  it('puts no deadline off that runs before the weight is there', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.broken.add('v2');
    world.release('v2');
    world.now -= 3_600_000;
    world.run(62);
    expect(world.status.rejected).toMatchObject({ reason: 'ProgressDeadlineExceeded' });
  });

  it('makes no step shorter', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(9);
    world.now -= 3_600_000;
    world.run(9);
    expect(world.candidateWeight).toBe(5);
    world.run(2);
    expect(world.candidateWeight).toBe(40);
  });

  it('or forward makes no step shorter: its time begins anew', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(5);
    world.now += 3_600_000;
    world.timeSkipped = true;
    world.pass();
    world.timeSkipped = false;
    world.run(9);
    expect([world.candidateWeight, world.status.phase]).toEqual([5, 'Progressing']);
    world.run(2);
    expect(world.candidateWeight).toBe(40);
  });

  it('or forward does not keep a window of a weight that is not there any more', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(5);
    world.weights = { v1: 100 };
    world.timeSkipped = true;
    world.pass('effect lost');
    expect(world.status.step?.observedAt).toBeUndefined();
  });

  it('keeps no pods for longer than the delay', () => {
    const world = World.healthy({ scaleDownDelay: '20s' });
    world.release('v2');
    world.run(31);
    world.now -= 3_600_000;
    world.run(21);
    expect(world.workloads['v1']).toMatchObject({ replicas: 0 });
  });
});

describe('bad manifests', () => {
  it('touch nothing and stall, and mending them is enough', () => {
    const world = new World();
    world.problems = [
      { reason: 'HostNotFound', message: 'spec.traffic.istio.hosts[0]: there is no Service ratings' },
    ];
    world.settle();
    expect(world.effects).toEqual([]);
    expect(world.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', reason: 'HostNotFound' }),
    );
    world.problems = [];
    world.settle();
    expect(world.status.phase).toBe('Healthy');
  });

  it('raise no weight, not even one that was edited away', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.problems = [{ reason: 'GatewayNotFound', message: 'no gateway' }];
    world.weights = { v1: 50, v2: 20, elsewhere: 30 };
    world.run(30);
    expect(world.weights).toEqual({ v1: 80, v2: 20 });
    world.problems = [];
    world.settle();
    expect(world.candidateWeight).toBe(40);
  });
});
