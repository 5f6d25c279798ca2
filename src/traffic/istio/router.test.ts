import { describe, expect, it } from 'vitest';
import { type VirtualService, ownerRefOf } from '../../api/index.ts';
import { aRelease } from '../../workloads/testing.ts';
import type { DesiredTraffic } from '../router.ts';
import type { IstioLive } from './checks.ts';
import { istioRouter } from './router.ts';

const EMPTY: IstioLive = {
  installed: true,
  virtualService: undefined,
  destinationRule: undefined,
  hasService: (name, namespace) => name === 'reviews' && namespace === 'bookinfo',
  hasGateway: (name, namespace) => name === 'public' && namespace === 'istio-system',
};

/** Carries out plans until nothing is left, and tells what was written. */
function settle(live: IstioLive, desired: DesiredTraffic, release = aRelease()) {
  const writes: string[] = [];
  for (let i = 0; i < 10; i++) {
    const write = istioRouter.plan(release, desired, live);
    if (write === undefined) return { live, writes };
    const { object } = write;
    writes.push(object.kind);
    live =
      object.kind === 'VirtualService'
        ? { ...live, virtualService: object }
        : { ...live, destinationRule: object };
  }
  throw new Error('does not settle');
}

const want = (weights: Record<string, number>, subsets = Object.keys(weights)): DesiredTraffic => ({
  weights,
  subsets,
  weightsOnly: false,
  urgent: false,
});

describe('planning', () => {
  it('makes subsets before the routes that name them, and drops them after', () => {
    const first = settle(EMPTY, want({ one: 100 }));
    expect(first.writes).toEqual(['DestinationRule', 'VirtualService']);
    const split = settle(first.live, want({ one: 95, two: 5 }));
    expect(split.writes).toEqual(['DestinationRule', 'VirtualService']);
    const done = settle(split.live, want({ two: 100 }));
    expect(done.writes).toEqual(['VirtualService', 'DestinationRule']);
    expect(done.live.destinationRule?.spec.subsets).toEqual([
      { name: 'two', labels: { 'songbird.dev/revision': 'two' } },
    ]);
    expect(istioRouter.read(aRelease(), done.live)).toEqual({
      weights: { two: 100 },
      subsets: ['two'],
      drifted: false,
      effective: true,
    });
  });

  it('takes weight away before it makes a DestinationRule that is gone: that may be refused', () => {
    const { live } = settle(EMPTY, want({ one: 50, two: 50 }));
    const gone = { ...live, destinationRule: undefined };
    const desired = want({ one: 100 });
    expect(istioRouter.plan(aRelease(), desired, gone)?.object.kind).toBe('DestinationRule');
    expect(settle(gone, { ...desired, urgent: true }).writes).toEqual(['VirtualService', 'DestinationRule']);
  });

  it('names the port where a gateway is involved, and routes tcp and tls by their own sections', () => {
    const gateway = aRelease({
      traffic: { istio: { hosts: ['reviews.example.com'], gateways: ['istio-system/public'] } },
    });
    const { live } = settle(EMPTY, want({ one: 100 }), gateway);
    expect(live.virtualService?.spec.http?.[0]?.route?.[0]?.destination.port).toEqual({ number: 9080 });
    const redis = aRelease({ service: { name: 'redis', port: 6379, portName: 'redis' } });
    expect(settle(EMPTY, want({ one: 100 }), redis).live.virtualService?.spec).toMatchObject({
      tcp: [{ match: [{ port: 6379 }] }],
    });
    const tls = aRelease({ service: { name: 'reviews', port: 443, portName: 'tls' } });
    expect(settle(EMPTY, want({ one: 100 }), tls).live.virtualService?.spec).toMatchObject({
      tls: [{ match: [{ port: 443, sniHosts: ['reviews'] }] }],
    });
  });

  it('changes weights alone while the manifest has problems', () => {
    const { live } = settle(EMPTY, want({ one: 95, two: 5 }));
    const broken = aRelease({ traffic: { istio: { hosts: ['elsewhere'] } } });
    const write = istioRouter.plan(broken, { ...want({ one: 100 }), weightsOnly: true }, live);
    expect(write?.object.spec).toMatchObject({ hosts: ['reviews'], http: [{ route: [{ weight: 100 }] }] });
  });

  it('takes the VirtualService away before the DestinationRule', () => {
    const { live } = settle(EMPTY, want({ one: 100 }));
    expect(istioRouter.remove(aRelease(), live)?.object.kind).toBe('VirtualService');
    expect(istioRouter.remove(aRelease(), { ...live, virtualService: undefined })?.object.kind).toBe(
      'DestinationRule',
    );
    expect(istioRouter.remove(aRelease(), EMPTY)).toBeUndefined();
  });
});

describe('reading', () => {
  const { live } = settle(EMPTY, want({ one: 60, two: 40 }));
  const edited = (spec: Partial<VirtualService['spec']>, more: Partial<VirtualService> = {}): IstioLive => ({
    ...live,
    virtualService: {
      ...(live.virtualService as VirtualService),
      ...more,
      spec: { ...(live.virtualService as VirtualService).spec, ...spec },
    },
  });

  it('sees weights that someone edited, and every other drift', () => {
    const route = [{ destination: { host: 'reviews', subset: 'two' }, weight: 100 }];
    expect(istioRouter.read(aRelease(), edited({ http: [{ route }] }))).toMatchObject({
      weights: { two: 100 },
      drifted: false,
    });
    expect(istioRouter.read(aRelease(), edited({ hosts: ['other'] })).drifted).toBe(true);
    expect(
      istioRouter.read(aRelease(), edited({ http: [{ match: [{ uri: { prefix: '/a' } }], route }] })).drifted,
    ).toBe(true);
    expect(istioRouter.read(aRelease(), edited({ http: [] }))).toMatchObject({ weights: {}, drifted: true });
  });

  it('leaves fields alone that Songbird does not own', () => {
    expect(istioRouter.read(aRelease(), edited({ exportTo: ['.'] })).drifted).toBe(false);
  });

  it('believes the mesh when it says that proxies lag behind', () => {
    const status = (value: string, observedGeneration: number) =>
      edited({}, { status: { observedGeneration, conditions: [{ type: 'Reconciled', status: value }] } });
    const generation = { ...(live.virtualService as VirtualService).metadata, generation: 3 };
    const lagging = status('True', 2);
    expect(
      istioRouter.read(aRelease(), {
        ...lagging,
        virtualService: { ...(lagging.virtualService as VirtualService), metadata: generation },
      }).effective,
    ).toBe(false);
    expect(istioRouter.read(aRelease(), status('False', 3)).effective).toBe(false);
    expect(istioRouter.read(aRelease(), status('True', 3)).effective).toBe(true);
  });

  it('does not take the objects of someone else for its own', () => {
    const foreign = edited(
      {},
      { metadata: { name: 'reviews', ownerReferences: [{ ...ownerRefOf(aRelease()), uid: 'other' }] } },
    );
    expect(istioRouter.read(aRelease(), foreign).weights).toBeUndefined();
    expect(istioRouter.check(aRelease(), foreign)).toMatchObject([{ reason: 'NameConflict' }]);
  });
});

describe('checking', () => {
  const check = (istio: object, live: Partial<IstioLive> = {}) =>
    istioRouter.check(aRelease({ traffic: { istio } }), { ...EMPTY, ...live }).map(({ message }) => message);

  it('names hosts and gateways that are not there, with the mend', () => {
    expect(check({ hosts: ['reviews'], gateways: ['mesh', 'istio-system/public'] })).toEqual([]);
    expect(check({ hosts: ['ratings'] })).toEqual([
      'spec.traffic.istio.hosts[0]: there is no Service ratings in namespace bookinfo: name the Service that callers use, such as reviews',
    ]);
    expect(check({ hosts: ['reviews.other.svc.cluster.local'] })).toEqual([
      'spec.traffic.istio.hosts[0]: there is no Service reviews in namespace other: name the Service that callers use, such as reviews',
    ]);
    expect(check({ hosts: ['reviews.bookinfo.svc.cluster.local'] })).toEqual([]);
    expect(check({ hosts: ['reviews'], gateways: ['public'] })).toEqual([
      'spec.traffic.istio.gateways[0]: there is no Gateway public in namespace bookinfo: create it, or name one that exists as namespace/name',
    ]);
  });

  it('does not judge names that only Istio can know', () => {
    expect(
      check({ hosts: ['shop.example.com', '*.example.com'], gateways: ['istio-system/public'] }),
    ).toEqual([]);
  });

  it('says when Istio is missing', () => {
    expect(check({ hosts: ['reviews'] }, { installed: false })[0]).toContain('install Istio');
  });
});
