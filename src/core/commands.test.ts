import { describe, expect, it } from 'vitest';
import { World } from '../simulator/decide/world.ts';

/** `v2` goes out, and has the weight of its second step. */
function midway(): World {
  const world = World.healthy();
  world.release('v2');
  world.run(12);
  expect(world.candidateWeight).toBe(40);
  return world;
}

/** `v2` has replaced `v1`, which is still there. */
function released(): World {
  const world = World.healthy();
  world.release('v2');
  world.run(40);
  expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  return world;
}

/** What was told of the last command. */
function answer(world: World): string | undefined {
  const told = world.effects.filter((effect) => effect.kind === 'finishCommand').at(-1);
  return told === undefined ? undefined : `${told.phase}: ${told.message}`;
}

describe('commands', () => {
  it('refuses what is for another revision, and says why', () => {
    const world = World.healthy();
    world.release('v2');
    world.command('abort', 'v1');
    expect(world.status.phase).toBe('Progressing');
    expect(world.events).toContainEqual({
      type: 'Warning',
      reason: 'CommandRefused',
      message: 'abort-v1: abort is for revision v1, but the candidate is v2',
    });
  });

  it('promoteFull skips what remains, but not the pods', () => {
    const world = World.healthy();
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.command('promoteFull', 'v2');
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    expect(world.workloads['v2']).toMatchObject({ replicas: 3 });
  });

  it('promote passes the present step alone', () => {
    const world = World.healthy();
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.command('promote', 'v2');
    expect(world.candidateWeight).toBe(40);
    world.run(20);
    expect(world.candidateWeight).toBe(40);
  });

  it('rollbackTo returns to an earlier revision at once, and the template is not tried again', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(70);
    world.command('rollbackTo', 'v1');
    world.run(60);
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status).toMatchObject({
      stableRevision: 'v1',
      phase: 'RolledBack',
      rejected: { revision: 'v2' },
    });
    world.release('v3');
    world.run(31);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v3' });
  });

  it('are executed once and cleared away after their time', () => {
    const world = World.healthy();
    world.release('v2');
    world.command('pause', 'v2');
    expect(world.status.phase).toBe('Paused');
    world.command('resume', 'v2');
    world.run(3);
    expect(world.status.phase).toBe('Progressing');
    world.run(3600);
    expect(world.commands).toEqual([]);
  });
});

describe('what is refused changes nothing', () => {
  const expectRefused = (world: World, action: Parameters<World['command']>[0], it: string, why: string) => {
    // The record of the release names what was refused, too.
    const { commands, course, report, ...before } = world.status;
    const { weights } = world;
    world.command(action, it);
    expect(answer(world)).toBe(`Refused: ${why}`);
    expect(world.status).toMatchObject(before);
    expect(world.weights).toEqual(weights);
  };

  it('where no release is in progress', () => {
    for (const action of ['pause', 'resume', 'promote', 'promoteFull', 'abort'] as const) {
      const why = `${action} is for revision v2, but no release is in progress`;
      expectRefused(World.healthy(), action, 'v2', why);
    }
  });

  it('where another revision goes out', () => {
    for (const action of ['pause', 'resume', 'promote', 'promoteFull', 'abort'] as const) {
      expectRefused(midway(), action, 'v1', `${action} is for revision v1, but the candidate is v2`);
    }
  });

  it('where the candidate is being taken back already', () => {
    for (const action of ['pause', 'resume', 'promote', 'promoteFull', 'abort'] as const) {
      const world = midway();
      world.effective = false;
      world.verdict = 'Fail';
      world.settle();
      const why = 'revision v2 is already being taken back: the test says Fail';
      expectRefused(world, action, 'v2', why);
    }
  });

  it('where there is nothing to go back to', () => {
    const world = new World();
    world.broken.add('v1');
    world.settle();
    for (const action of ['pause', 'resume', 'promote', 'promoteFull', 'abort'] as const) {
      expectRefused(world, action, 'v1', `${action} needs a stable revision, and v1 is the first one`);
    }
  });

  it('where it is so already', () => {
    expectRefused(midway(), 'resume', 'v2', 'the release is not paused');
    const world = midway();
    world.command('pause', 'v2');
    expectRefused(world, 'pause', 'v2', 'already paused: paused by the command pause-v2');
  });

  it('where nothing, or something else, is to be tried again', () => {
    expectRefused(midway(), 'retry', 'v2', 'retry is for revision v2, but none was rolled back');
    const world = midway();
    world.command('abort', 'v2');
    expectRefused(world, 'retry', 'v1', 'retry is for revision v1, but v2 was rolled back');
  });

  it('where there is nothing to return from, or no way to return', () => {
    const busy = 'revision v2 is still in progress: abort it first';
    expectRefused(midway(), 'rollbackTo', 'v1', busy);
    const none = (it: string) => `revision ${it} is not an earlier one: nothing to return from`;
    expectRefused(released(), 'rollbackTo', 'v2', none('v2'));
    const gone = 'revision v0 has no Deployment any more; spec.revisionHistoryLimit keeps more of them';
    expectRefused(released(), 'rollbackTo', 'v0', gone);
    const world = released();
    world.spec = { ...world.spec, replicas: 0 };
    world.settle();
    const why = 'nothing serves, since spec.replicas is 0: set it above 0 first';
    expectRefused(world, 'rollbackTo', 'v1', why);
  });

  it('where the revision to return to is the one of the template', () => {
    const world = midway();
    world.command('abort', 'v2');
    const why = 'revision v2 is the one of spec.template: it goes out by itself, or by retry';
    expectRefused(world, 'rollbackTo', 'v2', why);
  });

  it('before the first revision serves', () => {
    const world = new World();
    world.problems = [{ reason: 'GatewayNotFound', message: 'there is no Gateway' }];
    world.settle();
    const why = 'revision v0 is not an earlier one: nothing to return from';
    expectRefused(world, 'rollbackTo', 'v0', why);
  });
});

describe('what is executed says what it does', () => {
  it.each([
    ['pause', 'Executed: paused at 40%'],
    ['promote', 'Executed: 40% passes without further analysis'],
    ['promoteFull', 'Executed: goes to 100% without further analysis'],
    ['abort', 'Executed: revision v2 is being taken back'],
  ] as const)('%s', (action, told) => {
    const world = midway();
    world.command(action, 'v2');
    expect(answer(world)).toBe(told);
  });

  it('resume, retry and rollbackTo', () => {
    const world = midway();
    world.command('pause', 'v2');
    world.command('resume', 'v2');
    expect(answer(world)).toBe('Executed: goes on from 40%');
    world.command('abort', 'v2');
    expect(world.status.rejected).toMatchObject({ message: 'aborted by the command abort-v2' });
    world.command('retry', 'v2');
    expect(answer(world)).toBe('Executed: revision v2 is tried again from the first step');
    world.run(40);
    world.command('rollbackTo', 'v1');
    expect(answer(world)).toBe('Executed: returning to revision v1');
  });
});

describe('a pause', () => {
  it('holds the weight that it meets, while what was reached and lost may come back', () => {
    const world = World.healthy();
    world.telemetry = { state: 'readable', counted: false };
    world.release('v2');
    world.command('pause', 'v2');
    world.telemetry = { state: 'readable', counted: true };
    world.run(100);
    expect(world.weights).toEqual({ v1: 100 });
    world.command('resume', 'v2');
    expect(world.candidateWeight).toBe(5);
    world.command('pause', 'v2');
    world.weights = { v1: 100 };
    world.run(100);
    expect(world.candidateWeight).toBe(5);
  });

  it('is no more once the release is given up', () => {
    const world = midway();
    world.command('pause', 'v2');
    world.effective = false;
    world.command('abort', 'v2');
    expect(world.status.ending).toMatchObject({ reason: 'Aborted' });
    expect(world.status.paused).toBeUndefined();
  });

  it('puts the deadline off, and a failure ends it', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.verdict = 'Inconclusive';
    world.release('v2');
    world.run(50);
    world.command('pause', 'v2');
    world.run(600);
    world.command('resume', 'v2');
    world.run(50);
    expect(world.status.phase).toBe('Progressing');
    world.command('pause', 'v2');
    world.verdict = 'Fail';
    world.settle();
    expect(world.status).toMatchObject({ phase: 'RolledBack', rejected: { reason: 'AnalysisFailed' } });
  });

  it('by a person is not the one of the step, which still comes', () => {
    const world = World.healthy({ steps: [{ weight: 20, for: '10s', pause: true }, { weight: 100 }] });
    world.release('v2');
    world.command('pause', 'v2');
    world.command('resume', 'v2');
    world.run(15);
    expect(world.status.paused).toMatchObject({ by: 'step', message: 'pause of the step at 20%' });
  });

  it('is lifted by promote and promoteFull', () => {
    for (const action of ['promote', 'promoteFull'] as const) {
      const world = World.healthy({ steps: [{ weight: 20, pause: true }, { weight: 100 }] });
      world.release('v2');
      world.run(2);
      world.command('pause', 'v2');
      world.command(action, 'v2');
      world.run(2);
      expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    }
  });
});

describe('promoteFull', () => {
  it('goes on after a failure that comes later, and lets no step pause', () => {
    const world = World.healthy({
      steps: [
        { weight: 20, pause: true },
        { weight: 100, pause: true },
      ],
    });
    world.telemetry = { state: 'failing', problem: { reason: 'TelemetryUnreachable', message: 'down' } };
    world.release('v2');
    world.command('promoteFull', 'v2');
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('abort', () => {
  it('comes before a promotion that was ordered, and stays the reason', () => {
    const world = midway();
    world.effective = false;
    world.command('promoteFull', 'v2');
    world.command('abort', 'v2');
    expect(world.weights).toEqual({ v1: 100 });
    expect(world.status.promotion).toBeUndefined();
    world.release('v3');
    world.effective = true;
    world.settle();
    expect(world.status.history?.[0]).toMatchObject({ revision: 'v2', reason: 'Aborted' });
  });
});

describe('rollbackTo', () => {
  it('is over at once where the routes give all traffic to that revision', () => {
    const world = released();
    world.weights = { v1: 100 };
    world.order('rollbackTo', 'v1');
    world.pass();
    expect(world.status).toMatchObject({ stableRevision: 'v1', rejected: { revision: 'v2' } });
    world.settle();
    expect(world.status.phase).toBe('RolledBack');
  });

  it('counts afresh', () => {
    const world = released();
    expect(world.status.analysis).toBeDefined();
    world.telemetry = { state: 'unused' };
    world.effective = false;
    world.command('rollbackTo', 'v1');
    expect(world.status).toMatchObject({ candidateRevision: 'v1', attempt: { returning: true } });
    expect(world.status.analysis).toBeUndefined();
  });

  it('that was aborted does not bring out a template that was rolled back', () => {
    const world = released();
    world.release('v3');
    world.command('abort', 'v3');
    world.effective = false;
    world.command('rollbackTo', 'v1');
    world.command('abort', 'v1');
    world.effective = true;
    world.run(60);
    expect(world.status).toMatchObject({
      phase: 'RolledBack',
      stableRevision: 'v2',
      rejected: { revision: 'v3', message: 'the command rollbackTo-v1 returned to revision v1' },
    });
  });

  it('ends when another template comes', () => {
    const world = released();
    world.effective = false;
    world.command('rollbackTo', 'v1');
    world.target = 'v3';
    world.effective = true;
    world.pass();
    expect(world.status.ending).toMatchObject({ outcome: 'Superseded' });
    world.run(40);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v3' });
  });

  it('that was aborted leaves the template where it was, and not rejected twice', () => {
    const world = released();
    world.effective = false;
    world.command('rollbackTo', 'v1');
    world.command('abort', 'v1');
    world.effective = true;
    world.settle();
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    expect(world.status.rejected).toBeUndefined();
  });
});

describe('several commands', () => {
  it('are executed in the order of their creation, one a pass', () => {
    const world = midway();
    world.order('resume', 'v2');
    world.order('pause', 'v2');
    const [resume, pause] = world.commands;
    if (resume === undefined || pause === undefined) throw new Error('no commands');
    world.commands = [{ ...resume, createdAt: world.now + 1 }, pause];
    world.pass();
    expect(world.status.commands?.map(({ name }) => name)).toEqual(['pause-v2']);
    world.settle();
    expect(world.status.commands).toEqual([]);
    expect(world.status.paused).toBeUndefined();
    expect(answer(world)).toBe('Executed: goes on from 40%');
  });

  it('of the same time are executed in the order of their names', () => {
    const world = midway();
    world.order('resume', 'v2');
    world.order('pause', 'v2');
    world.settle();
    expect(world.status.paused).toBeUndefined();
    expect(answer(world)).toBe('Executed: goes on from 40%');
  });

  it('are not executed twice when a pass dies before they were told', () => {
    const world = midway();
    world.order('pause', 'v2');
    world.pass('effect lost');
    world.command('resume', 'v2');
    world.settle();
    expect(world.status.paused).toBeUndefined();
    expect(world.commands.every(({ finishedAt }) => finishedAt !== undefined)).toBe(true);
  });
});
