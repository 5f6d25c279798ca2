import type { KubeObject } from '../../kube/types.ts';
import { jobs } from '../../kube/well-known.ts';
import type { TrueCluster } from './true-cluster.ts';

/** How long a Job runs (ms). */
const RUNS_MS = 1500;

/** Runs a Job that was just made, as the Job controller does; one that is gone by its end is over. */
export function runJob(cluster: TrueCluster, { metadata }: KubeObject, succeeds: () => boolean): void {
  const { group, version, plural } = jobs;
  const { namespace = '', name, uid } = metadata;
  const { store, clock } = cluster.core;
  clock.after(RUNS_MS, () => {
    const job = store.get(`${plural}.${group}`, `${namespace}/${name}`);
    if (job?.metadata.uid !== uid) return;
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const times = { lastProbeTime: now, lastTransitionTime: now };
    const status = succeeds()
      ? { conditions: [{ type: 'Complete', status: 'True', ...times }], succeeded: 1 }
      : {
          conditions: [{ type: 'Failed', status: 'True', ...times, reason: 'BackoffLimitExceeded' }],
          failed: 1,
        };
    cluster.execute({
      verb: 'update',
      ...{ group, version, plural, namespace, name, subresource: 'status' },
      user: 'kube-controller-manager',
      body: { ...job, status: { startTime: now, ...status } },
      options: {},
    });
  });
}
