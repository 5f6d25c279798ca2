import { cases, deployment, DEPLOYMENTS } from './case.ts';
import type { Conversation, Found } from '../conversation.ts';

interface Condition {
  type: string;
  status: string;
  reason: string;
}

const settled = (replicas: number) => (found: Found) => {
  const status = found.status ?? {};
  return (
    status['observedGeneration'] === found.metadata['generation'] &&
    (status['availableReplicas'] ?? 0) === replicas &&
    (status['replicas'] ?? 0) === replicas &&
    (status['updatedReplicas'] ?? 0) === replicas &&
    (status['terminatingReplicas'] ?? 0) === 0 &&
    conditionsOf(found).every((x) => x.type !== 'Progressing' || x.reason !== 'ReplicaSetUpdated')
  );
};

export const deploymentCases = cases(
  'Deployments',
  {
    'come up': async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      await c.post(path, deployment('a', 2), { only: (body) => (body as Found).spec });
      await kubelet(c, `${path}/a`, 'all are available', settled(2));
      await replicaSets(c);
      await pods(c);
    },
    scale: async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      await c.quietly('POST', path, deployment('a', 3));
      await kubelet(c, `${path}/a`, 'all are available', settled(3));
      await c.quietly('PATCH', `${path}/a`, { spec: { replicas: 1 } }, 'application/merge-patch+json');
      await kubelet(c, `${path}/a`, 'one is left', settled(1));
      await replicaSets(c);
      await c.quietly('PATCH', `${path}/a/scale`, { spec: { replicas: 0 } }, 'application/merge-patch+json');
      await kubelet(c, `${path}/a`, 'none is left', settled(0));
      await replicaSets(c);
    },
    'a new template gets a new ReplicaSet': async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      await c.quietly('POST', path, deployment('a', 2));
      await kubelet(c, `${path}/a`, 'all are available', settled(2));
      await newImage(c, `${path}/a`, 'example.org/app:2');
      await kubelet(c, `${path}/a`, 'all are new', settled(2));
      await replicaSets(c);
      await newImage(c, `${path}/a`, 'example.org/app:1');
      await kubelet(c, `${path}/a`, 'all are old again', settled(2));
      await replicaSets(c);
    },
    'one that never gets ready fails its deadline': async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      const made = deployment('a', 1) as { spec: object };
      await c.quietly('POST', path, {
        ...made,
        spec: { ...made.spec, progressDeadlineSeconds: 2, minReadySeconds: 0 },
      });
      await c.eventually(
        `${path}/a`,
        'its deadline has passed',
        (found) => conditionsOf(found).some((x) => x.reason === 'ProgressDeadlineExceeded'),
        { only: statusOf },
      );
    },
    'paused, it does not roll': async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      await c.quietly('POST', path, deployment('a', 1));
      await kubelet(c, `${path}/a`, 'it is available', settled(1));
      const body = {
        spec: { paused: true, template: { metadata: { labels: { more: 'x' } } } },
      };
      await c.quietly('PATCH', `${path}/a`, body, 'application/merge-patch+json');
      await kubelet(
        c,
        `${path}/a`,
        'it is seen as paused',
        (found) =>
          found.status?.['observedGeneration'] === found.metadata['generation'] &&
          conditionsOf(found).some((x) => x.reason === 'DeploymentPaused'),
      );
      await replicaSets(c);
    },
    'one whose selector takes in the pods of another leaves them alone': async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      await c.quietly('POST', path, deployment('a', 2));
      await kubelet(c, `${path}/a`, 'all are available', settled(2));
      const labels = { app: 'a', part: 'b' };
      const made = deployment('b', 1) as { spec: { template: { spec: object } } };
      const template = { metadata: { labels }, spec: made.spec.template.spec };
      await c.post(path, { ...made, spec: { replicas: 1, selector: { matchLabels: labels }, template } });
      await kubelet(c, `${path}/b`, 'the other is available', settled(1));
      await kubelet(c, `${path}/a`, 'the wide one counts its own alone', settled(2));
      await replicaSets(c);
      await pods(c);
      await c.quietly('PATCH', `${path}/a`, { spec: { replicas: 1 } }, 'application/merge-patch+json');
      await kubelet(c, `${path}/a`, 'the wide one is scaled', settled(1));
      await newImage(c, `${path}/a`, 'example.org/app:2');
      await kubelet(c, `${path}/a`, 'the wide one is rolled', settled(1));
      await pods(c);
      await c.delete(`${path}/b`);
      const ownAlone = (found: Found) => found.items?.length === 1;
      const only = (body: unknown) => (body as Found).items?.length;
      const meanwhile = () => report(c);
      await c.eventually(c.at('v1', 'pods'), 'the pod of the other goes', ownAlone, { only, meanwhile });
      await kubelet(c, `${path}/a`, 'the wide one has its own', settled(1));
      await replicaSets(c);
      await pods(c);
    },
    'deletion takes ReplicaSets and pods': async (c) => {
      const path = c.at(DEPLOYMENTS, 'deployments');
      await c.quietly('POST', path, deployment('a', 1));
      await kubelet(c, `${path}/a`, 'it is available', settled(1));
      await c.delete(`${path}/a`);
      const gone = (found: Found) => found.items?.length === 0;
      const only = (body: unknown) => (body as Found).items?.length;
      await c.eventually(c.at(DEPLOYMENTS, 'replicasets'), 'no ReplicaSet is left', gone, { only });
      await c.eventually(c.at('v1', 'pods'), 'no pod is left', gone, { only });
    },
  },
  { controllers: true },
);

async function newImage(c: Conversation, path: string, image: string): Promise<void> {
  const patch = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: image }];
  await c.quietly('PATCH', path, patch, 'application/json-patch+json');
}

/** Waits for a state of the Deployment; meanwhile plays the kubelet: pods become Ready, deleted ones go. */
async function kubelet(
  c: Conversation,
  path: string,
  what: string,
  met: (found: Found) => boolean,
): Promise<void> {
  await c.eventually(path, what, met, {
    only: statusOf,
    meanwhile: () => report(c),
  });
}

async function report(c: Conversation): Promise<void> {
  const list = (await c.quietly('GET', c.at('v1', 'pods'))).body as Found;
  for (const pod of list.items ?? []) {
    const path = c.at('v1', 'pods', pod.metadata.name);
    if ('deletionTimestamp' in pod.metadata) await c.quietly('DELETE', `${path}?gracePeriodSeconds=0`);
    else if (pod.status?.['phase'] !== 'Running') {
      const conditions = ['Ready', 'ContainersReady', 'Initialized'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ''),
      }));
      const status = { phase: 'Running', podIP: '10.1.2.3', conditions };
      await c.quietly('PATCH', `${path}/status`, { status }, 'application/merge-patch+json');
    }
  }
}

function conditionsOf(found: Found): Condition[] {
  return (found.status?.['conditions'] ?? []) as Condition[];
}

/** The status of a Deployment without messages, which name a hash, and times. */
function statusOf(body: unknown): unknown {
  const found = body as Found;
  if (found.kind !== 'Deployment') return body;
  const conditions = conditionsOf(found)
    .map(({ type, status, reason }) => `${type}=${status} ${reason}`)
    .sort();
  const annotations = found.metadata['annotations'];
  // Not every version of the API server has it.
  const { terminatingReplicas: _terminating, ...status } = found.status ?? {};
  return { annotations, generation: found.metadata['generation'], status: { ...status, conditions } };
}

async function replicaSets(c: Conversation): Promise<void> {
  const list = (await c.quietly('GET', c.at(DEPLOYMENTS, 'replicasets'))).body as Found;
  const revision = (set: Found) =>
    (set.metadata['annotations'] as Record<string, string>)['deployment.kubernetes.io/revision'];
  const sets = (list.items ?? []).map((set) => {
    const { terminatingReplicas: _terminating, ...status } = set.status ?? {};
    const { labels, annotations, ownerReferences } = set.metadata;
    return { revision: revision(set), labels, annotations, ownerReferences, spec: set.spec, status };
  });
  sets.sort((a, b) => Number(a.revision) - Number(b.revision));
  c.record('ReplicaSets by revision', { body: sets });
}

async function pods(c: Conversation): Promise<void> {
  const list = (await c.quietly('GET', c.at('v1', 'pods'))).body as Found;
  const outlines = (list.items ?? []).map((pod) => ({
    labels: pod.metadata.labels,
    generateName: pod.metadata['generateName'],
    owners: pod.metadata['ownerReferences'],
    images: (pod.spec?.['containers'] as { name: string; image: string }[]).map(
      (x) => `${x.name}=${x.image}`,
    ),
    phase: pod.status?.['phase'],
  }));
  c.record('pods', { body: outlines });
}
