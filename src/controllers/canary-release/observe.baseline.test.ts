import { describe, expect, it } from 'vitest';
import type { Deployment, Pod } from '../../api/index.ts';
import { baselineDeployment, deploymentOf } from '../../workloads/index.ts';
import { aRelease } from '../../workloads/testing.ts';
import { cachesOf } from './caches.testing.ts';
import { gather } from './observe.ts';

const RELEASE = aRelease();
const READY = { conditions: [{ type: 'Ready', status: 'True' }] };

function withUid(deployment: Deployment): Deployment {
  return { ...deployment, metadata: { ...deployment.metadata, uid: `uid-${deployment.metadata.name}` } };
}

const STABLE = withUid(deploymentOf(RELEASE, 'old', 3));
const BASELINE = withUid(baselineDeployment(RELEASE, STABLE, { revision: 'old', attempt: 4, replicas: 2 }));
const { name: NAME } = BASELINE.metadata;

/** A pod of the stable revision; of the baseline of an attempt, where one is given. */
function pod(name: string, status: Pod['status'], attempt?: string): Pod {
  const labels = {
    'songbird.dev/release': 'reviews',
    'songbird.dev/revision': 'old',
    ...(attempt === undefined ? {} : { 'songbird.dev/baseline': attempt }),
  };
  const metadata = { name, namespace: 'bookinfo', uid: `uid-${name}`, labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata, ...(status === undefined ? {} : { status }) };
}

function look(...others: (Deployment | Pod)[]) {
  const gathered = gather(RELEASE, cachesOf([RELEASE, ...others]), undefined, () => ({ unneeded: true }));
  if ('problems' in gathered) throw new Error(JSON.stringify(gathered.problems));
  return gathered;
}

const names = (pods: readonly Pod[] = []) => pods.map(({ metadata }) => metadata.name);

describe('a fresh baseline', () => {
  it('and its pods are none of stable, whose revision they have', () => {
    const { observed, deployments, pods, baselines } = look(
      BASELINE,
      STABLE,
      pod('p1', READY),
      pod('p2', READY, '4'),
      pod('p3', { conditions: [] }, '4'),
      // Of an earlier attempt, whose Deployment is gone.
      pod('p4', READY, '3'),
    );
    expect(deployments['old']?.metadata.name).toBe('reviews-old');
    expect(observed.workloads['old']).toMatchObject({ replicas: 3, ready: 1, pods: 1 });
    expect(names(pods['old'])).toEqual(['p1']);
    expect(names(baselines[NAME]?.pods)).toEqual(['p2', 'p3']);
    expect(observed.baselines).toEqual({
      [NAME]: { revision: 'old', replicas: 2, ready: 1, pods: 2, drifted: false, problem: undefined },
    });
  });

  it('tells why its pods do not start', () => {
    const state = { waiting: { reason: 'CreateContainerConfigError', message: 'no secret "a"' } };
    const { baselines } = look(
      STABLE,
      BASELINE,
      pod('p1', { containerStatuses: [{ name: 'reviews', state }] }, '4'),
    ).observed;
    expect(baselines?.[NAME]?.problem).toMatchObject({ reason: 'PodsNotStarting' });
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }];
    const refused = look(STABLE, { ...BASELINE, status: { conditions } }).observed.baselines;
    expect(refused?.[NAME]?.problem?.message).toBe(`pods of Deployment ${NAME} are refused: exceeded quota`);
  });

  it("drifts from stable's own Deployment, and from nothing where that is gone", () => {
    const template = { spec: { containers: [{ name: 'reviews', image: 'other' }] } };
    const changed = { ...STABLE, spec: { ...STABLE.spec, template } };
    const driftedBeside = (...others: Deployment[]) =>
      look(BASELINE, ...others).observed.baselines?.[NAME]?.drifted;
    expect([driftedBeside(STABLE), driftedBeside(changed), driftedBeside()]).toEqual([false, true, false]);
  });

  it('of someone else is not looked at', () => {
    const foreign = { ...BASELINE, metadata: { ...BASELINE.metadata, ownerReferences: [] } };
    expect(look(STABLE, foreign).observed.baselines).toEqual({});
  });
});
