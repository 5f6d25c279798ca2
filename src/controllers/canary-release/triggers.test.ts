import { beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseObject } from '../../api/index.ts';
import { ObjectStore } from '../../kube/store.ts';
import type { KubeObject } from '../../kube/types.ts';
import { claimsOf } from '../../workloads/index.ts';
import { type Cache, INDEX } from './caches.ts';
import { keysOf, needsOf, releaseOfLabel } from './triggers.ts';

let store: ObjectStore<CanaryReleaseObject>;
let releases: Cache<CanaryReleaseObject>;

beforeEach(() => {
  store = new ObjectStore<CanaryReleaseObject>({ [INDEX.claim]: claimsOf, [INDEX.need]: needsOf });
  releases = {
    get: (key) => store.get(key),
    list: (namespace) => store.list(namespace),
    byIndex: (index, value) => store.byIndex(index, value),
    hasSynced: true,
  };
});

/** A release in the cache, with what the test says of its Service and routes. */
function release(
  key: string,
  spec: { service?: string; hosts?: string[]; gateways?: string[] },
): CanaryReleaseObject {
  const [namespace = '', name = ''] = key.split('/');
  const { service = name, hosts = [service], gateways } = spec;
  const istio = { hosts, ...(gateways === undefined ? {} : { gateways }) };
  const object = {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'CanaryRelease',
    metadata: { namespace, name, uid: `uid-${key}`, resourceVersion: '1' },
    spec: { service: { name: service }, traffic: { istio } },
  };
  store.set(object);
  return object;
}

function object(kind: string, key: string, labels: Record<string, string> = {}): KubeObject {
  const [namespace = '', name = ''] = key.split('/');
  return { apiVersion: 'v1', kind, metadata: { namespace, name, labels } };
}

describe('a change of a release', () => {
  it('concerns it, and whoever claims the same Service or host', () => {
    const cart = release('shop/cart', {});
    release('shop/second', { service: 'cart', hosts: ['elsewhere'] });
    release('ops/third', { hosts: ['a.example.com'], gateways: ['ops/public'] });
    release('web/fourth', { hosts: ['a.example.com'], gateways: ['ops/public'] });
    release('web/cart', {});
    expect(new Set(keysOf('release', cart, releases))).toEqual(new Set(['shop/cart', 'shop/second']));
    const third = store.get('ops/third')!;
    expect(new Set(keysOf('release', third, releases))).toEqual(new Set(['ops/third', 'web/fourth']));
  });

  it('that is gone concerns it all the same', () => {
    const cart = release('shop/cart', {});
    store.delete(cart);
    expect(keysOf('release', cart, releases)).toEqual(['shop/cart']);
  });

  it.each([[undefined], [{}], [{ service: 'cart', traffic: [] }], [{ service: { name: 7 } }]])(
    'whose spec is nonsense (%j) concerns at least it',
    (spec) => {
      const nonsense = { ...object('CanaryRelease', 'shop/odd'), spec } as CanaryReleaseObject;
      expect(keysOf('release', nonsense, releases)).toEqual(['shop/odd']);
    },
  );
});

describe('a change of what a release owns', () => {
  it('concerns the release that its label names, in its own namespace', () => {
    const pod = object('Pod', 'shop/cart-1', { 'songbird.dev/release': 'cart' });
    expect(keysOf('labelled', pod, releases)).toEqual(['shop/cart']);
    expect(releaseOfLabel(object('Pod', 'shop/other'))).toEqual([]);
  });

  it('concerns, of a command, the release that it names, whether it is there or not', () => {
    const command = { ...object('ReleaseCommand', 'shop/stop'), spec: { release: 'cart' } };
    expect(keysOf('command', command, releases)).toEqual(['shop/cart']);
  });
});

describe('a Service that comes, changes or goes', () => {
  it.each([
    ['it routes to it', { service: 'cart', hosts: ['other.example.com'], gateways: ['ops/public'] }],
    ['callers use its short name', { service: 'other', hosts: ['cart'] }],
    ['callers use its whole name', { service: 'other', hosts: ['cart.shop.svc.cluster.local'] }],
    ['callers use its name as far as svc', { service: 'other', hosts: ['cart.shop.svc'] }],
  ])('concerns a release when %s', (_what, spec) => {
    release('shop/one', spec);
    expect(keysOf('service', object('Service', 'shop/cart'), releases)).toEqual(['shop/one']);
    expect(keysOf('service', object('Service', 'shop/cart-2'), releases)).toEqual([]);
    expect(keysOf('service', object('Service', 'web/cart'), releases)).toEqual([]);
  });

  it('concerns releases of other namespaces that use its whole name', () => {
    release('web/front', { hosts: ['cart.shop.svc.cluster.local'] });
    expect(keysOf('service', object('Service', 'shop/cart'), releases)).toEqual(['web/front']);
    expect(keysOf('service', object('Service', 'web/cart'), releases)).toEqual([]);
  });
});

describe('a Gateway that comes, changes or goes', () => {
  it('concerns the releases that name it, by its short name in its own namespace alone', () => {
    release('shop/cart', { gateways: ['public', 'mesh'] });
    release('shop/web', { gateways: ['ops/public'] });
    release('shop/plain', {});
    expect(keysOf('gateway', object('Gateway', 'shop/public'), releases)).toEqual(['shop/cart']);
    expect(keysOf('gateway', object('Gateway', 'ops/public'), releases)).toEqual(['shop/web']);
    expect(keysOf('gateway', object('Gateway', 'ops/mesh'), releases)).toEqual([]);
  });
});

it('a release needs each thing once, however often it names it', () => {
  const busy = release('shop/cart', {
    hosts: ['cart', 'cart.shop.svc.cluster.local', 'cart.example.com'],
    gateways: ['mesh', 'ops/public', 'private'],
  });
  expect(needsOf(busy).sort()).toEqual(['Gateway ops/public', 'Gateway shop/private', 'Service shop/cart']);
});
