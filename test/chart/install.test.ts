import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../e2e/control-plane/access.ts';
import { startControlPlane } from '../e2e/control-plane/start.ts';
import type { ControlPlane } from '../e2e/control-plane/start.ts';
import { kubectl } from '../admission/api.ts';
import { CHART, CONFIG, helm } from './tools.ts';

/** The life of an installation in a real API server: install, upgrade, uninstall, and again. */
let plane: ControlPlane;
const EXAMPLE = join(CONFIG, '../examples/reviews.yaml');
const RELEASE = '/apis/songbird.dev/v1alpha1/namespaces/bookinfo/canaryreleases/reviews';
const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/canaryreleases.songbird.dev';
const OPERATOR = '/apis/apps/v1/namespaces/songbird-system/deployments/songbird';

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true, crds: ['istio'] });
});

afterAll(() => plane.stop());

async function run(...args: string[]): Promise<string> {
  const own = ['-n', 'songbird-system', '--kubeconfig', plane.kubeconfig];
  const { status, out, err } = await helm(...args, ...own);
  if (status !== 0) throw new Error(err);
  return out;
}

interface Found {
  readonly metadata: { readonly uid: string; readonly generation: number; readonly finalizers?: string[] };
  readonly spec: { readonly replicas?: number; readonly http?: unknown };
}

async function find(path: string): Promise<Found | undefined> {
  const { status, body } = await call(plane.access, 'GET', path);
  return status === 200 ? (body as Found) : undefined;
}

describe('helm install, upgrade, uninstall', () => {
  it('installs all that a release needs', async () => {
    expect(await run('install', 'songbird', CHART, '--create-namespace')).toContain('kubectl get pods');
    await kubectl(plane, ['create', 'namespace', 'bookinfo']);
    await kubectl(plane, ['apply', '-f', EXAMPLE]);
    expect(await find(OPERATOR)).toBeDefined();
  });

  it('brings what there is up to date, and leaves releases as they are', async () => {
    const before = { crd: await find(CRD), release: await find(RELEASE) };
    await run('upgrade', 'songbird', CHART, '--set', 'replicas=3');
    expect((await find(OPERATOR))?.spec.replicas).toBe(3);
    expect((await find(CRD))?.metadata.uid).toBe(before.crd?.metadata.uid);
    expect(await find(RELEASE)).toEqual(before.release);
  });

  it('takes the operator away, and leaves CRDs, releases and routes as they are', async () => {
    const route = '/apis/networking.istio.io/v1/namespaces/bookinfo/virtualservices/reviews';
    await call(plane.access, 'POST', route.replace(/\/reviews$/, ''), {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'reviews' },
      spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' }, weight: 100 }] }] },
    });
    const before = { release: await find(RELEASE), route: await find(route) };
    expect(before.route).toBeDefined();

    await run('uninstall', 'songbird');

    expect(await find(OPERATOR)).toBeUndefined();
    expect(await find('/apis/rbac.authorization.k8s.io/v1/clusterroles/songbird')).toBeUndefined();
    expect(await find(CRD)).toBeDefined();
    expect(await find(RELEASE)).toEqual(before.release);
    expect(await find(route)).toEqual(before.route);
  });

  it('comes back to what was left', async () => {
    const before = await find(RELEASE);
    await run('install', 'songbird', CHART);
    expect(await find(OPERATOR)).toBeDefined();
    expect(await find(RELEASE)).toEqual(before);
    await run('uninstall', 'songbird');
  });

  it('takes over from kubectl apply -k config/, where that is wanted', async () => {
    await kubectl(plane, ['apply', '-k', CONFIG]);
    await expect(run('install', 'songbird', CHART)).rejects.toThrow(/invalid ownership metadata/);
    const before = await find(OPERATOR);
    await run('install', 'songbird', CHART, '--take-ownership', '--force-conflicts');
    expect((await find(OPERATOR))?.metadata.uid).toBe(before?.metadata.uid);
  });
});
