import { describe, expect, it } from 'vitest';
import { canaryReleaseSpec } from '../api/index.ts';
import type { Effect } from './model.ts';
import { BASELINE, World } from '../simulator/decide/world.ts';

const FRESH = { errorRate: { max: '1%' }, freshBaseline: true };

/** Pods that the baselines have, by name of the Deployment. */
function baselines(world: World): Record<string, number> {
  return Object.fromEntries(Object.entries(world.baselines).map(([name, { replicas }]) => [name, replicas]));
}

/** A world whose releases are compared with fresh pods; 10 replicas: 1 pod at 5%, 4 at 40%. */
function fresh(spec: object = {}): World {
  return World.healthy(specOf(spec));
}

function specOf(change: object) {
  const { replicas, steps, analysis, progressDeadline } = canaryReleaseSpec.parse({
    ...new World().spec,
    replicas: 10,
    analysis: FRESH,
    ...change,
  });
  return { replicas, steps, analysis, progressDeadline };
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map(({ kind }) => kind);
}

/** `v2` goes out, and has the weight of its second step. */
function midway(spec: object = {}): World {
  const world = fresh(spec);
  world.release('v2');
  world.run(12);
  expect(world.candidateWeight).toBe(40);
  return world;
}

describe('a fresh baseline', () => {
  it('is made once the candidate has its pods, as many, and before the weight rises', () => {
    const world = fresh();
    const known = world.effects.length;
    world.release('v2');
    expect(kinds(world.effects.slice(known))).toEqual([
      'applyDeployment',
      // The subset of the candidate, without weight.
      'route',
      'applyBaseline',
      'route',
    ]);
    expect(world.effects.find(({ kind }) => kind === 'applyBaseline')).toEqual({
      kind: 'applyBaseline',
      revision: 'v1',
      attempt: 2,
      replicas: 1,
    });
    expect(world.candidateWeight).toBe(5);
  });

  it('grows with the candidate, stays as it is at 100%, and goes with the end', () => {
    const world = midway();
    expect(baselines(world)).toEqual({ 'app-v1-baseline-2': 4 });
    world.run(11);
    expect(world.weights).toEqual({ v2: 100 });
    expect(baselines(world)).toEqual({ 'app-v1-baseline-2': 4 });
    world.run(12);
    expect(world.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    expect(baselines(world)).toEqual({});
  });

  it('is not made where nothing is asked, for a first version, for a candidate without pods, or for 100% at once', () => {
    const unasked = World.healthy();
    unasked.release('v2');
    unasked.run(12);
    expect(kinds(unasked.effects)).not.toContain('applyBaseline');
    const broken = fresh();
    expect(kinds(broken.effects)).not.toContain('applyBaseline');
    broken.broken.add('v2');
    broken.release('v2');
    broken.run(60);
    expect(kinds(broken.effects)).not.toContain('applyBaseline');
    const atOnce = fresh({ steps: [{ weight: 100, for: '5s' }] });
    atOnce.release('v2');
    atOnce.run(20);
    expect(atOnce.status.stableRevision).toBe('v2');
    expect(kinds(atOnce.effects)).not.toContain('applyBaseline');
  });

  it('counts for the scale subresource, whose selector takes its pods in', () => {
    const world = midway();
    expect(world.status.replicas).toBe(10 + 4 + 4);
  });

  it('is repaired while it is needed', () => {
    const world = midway();
    const effects = (happen: () => void) => {
      const known = world.effects.length;
      happen();
      world.settle();
      return kinds(world.effects.slice(known));
    };
    expect(
      effects(() => {
        world.edit(BASELINE, { replicas: 9 });
      }),
    ).toEqual(['applyBaseline']);
    expect(
      effects(() => {
        world.edit(BASELINE, { drifted: true });
      }),
    ).toEqual(['applyBaseline']);
    expect(effects(() => (world.baselines = {}))).toEqual(['applyBaseline']);
    expect(baselines(world)).toEqual({ 'app-v1-baseline-2': 4 });
  });

  it('begins and goes when the manifest says so in mid-release', () => {
    const world = midway();
    const set = (freshBaseline: boolean) => {
      world.spec = { ...world.spec, analysis: { ...world.spec.analysis, freshBaseline } };
      world.settle();
    };
    set(false);
    expect(baselines(world)).toEqual({});
    expect(world.candidateWeight).toBe(40);
    set(true);
    expect(baselines(world)).toEqual({ 'app-v1-baseline-2': 4 });
    expect(world.candidateWeight).toBe(40);
  });
});

describe('a release that ends', () => {
  const ends: Record<string, (world: World) => void> = {
    'a failure': (world) => (world.verdict = 'Fail'),
    'the command abort': (world) => {
      world.order('abort', 'v2');
    },
    'going back to the stable template': (world) => (world.target = 'v1'),
    'scaling to zero': (world) => (world.spec = { ...world.spec, replicas: 0 }),
  };

  it.each(Object.keys(ends))('by %s takes traffic away first, and its baseline with it', (by) => {
    const world = midway();
    ends[by]?.(world);
    const known = world.effects.length;
    world.settle();
    expect(world.effects[known]).toMatchObject({ kind: 'route', weights: { v1: 100 }, urgent: true });
    expect(kinds(world.effects.slice(known))).toContain('deleteBaseline');
    expect(baselines(world)).toEqual({});
  });

  it('since another revision comes leaves the old pods to nobody: the next attempt has its own', () => {
    const world = midway();
    world.release('v3');
    expect(world.candidateWeight).toBe(5);
    expect(baselines(world)).toEqual({ 'app-v1-baseline-3': 1 });
  });

  it('is not held up by a deletion: the stable pods are left alone behind the Service', () => {
    const world = midway();
    world.deleting = true;
    world.settle();
    expect(world.finalizer).toBe(false);
    expect(baselines(world)).toEqual({});
  });
});

describe('a baseline whose pods do not get ready', () => {
  const PROBLEM = { reason: 'PodsNotStarting', message: 'exceeded quota' } as const;

  function stuck(spec: object = {}): World {
    const world = fresh(spec);
    world.broken.add(BASELINE);
    world.release('v2');
    world.run(5);
    expect(world.candidateWeight).toBe(0);
    return world;
  }

  it('holds the weight, says so, and says what is wrong and how to go on', () => {
    const world = stuck();
    expect(world.status.message).toBe(
      '0 of 1 pods of the fresh baseline (Deployment app-v1-baseline-2) are ready',
    );
    expect(world.status.conditions).toMatchObject([
      { type: 'Ready', status: 'Unknown', reason: 'WaitingForBaseline' },
      { type: 'Reconciling' },
    ]);
    world.edit(BASELINE, { problem: PROBLEM });
    world.settle();
    expect(world.status.message).toBe(
      '0 of 1 pods of the fresh baseline (Deployment app-v1-baseline-2) are ready; exceeded quota; or set spec.analysis.freshBaseline to false',
    );
    expect(world.status.conditions).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'PodsNotStarting' },
      { type: 'Stalled' },
    ]);
    world.broken.clear();
    world.edit(BASELINE, { ready: 1, problem: undefined });
    world.settle();
    expect(world.candidateWeight).toBe(5);
  });

  it('in mid-step holds the step: what cannot be compared does not pass', () => {
    const world = midway();
    world.broken.add(BASELINE);
    world.edit(BASELINE, { ready: 3 });
    world.run(60);
    expect(world.candidateWeight).toBe(40);
    expect(world.status.message).toContain('3 of 4 pods of the fresh baseline');
    world.edit(BASELINE, { ready: 4 });
    world.settle();
    expect(world.candidateWeight).toBe(100);
  });

  it('is named when the release is given up at its deadline', () => {
    const world = stuck({ progressDeadline: '1m' });
    world.run(60);
    expect(world.status).toMatchObject({
      phase: 'RolledBack',
      rejected: { reason: 'ProgressDeadlineExceeded' },
    });
    expect(world.status.rejected?.message).toContain('0 of 1 pods of the fresh baseline');
    expect(baselines(world)).toEqual({});
  });

  it('does not hold an abort, nor a promotion that a person orders', () => {
    const aborted = stuck();
    aborted.command('abort', 'v2');
    expect(aborted.status.phase).toBe('RolledBack');
    const promoted = stuck();
    promoted.command('promote', 'v2');
    expect(promoted.candidateWeight).toBe(5);
    const full = stuck();
    full.command('promoteFull', 'v2');
    full.run(2);
    expect(full.status).toMatchObject({ phase: 'Healthy', stableRevision: 'v2' });
    expect(baselines(full)).toEqual({});
  });

  it('does not hold a candidate where there is nothing to make it from', () => {
    const world = fresh();
    const { v1, ...rest } = world.workloads;
    expect(v1).toBeDefined();
    world.workloads = rest;
    world.release('v2');
    world.run(60);
    expect(world.status.stableRevision).toBe('v2');
  });
});

describe('the pods of a baseline', () => {
  it('are none that a rollback relies on', () => {
    const world = midway();
    world.edit('v1', { ready: 0 });
    world.verdict = 'Fail';
    world.settle();
    expect(world.candidateWeight).toBe(40);
    expect(world.status).toMatchObject({ phase: 'RollingBack' });
    world.edit('v1', { ready: 1 });
    world.settle();
    expect(world.weights).toEqual({ v1: 100 });
  });

  it('stay while they alone serve what goes to stable', () => {
    const world = midway();
    world.verdict = 'Fail';
    // Between the pass that takes the traffic back and the one that cleans up.
    world.pass();
    expect(world.weights).toEqual({ v1: 100 });
    world.edit('v1', { ready: 0 });
    world.run(30);
    expect(baselines(world)).toEqual({ 'app-v1-baseline-2': 4 });
    world.edit('v1', { ready: 1 });
    world.settle();
    expect(baselines(world)).toEqual({});
  });
});
