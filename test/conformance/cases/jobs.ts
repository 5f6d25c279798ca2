import { cases } from './case.ts';
import { isRecord } from '../normalize.ts';

const JOBS = 'batch/v1';

function job(name: string, spec: object = {}, pods: object = {}): object {
  return {
    apiVersion: JOBS,
    kind: 'Job',
    metadata: { name },
    spec: {
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a:1' }], ...pods } },
      ...spec,
    },
  };
}

/** Without what kube-controller-manager writes meanwhile, and the Go values in some sentences. */
function shape(body: unknown): unknown {
  if (!isRecord(body)) return body;
  const { kind, spec, reason, code, metadata } = body;
  const { name, labels, generation } = isRecord(metadata) ? metadata : {};
  return { kind, spec, reason, code, name, labels, generation };
}

export const jobCases = cases('Jobs', {
  'get defaults, a selector and labels': async (c) => {
    const path = c.at(JOBS, 'jobs');
    await c.post(path, job('a'), { only: shape });
    await c.post(path, job('b', { completions: 3, ttlSecondsAfterFinished: 60, backoffLimit: 0 }), {
      only: shape,
    });
    await c.post(path, job('c', { parallelism: 2, activeDeadlineSeconds: 5, suspend: true }), {
      only: shape,
    });
    await c.get(`${path}/a`, { only: shape });
  },
  'want pods that end': async (c) => {
    const path = c.at(JOBS, 'jobs');
    await c.post(path, job('a', {}, { restartPolicy: 'Always' }), { only: shape });
    await c.post(path, job('a', {}, { restartPolicy: undefined }), { only: shape });
    await c.post(path, job('a', {}, { containers: [] }), { only: shape });
    await c.post(path, job('a', {}, { restartPolicy: 'OnFailure' }), { only: shape });
  },
  'are applied, and cannot get another template': async (c) => {
    const path = c.at(JOBS, 'jobs');
    const apply = `${path}/a?fieldManager=songbird&force=true`;
    await c.patch(apply, 'apply', job('a'), { only: shape });
    await c.patch(apply, 'apply', job('a'), { only: shape });
    await c.patch(apply, 'apply', job('a', { ttlSecondsAfterFinished: 5 }), { only: shape });
    await c.patch(apply, 'apply', job('a', {}, { containers: [{ name: 'a', image: 'a:2' }] }), {
      only: shape,
    });
    await c.delete(`${path}/a`, { propagationPolicy: 'Background' }, { only: shape });
  },
});
