import { describe, expect, it } from 'vitest';
import type { MetricStatus } from '../api/index.ts';
import { adopt, promote } from './lifecycle.ts';
import type { Workload } from './model.ts';
import { World } from '../simulator/decide/world.ts';

function pods(replicas: number, ready = replicas): Workload {
  return { replicas, ready, pods: replicas, drifted: false };
}

describe('a status that knows no revision', () => {
  const adopted = (workloads: World['workloads'], weights: World['weights']) => {
    const world = World.healthy();
    return adopt({}, { ...world.observe(), workloads, traffic: { ...world.observe().traffic, weights } })
      .stableRevision;
  };

  it('takes for stable what has traffic, not what has the most pods', () => {
    expect(adopted({ v1: pods(1), v2: pods(9) }, { v1: 100 })).toBe('v1');
  });

  it('of two with traffic takes the one with more pods: a candidate has those for its share alone', () => {
    expect(adopted({ v1: pods(3), v2: pods(2) }, { v1: 10, v2: 90 })).toBe('v1');
  });

  it('of two with as many pods takes the one with more traffic', () => {
    expect(adopted({ v1: pods(1), v2: pods(1) }, { v1: 60, v2: 40 })).toBe('v1');
    expect(adopted({ v1: pods(1), v2: pods(1) }, { v1: 40, v2: 60 })).toBe('v2');
  });

  it('without routes takes what can serve, the one with more pods before others', () => {
    expect(adopted({ v1: pods(3, 0), v2: pods(1) }, undefined)).toBe('v2');
    expect(adopted({ v1: pods(2), v2: pods(3) }, undefined)).toBe('v2');
    expect(adopted({ v1: pods(3, 1), v2: pods(3, 2) }, undefined)).toBe('v2');
    expect(adopted({ v1: pods(3, 2), v2: pods(3, 1) }, undefined)).toBe('v1');
  });

  it('takes nothing where nothing serves', () => {
    expect(adopted({ v1: pods(3, 0) }, undefined)).toBeUndefined();
    expect(adopted({ v1: pods(3) }, { elsewhere: 100 })).toBeUndefined();
  });
});

describe('a revision that was rolled back', () => {
  const rolledBack = () => {
    const world = World.healthy();
    world.release('v2');
    world.command('abort', 'v2');
    expect(world.status).toMatchObject({ phase: 'RolledBack', rejected: { revision: 'v2' } });
    return world;
  };

  it('may go out again once another template was in its place', () => {
    for (const between of ['v1', 'v3']) {
      const world = rolledBack();
      world.release(between);
      expect(world.status.rejected).toBeUndefined();
      world.release('v2');
      world.run(31);
      expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    }
  });

  it('is better than none, where nothing else is left', () => {
    const world = rolledBack();
    const { stableRevision, ...rest } = world.status;
    expect(stableRevision).toBe('v1');
    world.status = rest;
    world.workloads = {};
    world.weights = undefined;
    world.settle();
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
  });
});

describe('a rollback that the mesh does not take over', () => {
  it('is over at the deadline, so that what mends it can go out', () => {
    const world = World.healthy({ progressDeadline: '1m' });
    world.release('v2');
    world.verdict = 'Fail';
    world.effective = false;
    world.run(1);
    world.target = 'v3';
    world.generation++;
    world.run(58);
    expect([world.status.phase, world.weights, world.workloads['v3']]).toEqual([
      'RollingBack',
      { v1: 100 },
      undefined,
    ]);
    world.run(2);
    expect([world.status.history?.[0]?.outcome, world.status.candidateRevision]).toEqual([
      'RolledBack',
      'v3',
    ]);
  });
});

describe('the revisions before', () => {
  it('are kept up to the limit, the latest first', () => {
    const world = World.healthy({ revisionHistoryLimit: 1, scaleDownDelay: '10s' });
    for (const revision of ['v2', 'v3', 'v4']) {
      world.release(revision);
      world.run(45);
    }
    expect(Object.keys(world.workloads).sort()).toEqual(['v3', 'v4']);
    expect(world.workloads['v3']).toMatchObject({ replicas: 0 });
  });
});

describe('the history', () => {
  it('keeps the last ten releases', () => {
    const world = World.healthy({ steps: [{ weight: 100 }] });
    for (let n = 2; n <= 13; n++) {
      world.release(`v${n}`);
      world.run(2);
    }
    const revisions = world.status.history?.map(({ revision }) => revision);
    expect(revisions).toEqual(['v13', 'v12', 'v11', 'v10', 'v9', 'v8', 'v7', 'v6', 'v5', 'v4']);
  });

  it('counts requests as the metric of errors does, by what was read last', () => {
    const world = World.healthy();
    world.release('v2');
    world.run(3);
    const observed = world.observe();
    const { analysis } = observed;
    const [errors] = analysis?.metrics ?? [];
    if (analysis === undefined || errors === undefined) throw new Error('nothing was analysed');
    const slow: MetricStatus = { ...errors, name: 'latency-p99', candidate: { all: 70, bad: 7 } };
    const fresh: MetricStatus = { ...errors, candidate: { all: 500, bad: 2 } };
    const counted = (metrics: MetricStatus[]) =>
      promote(world.status, { ...observed, analysis: { ...analysis, metrics } }, world.now).history?.[0];
    expect(counted([slow, fresh])).toMatchObject({ requests: 500, failed: 2 });
    expect(counted([slow])).toMatchObject({ requests: 70, failed: 7 });
    expect(counted([])).toMatchObject({ requests: 0, failed: 0 });
    const unread = promote(world.status, { ...observed, analysis: undefined }, world.now);
    expect(unread.history?.[0]).toMatchObject({ requests: 100, failed: 0 });
  });

  it('names the version of the revision that the template describes, and of no other', () => {
    const world = World.healthy();
    world.spec = { ...world.spec, version: 'blue' };
    world.release('v2');
    world.run(40);
    world.command('rollbackTo', 'v1');
    world.settle();
    const [returned, promoted] = world.status.history ?? [];
    expect(returned).toMatchObject({ revision: 'v1', outcome: 'Promoted' });
    expect(returned).not.toHaveProperty('version');
    expect(promoted).toMatchObject({ revision: 'v2', version: 'blue' });
  });
});
