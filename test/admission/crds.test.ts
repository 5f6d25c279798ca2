import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../e2e/control-plane/access.ts';
import { startControlPlane } from '../e2e/control-plane/start.ts';
import type { ControlPlane } from '../e2e/control-plane/start.ts';
import { invalidManifests, validManifests } from '../fixtures/manifests.ts';
import { dryRun, kubectl, pathOf } from './api.ts';
import type { Refusal } from './api.ts';

const invalid = await invalidManifests();
const valid = await validManifests();
let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane({
    controllerManager: false,
    crds: [join(import.meta.dirname, '../../crds')],
  });
  await call(plane.access, 'POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'bookinfo' },
  });
});

afterAll(() => plane.stop());

describe('the CRDs', () => {
  it.each([
    'canaryreleases',
    'releasecommands',
    'analysistemplates',
    'clusteranalysistemplates',
    'notificationpolicies',
  ])('%s: are structural, and served', async (plural) => {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.songbird.dev`;
    const { body } = await call(plane.access, 'GET', path);
    const { conditions } = (body as { status: { conditions: { type: string; status: string }[] } }).status;

    expect(Object.fromEntries(conditions.map(({ type, status }) => [type, status]))).toEqual({
      NamesAccepted: 'True',
      Established: 'True',
    });
  });
});

describe('a real API server', () => {
  it.each(valid.map((manifest) => [manifest.file, manifest] as const))('takes %s', async (_, manifest) => {
    const { status, body } = await dryRun(plane.access, manifest);
    expect(status, JSON.stringify(body)).toBe(201);
  });

  it.each(invalid.map((manifest) => [manifest.file, manifest] as const))(
    'refuses %s, with the very sentence',
    async (_, manifest) => {
      const { status, body } = await dryRun(plane.access, manifest);
      const causes = (body as Refusal).details?.causes ?? [];
      const cause = causes.find(({ field }) => field === manifest.field);

      expect(status).toBe(422);
      if (manifest.server === undefined) {
        expect(cause?.message).toMatch(/^(Required|Invalid) value: /);
        expect(cause?.message.endsWith(`: ${manifest.sentence}`), cause?.message).toBe(true);
        expect(causes, 'nothing else is said').toHaveLength(1);
      } else expect(cause?.message).toContain(manifest.server);
    },
  );
});

describe('an object that is there', () => {
  it('has the defaults, and its replicas by the scale subresource', async () => {
    const example = valid.find(({ file }) => file === 'test/fixtures/valid/least.yaml')!;
    const path = pathOf('CanaryRelease', 'default');
    const { body } = await call(plane.access, 'POST', path, example.object);
    expect(body).toMatchObject({
      spec: {
        replicas: 1,
        traffic: { istio: { gateways: ['mesh'] } },
        analysis: { source: 'prometheus', minRequests: 50, onInconclusive: 'rollback' },
        progressDeadline: '10m',
        scaleDownDelay: '30s',
        revisionHistoryLimit: 3,
      },
    });

    const scale = await call(plane.access, 'GET', `${path}/${example.object.metadata.name!}/scale`);
    expect(scale.body).toMatchObject({ kind: 'Scale', spec: { replicas: 1 } });
  });

  it('cannot be changed when it is a command, but its status can', async () => {
    const path = pathOf('ReleaseCommand', 'default');
    const object = {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: { name: 'stop' },
      spec: { release: 'reviews', revision: 'aaaa', action: 'pause' },
    };
    const created = (await call(plane.access, 'POST', path, object)).body as typeof object;

    const changed = { ...created, spec: { ...created.spec, action: 'abort' } };
    const refused = await call(plane.access, 'PUT', `${path}/stop`, changed);
    expect(refused.status).toBe(422);
    expect((refused.body as Refusal).details?.causes).toMatchObject([
      {
        field: 'spec',
        message: 'Invalid value: a ReleaseCommand cannot be changed: delete it and make a new one',
      },
    ]);

    const told = { ...created, status: { phase: 'Executed', message: 'paused at 40%' } };
    expect((await call(plane.access, 'PUT', `${path}/stop/status`, told)).status).toBe(200);
  });

  it('shows in kubectl get what goes on, in one line', async () => {
    const path = pathOf('CanaryRelease', 'bookinfo');
    const example = valid.find(({ file }) => file === 'examples/reviews.yaml')!;
    const { body } = await call(plane.access, 'POST', path, example.object);
    const at = '2026-01-01T00:00:00Z';
    const status = {
      phase: 'Progressing',
      message: '40%: 3 of 812 requests failed',
      stableRevision: 'aaaa',
      candidateRevision: 'bbbb',
      step: { index: 2, of: 4, weight: 40, observedWeight: 40, startedAt: at, progressAt: at },
    };
    await call(plane.access, 'PUT', `${path}/reviews/status`, { ...(body as object), status });

    const { stdout } = await kubectl(plane, ['get', 'crel', '-n', 'bookinfo']);
    const [head = '', line = ''] = stdout.trim().split('\n');
    expect(head.split(/ +/)).toEqual(['NAME', 'PHASE', 'STEP', 'OF', 'WEIGHT', 'MESSAGE', 'AGE']);
    expect(line).toMatch(/^reviews +Progressing +2 +4 +40 +40%: 3 of 812 requests failed +[0-9]+s$/);
  });
});
