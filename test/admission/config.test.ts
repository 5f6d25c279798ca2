import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { call } from '../e2e/control-plane/access.ts';
import { startControlPlane } from '../e2e/control-plane/start.ts';
import type { ControlPlane } from '../e2e/control-plane/start.ts';
import { kubectl } from './api.ts';

const CONFIG = join(import.meta.dirname, '../../config');
let plane: ControlPlane;
let applied: { stdout: string; stderr: string };

beforeAll(async () => {
  // The controller manager aggregates roles and makes the ServiceAccounts that pods need.
  plane = await startControlPlane({ controllerManager: true });
  applied = await kubectl(plane, ['apply', '-k', CONFIG]);
});

afterAll(() => plane.stop());

describe('kubectl apply -k config/', () => {
  it('installs everything without a warning', () => {
    expect(applied.stderr).toBe('');
    expect(applied.stdout).toContain('deployment.apps/songbird created');
    expect(applied.stdout).toContain(
      'customresourcedefinition.apiextensions.k8s.io/canaryreleases.songbird.dev',
    );
  });

  it('leaves nothing to change the second time', async () => {
    // Exits with 1, and so throws, when there is a difference.
    const { stdout } = await kubectl(plane, ['diff', '-k', CONFIG]);
    expect(stdout).toBe('');
  });

  it('gets pods past the admission of its namespace, which takes only restricted ones', async () => {
    const path = '/api/v1/namespaces/songbird-system/pods';
    await expect
      .poll(async () => ((await call(plane.access, 'GET', path)).body as { items: unknown[] }).items.length, {
        timeout: 20_000,
      })
      .toBe(2);
  });
});

describe('the ServiceAccount of the operator', () => {
  const everywhere = [
    ...verbs('canaryreleases.songbird.dev', 'get list watch patch'),
    ...verbs('canaryreleases.songbird.dev/status', 'update patch'),
    ...verbs('canaryreleases.songbird.dev/finalizers', 'update'),
    ...verbs('releasecommands.songbird.dev', 'get list watch delete'),
    ...verbs('releasecommands.songbird.dev/status', 'update patch'),
    ...verbs('analysistemplates.songbird.dev', 'get list watch'),
    ...verbs('clusteranalysistemplates.songbird.dev', 'get list watch'),
    ...verbs('notificationpolicies.songbird.dev', 'get list watch'),
    ...verbs('notificationpolicies.songbird.dev/status', 'update patch'),
    ...verbs('jobs.batch', 'get list watch create patch delete'),
    ...verbs('deployments.apps', 'get list watch create patch delete'),
    ...verbs('pods', 'get list watch'),
    ...verbs('services', 'get list watch create patch'),
    ...verbs('virtualservices.networking.istio.io', 'get list watch create patch delete'),
    ...verbs('destinationrules.networking.istio.io', 'get list watch create patch delete'),
    ...verbs('gateways.networking.istio.io', 'get list watch'),
    ...verbs('events.events.k8s.io', 'create patch'),
  ];
  const nowhere = [
    ...verbs('canaryreleases.songbird.dev', 'create update delete deletecollection'),
    ...verbs('releasecommands.songbird.dev', 'create update patch'),
    ...verbs('analysistemplates.songbird.dev', 'create update patch delete'),
    ...verbs('clusteranalysistemplates.songbird.dev', 'create update patch delete'),
    ...verbs('notificationpolicies.songbird.dev', 'create update patch delete'),
    ...verbs('jobs.batch', 'deletecollection'),
    ...verbs('deployments.apps', 'deletecollection'),
    ...verbs('pods', 'create delete'),
    ...verbs('pods/exec', 'create'),
    ...verbs('pods/proxy', 'get'),
    ...verbs('secrets', 'get list watch'),
    ...verbs('configmaps', 'get list create'),
    ...verbs('services', 'delete'),
    ...verbs('gateways.networking.istio.io', 'patch delete'),
    ...verbs('clusterroles.rbac.authorization.k8s.io', 'create bind escalate'),
    ...verbs('leases.coordination.k8s.io', 'get update'),
  ];

  it.each(everywhere)('may %s %s', async (verb, resource) => {
    expect(await may('songbird-system:songbird', verb, resource, 'bookinfo')).toBe(true);
  });

  it.each(nowhere)('may not %s %s', async (verb, resource) => {
    expect(await may('songbird-system:songbird', verb, resource, 'bookinfo')).toBe(false);
  });

  it.each(verbs('leases.coordination.k8s.io', 'get create update'))(
    'may %s %s in its own namespace',
    async (verb, resource) => {
      expect(await may('songbird-system:songbird', verb, resource, 'songbird-system')).toBe(true);
    },
  );
});

describe('kubectl apply -k config/secrets', () => {
  it('lets the operator read a Secret by its name, and no more', async () => {
    await kubectl(plane, ['apply', '-k', join(CONFIG, 'secrets')]);
    await expect
      .poll(() => may('songbird-system:songbird', 'get', 'secrets', 'bookinfo'), { timeout: 20_000 })
      .toBe(true);
    expect(await may('songbird-system:songbird', 'list', 'secrets', 'bookinfo')).toBe(false);
    expect(await may('songbird-system:songbird', 'watch', 'secrets', 'bookinfo')).toBe(false);
  });
});

describe('people', () => {
  beforeAll(async () => {
    await kubectl(plane, ['create', 'namespace', 'bookinfo']);
    for (const role of ['view', 'edit', 'admin']) {
      await kubectl(plane, ['create', 'serviceaccount', role, '-n', 'bookinfo']);
      const who = [`--clusterrole=${role}`, `--serviceaccount=bookinfo:${role}`];
      await kubectl(plane, ['create', 'rolebinding', role, '-n', 'bookinfo', ...who]);
    }
    await vi.waitFor(
      async () => {
        expect(await may('bookinfo:view', 'get', 'canaryreleases.songbird.dev', 'bookinfo')).toBe(true);
      },
      { timeout: 20_000, interval: 100 },
    );
  });

  it.each([
    ['view', 'get', 'canaryreleases.songbird.dev', true],
    ['view', 'list', 'releasecommands.songbird.dev', true],
    ['view', 'patch', 'canaryreleases.songbird.dev', false],
    ['view', 'list', 'analysistemplates.songbird.dev', true],
    ['view', 'patch', 'analysistemplates.songbird.dev', false],
    ['edit', 'patch', 'canaryreleases.songbird.dev', true],
    ['edit', 'create', 'analysistemplates.songbird.dev', true],
    ['edit', 'create', 'clusteranalysistemplates.songbird.dev', false],
    ['edit', 'update', 'canaryreleases.songbird.dev/scale', true],
    ['edit', 'update', 'canaryreleases.songbird.dev/status', false],
    ['edit', 'create', 'releasecommands.songbird.dev', false],
    ['admin', 'create', 'releasecommands.songbird.dev', true],
  ])('with the role %s, to %s %s: %s', async (role, verb, resource, allowed) => {
    expect(await may(`bookinfo:${role}`, verb, resource, 'bookinfo')).toBe(allowed);
  });
});

function verbs(resource: string, list: string): [verb: string, resource: string][] {
  return list.split(' ').map((verb) => [verb, resource]);
}

/** What `kubectl auth can-i --as` asks, without a process for each question. */
async function may(account: string, verb: string, resource: string, namespace: string): Promise<boolean> {
  const [name = '', subresource] = resource.split('/');
  const [plural, ...group] = name.split('.');
  const { body } = await call(plane.access, 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: `system:serviceaccount:${account}`,
      groups: ['system:serviceaccounts', 'system:authenticated'],
      resourceAttributes: { group: group.join('.'), resource: plural, subresource, verb, namespace },
    },
  });
  return (body as { status: { allowed: boolean } }).status.allowed;
}
