import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseObject } from '../api/index.ts';
import type { KubeObject } from '../kube/types.ts';
import { customResourceDefinitions, deployments, namespaces, services } from '../kube/well-known.ts';
import { type ApiRequest, Cluster, type InProcessClient } from '../sandbox/index.ts';
import { readCrds } from '../sandbox/demo/manifests.ts';
import { VirtualClock } from '../kube/virtual-clock.ts';
import { INDEX } from './canary-release/caches.ts';
import { manifest } from './cluster.testing.ts';
import { type Informers, createInformers } from './informers.ts';
import { canaryReleases, releaseCommands } from '../api/resources.ts';

let clock: VirtualClock;
let cluster: Cluster;
let admin: InProcessClient;
let informers: Informers;
let asked: ApiRequest[];

beforeEach(async () => {
  clock = new VirtualClock();
  cluster = new Cluster({ clock });
  admin = cluster.client({ user: 'admin' });
  asked = [];
  for (const crd of await readCrds()) await admin.create(customResourceDefinitions, crd);
  for (const name of ['shop', 'web']) {
    await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  await clock.advance(1000);
});

afterEach(async () => {
  await Promise.all(allOf(informers).map((informer) => informer.stop()));
});

function allOf(all: Informers): Pick<Informers['pods'], 'start' | 'stop'>[] {
  return Object.values(all) as Informers['pods'][];
}

async function start(namespace?: string): Promise<void> {
  cluster.intercept({
    before: (request) => {
      if (request.user === 'songbird' && request.verb === 'list') asked.push(request);
    },
  });
  informers = createInformers({
    client: cluster.client({ user: 'songbird' }),
    clock,
    namespace,
    random: () => 0.5,
    onError: (type, error) => {
      throw new Error(`${type.plural}: ${String(error)}`);
    },
    onRecovery: () => undefined,
  });
  for (const informer of allOf(informers)) informer.start();
  await clock.advance(1000);
}

function release(namespace: string, name: string): KubeObject & { spec: unknown } {
  const object = manifest('cart:1', { service: { name, port: 80, portName: 'http' } });
  return { ...object, metadata: { name, namespace } };
}

function deployment(name: string, labels: Record<string, string>): KubeObject & { spec: unknown } {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'a', image: 'a' }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', labels },
    spec: { replicas: 0, selector: { matchLabels: { app: name } }, template },
  };
}

const names = (objects: readonly { metadata: { name: string } }[]) =>
  objects.map(({ metadata }) => metadata.name).sort();

describe('the caches', () => {
  it('hold of workloads and routes only what carries the label of a release', async () => {
    await admin.create(deployments, deployment('ours', { 'songbird.dev/release': 'cart' }));
    await admin.create(deployments, deployment('theirs', { app: 'theirs' }));
    await start();
    expect(names(informers.deployments.list())).toEqual(['ours']);
    expect(names(informers.deployments.byIndex(INDEX.release, 'shop/cart'))).toEqual(['ours']);
    const selectors = Object.fromEntries(asked.map(({ plural, options }) => [plural, options.labelSelector]));
    for (const plural of ['deployments', 'pods', 'virtualservices', 'destinationrules']) {
      expect(selectors[plural], plural).toBe('songbird.dev/release');
    }
    // Those that a release only names may be anybody's
    for (const plural of ['services', 'gateways', 'canaryreleases', 'releasecommands']) {
      expect(selectors[plural], plural).toBeUndefined();
    }
  });

  it('find releases by what they claim and by what they name, and commands by their release', async () => {
    await admin.create(canaryReleases, release('shop', 'front'));
    const command: KubeObject & { spec: unknown } = {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: { name: 'stop', namespace: 'shop' },
      spec: { release: 'front', revision: 'one', action: 'abort' },
    };
    await admin.create(releaseCommands, command);
    await start();
    const { releases, commands } = informers;
    expect(names(releases.byIndex(INDEX.claim, 'Service shop/front'))).toEqual(['front']);
    expect(names(releases.byIndex(INDEX.claim, 'host cart.shop at gateway mesh'))).toEqual(['front']);
    expect(names(releases.byIndex(INDEX.need, 'Service shop/cart'))).toEqual(['front']);
    expect(names(commands.byIndex(INDEX.release, 'shop/front'))).toEqual(['stop']);
    // And no longer by what they claimed before
    const patch = { spec: { traffic: { istio: { hosts: ['front'] } } } };
    await admin.patch(canaryReleases, { namespace: 'shop', name: 'front' }, 'merge', patch);
    await clock.advance(1000);
    expect(releases.byIndex(INDEX.claim, 'host cart.shop at gateway mesh')).toEqual([]);
    expect(releases.byIndex(INDEX.need, 'Service shop/cart')).toEqual([]);
  });

  it('hold no managedFields, and all else as it is', async () => {
    await admin.create(canaryReleases, release('shop', 'front'), { fieldManager: 'someone' });
    await start();
    const cached = informers.releases.get('shop/front') as CanaryReleaseObject;
    const live = await admin.get<KubeObject>(canaryReleases, { namespace: 'shop', name: 'front' });
    expect(live.metadata).toHaveProperty('managedFields');
    const { managedFields, ...metadata } = live.metadata as typeof live.metadata & {
      managedFields?: unknown;
    };
    expect(managedFields).toBeDefined();
    expect(cached).toEqual({ ...live, metadata });
  });

  it('are of one namespace where the operator is told so, save what has none', async () => {
    await admin.create(canaryReleases, release('shop', 'front'));
    await admin.create(canaryReleases, release('web', 'front'));
    await start('shop');
    expect(informers.releases.list().map(({ metadata }) => metadata.namespace)).toEqual(['shop']);
    const scopes = Object.fromEntries(asked.map(({ plural, namespace }) => [plural, namespace]));
    expect(scopes).toMatchObject({ pods: 'shop', services: 'shop', gateways: 'shop' });
    expect(scopes['clusteranalysistemplates']).toBeUndefined();
  });

  it('follow what happens', async () => {
    await start();
    expect(informers.services.get('shop/late')).toBeUndefined();
    await admin.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'late', namespace: 'shop' },
      spec: { ports: [{ port: 80 }] },
    } as KubeObject);
    await clock.advance(0);
    expect(informers.services.get('shop/late')?.spec.ports).toMatchObject([{ port: 80 }]);
  });
});
