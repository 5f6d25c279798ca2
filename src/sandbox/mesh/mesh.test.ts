import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { KubeObject, ResourceType } from '../../kube/types.ts';
import * as kinds from '../../kube/well-known.ts';
import { readCrds } from '../demo/manifests.ts';
import { Cluster, type InProcessClient } from '../index.ts';
import { destinationRule, pod, service, split, virtualService } from './fixtures.ts';
import { Mesh } from './mesh.ts';
import type { Pod } from './objects.ts';
import { closeServer, listen } from './sidecar.ts';

let cluster: Cluster;
let client: InProcessClient;
let mesh: Mesh;
let apps: Server[];
let changes: number;

beforeEach(async () => {
  apps = [];
  changes = 0;
  // No controllers: the test itself says which pods there are and how they are.
  cluster = new Cluster({ controllers: false });
  client = cluster.client();
  for (const crd of await readCrds()) await client.create(kinds.customResourceDefinitions, crd);
  await client.create<KubeObject>(kinds.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'demo' },
  });
  mesh = new Mesh({
    client,
    namespace: 'demo',
    onError: (error) => {
      throw error;
    },
  });
  mesh.onChange(() => (changes += 1));
  await mesh.start();
});

afterEach(async () => {
  await mesh.close();
  cluster.stop();
  for (const app of apps) {
    app.closeAllConnections();
    await closeServer(app);
  }
});

async function create(type: ResourceType, object: KubeObject): Promise<void> {
  const { creationTimestamp: _, ...metadata } = object.metadata;
  await client.create(type, { ...object, metadata });
}

/** A pod whose app answers with its version; ready when told so by {@link setReady}. */
async function runPod(name: string, version: string): Promise<void> {
  const app = createServer((_, response) => response.end(version));
  apps.push(app);
  const { status: _, ...object } = pod(name, version, await listen(app));
  const containers = (object.spec?.containers ?? []).map((container) => ({
    ...container,
    image: 'demo-app:v1',
  }));
  await create(kinds.pods, { ...object, spec: { containers } } as Pod);
  await setReady(name, true);
}

async function setReady(name: string, ready: boolean): Promise<void> {
  const { status } = pod(name, 'v1', 1, { ready });
  await client.patch(kinds.pods, { namespace: 'demo', name }, 'merge', { status }, { subresource: 'status' });
}

async function setWeights(v1: number, v2: number): Promise<void> {
  const { spec } = virtualService(['shop'], [split({ v1, v2 })]);
  await client.patch(kinds.virtualServices, { namespace: 'demo', name: 'shop' }, 'merge', { spec });
}

/** How many of 20 requests each version, or which status, answered. */
async function answers(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < 20; i += 1) {
    const response = await fetch(`http://127.0.0.1:${mesh.port}/`);
    const text = await response.text();
    const what = response.status === 200 ? text : String(response.status);
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

async function settles(wanted: Record<string, number>): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await answers()).toEqual(wanted);
    },
    { timeout: 5000 },
  );
}

test('requests follow the objects: pods that come, get ready, go; weights; the VirtualService itself', async () => {
  await settles({ 404: 20 });

  await create(kinds.services, service('shop'));
  await create(kinds.destinationRules, destinationRule('shop', ['v1', 'v2']));
  // Any host, since fetch sends the address as Host.
  await create(kinds.virtualServices, virtualService(['*'], [split({ v1: 95, v2: 5 })]));
  await settles({ 503: 20 });

  await runPod('a', 'v1');
  await runPod('b', 'v2');
  await settles({ v1: 19, v2: 1 });

  await client.patch(kinds.virtualServices, { namespace: 'demo', name: 'shop' }, 'json', [
    { op: 'replace', path: '/spec/http/0/route/1/weight', value: 60 },
    { op: 'replace', path: '/spec/http/0/route/0/weight', value: 40 },
  ]);
  await settles({ v1: 8, v2: 12 });

  await setReady('b', false);
  await settles({ v1: 8, 503: 12 });

  await setReady('b', true);
  await client.delete(kinds.pods, { namespace: 'demo', name: 'a' }, { gracePeriodSeconds: 0 });
  await settles({ v2: 12, 503: 8 });

  await client.delete(kinds.virtualServices, { namespace: 'demo', name: 'shop' });
  await settles({ 404: 20 });
});

test('weights are told by the version of the pods behind each subset, and every change is announced', async () => {
  expect(mesh.weights('shop')).toEqual(new Map());
  await create(kinds.services, service('shop'));
  await create(kinds.destinationRules, destinationRule('shop', ['v1', 'v2']));
  await create(kinds.virtualServices, virtualService(['shop'], [split({ v1: 95, v2: 5 })]));
  await runPod('a', 'v1');
  await vi.waitFor(() => {
    expect(mesh.weights('shop')).toEqual(
      new Map([
        ['v1', 95],
        ['v2', 5],
      ]),
    );
  });
  const before = changes;
  await setWeights(40, 60);
  await vi.waitFor(() => {
    expect(changes).toBeGreaterThan(before);
  });
  expect(mesh.weights('shop')).toEqual(
    new Map([
      ['v1', 40],
      ['v2', 60],
    ]),
  );
});
