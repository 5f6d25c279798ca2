import { describe, expect, it } from 'vitest';
import { MOST_TOLD } from '../api/index.ts';
import { World } from '../simulator/decide/world.ts';
import { ms } from './model.ts';
import { unpackedPoints } from './packed-course.ts';

/** The report of the last release, as it was written to the Deployment of its revision. */
function kept(world: World) {
  const effect = world.effects.findLast(({ kind }) => kind === 'keepReport');
  if (effect?.kind !== 'keepReport') throw new Error('no report was kept');
  return effect;
}

describe('the record of a release', () => {
  it('has the weights that it went through, and what was told', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(15);
    const { course } = world.status;
    expect(course).toMatchObject({
      revision: 'v2',
      stable: 'v1',
      startedAt: world.status.attempt?.startedAt,
    });
    if (course === undefined) throw new Error('no course');
    const weights = unpackedPoints(course).map(({ weight }) => weight);
    expect([...new Set(weights)]).toEqual([0, 5, 40]);
    expect(course.events.map(({ message }) => message)).toContain('revision v2 serves 40% of the traffic');
  });

  it('is kept with the Deployment once the release is over, and then leaves the status', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(60);
    const { revision, report } = kept(world);
    expect(revision).toBe('v2');
    expect(report.release).toEqual(world.status.history?.[0]);
    expect(report.course.events.at(-1)?.reason).toBe('Promoted');
    expect(unpackedPoints(report.course).at(-1)?.weight).toBe(100);
    expect(report.metrics.map(({ name }) => name)).toEqual(
      world.status.analysis?.metrics.map(({ name }) => name),
    );
    expect(world.workloads['v2']?.report).toBe(report.release.startedAt);
    expect([world.status.course, world.status.report]).toEqual([undefined, undefined]);
    const written = world.effects.length;
    world.run(600);
    expect(world.effects.slice(written).filter(({ kind }) => kind === 'keepReport')).toEqual([]);
  });

  it('says who ordered what, and what came of it', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(3);
    world.command('resume', 'v2');
    world.command('abort', 'v2');
    world.settle();
    const { report } = kept(world);
    expect(report.release.outcome).toBe('RolledBack');
    expect(report.course.orders.map(({ action, phase }) => `${action} ${phase}`)).toEqual([
      'resume Refused',
      'abort Executed',
    ]);
  });

  it('of a release that the next one replaced is not lost', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    // Pods of the next one take their time, in which its candidate has no traffic.
    world.slow = true;
    world.release('v3');
    world.run(10);
    expect(kept(world)).toMatchObject({ revision: 'v2', report: { release: { outcome: 'Superseded' } } });
    expect(world.status.course).toMatchObject({ revision: 'v3' });
  });

  it('is not kept while the next candidate has traffic, which may have to be taken back', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(12);
    world.release('v3');
    world.run(5);
    expect(world.status.report?.release.revision).toBe('v2');
    expect(world.effects.some(({ kind }) => kind === 'keepReport')).toBe(false);
    world.run(60);
    expect(kept(world).revision).toBe('v3');
  });

  it('stays small, however often something happens', () => {
    const world = World.healthy({
      steps: [{ weight: 5, for: '1h' }, { weight: 100 }],
      progressDeadline: '2h',
    });
    world.release('v2');
    world.run(3);
    for (let time = 0; time < 60; time++) {
      world.command('pause', 'v2');
      world.command('resume', 'v2');
      world.run(20);
    }
    const { course } = world.status;
    if (course === undefined) throw new Error('no course');
    expect(course.events).toHaveLength(MOST_TOLD.events);
    expect(course.orders).toHaveLength(MOST_TOLD.orders);
    expect(course.events[0]?.message).toContain('serves 5%');
    const points = unpackedPoints(course);
    expect(points.length).toBeLessThanOrEqual(48);
    expect(points.at(-1)?.at).toBeGreaterThan(world.now - 120_000);
    expect(JSON.stringify(course).length).toBeLessThan(10_000);
  });

  it('that cannot be kept is given up after a minute, and stays in status until the next', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(20);
    world.command('abort', 'v2');
    world.settle();
    const { report } = kept(world);
    // As if the API server had refused it.
    world.status = { ...world.status, report };
    world.workloads = Object.fromEntries(
      Object.entries(world.workloads).map(([revision, { report: _, ...workload }]) => [revision, workload]),
    );
    world.now = ms(report.release.finishedAt) + 61_000;
    const written = world.effects.length;
    world.run(120);
    expect(world.effects.slice(written).map(({ kind }) => kind)).not.toContain('keepReport');
    expect(world.status.report).toEqual(report);
  });
});
