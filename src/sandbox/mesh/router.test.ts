import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { destinationRule, objectsOf, pod, service, split, virtualService, type World } from './fixtures.ts';
import type { HttpMatch } from './objects.ts';
import { Router, type Routing } from './router.ts';

const GET = { host: 'shop', method: 'GET', url: '/', headers: {} };

let world: World;
let router: Router;

beforeEach(() => {
  world = {
    virtualServices: [virtualService(['shop'], [split({ v1: 95, v2: 5 })])],
    destinationRules: [destinationRule('shop', ['v1', 'v2'])],
    services: [service('shop')],
    pods: [pod('a', 'v1', 1001), pod('b', 'v1', 1002), pod('c', 'v2', 1003)],
  };
  router = new Router(objectsOf(world), 'demo');
});

function change(next: Partial<World>): void {
  Object.assign(world, next);
  router.changed();
}

function target(routing: Routing): string {
  return 'pod' in routing ? routing.pod.metadata.name : `${routing.status} ${routing.flag}`;
}

function tally(times: number, request = GET): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i += 1) {
    const name = target(router.route(request));
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('weights', () => {
  test('requests are split exactly, and within a subset the pods take turns', () => {
    expect(tally(400)).toEqual({ a: 190, b: 190, c: 20 });
  });

  test('any weights that sum to 100 are met exactly in every hundred requests', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), (weight) => {
        change({ virtualServices: [virtualService(['shop'], [split({ v1: 100 - weight, v2: weight })])] });
        const { a = 0, b = 0, c = 0 } = tally(100);
        expect([a + b, c]).toEqual([100 - weight, weight]);
      }),
    );
  });

  test('a new weight holds from the next request on', () => {
    tally(37);
    change({ virtualServices: [virtualService(['shop'], [split({ v1: 100, v2: 0 })])] });
    expect(tally(100)).toEqual({ a: 50, b: 50 });
  });

  test('a single destination gets everything, with or without a weight', () => {
    change({
      virtualServices: [
        virtualService(['shop'], [{ route: [{ destination: { host: 'shop', subset: 'v2' } }] }]),
      ],
    });
    expect(tally(10)).toEqual({ c: 10 });
  });

  test('shares tell weight and labels of each destination', () => {
    expect(router.shares('shop')).toEqual([
      { subset: 'v1', labels: { version: 'v1' }, weight: 95 },
      { subset: 'v2', labels: { version: 'v2' }, weight: 5 },
    ]);
    expect(router.shares('nowhere')).toEqual([]);
  });
});

describe('pods', () => {
  test.each([
    ['being deleted', { deletionTimestamp: '2030-01-01T00:00:00Z' }],
    ['not ready', { ready: false }],
    ['listening nowhere', { annotations: {} }],
    ['with a broken annotation', { annotations: { 'sandbox.songbird.dev/ports': '{' } }],
    ['not selected by the Service', { labels: { app: 'other', version: 'v1' } }],
    ['in another namespace', { namespace: 'prod' }],
  ])('one that is %s gets no request', (_, fault) => {
    change({ pods: [pod('a', 'v1', 1001), pod('b', 'v1', 1002, fault), pod('c', 'v2', 1003)] });
    expect(tally(100)).toEqual({ a: 95, c: 5 });
  });

  test('a subset without a ready pod answers 503 UH for its share', () => {
    change({ pods: [pod('a', 'v1', 1001), pod('c', 'v2', 1003, { ready: false })] });
    expect(tally(100)).toEqual({ a: 95, '503 UH': 5 });
  });
});

describe('what cannot be routed', () => {
  test('an unknown host is 404 NR', () => {
    expect(router.route({ ...GET, host: 'nowhere' })).toMatchObject({ status: 404, flag: 'NR' });
  });

  test('a subset that no DestinationRule defines is 503 NC and names it', () => {
    change({ destinationRules: [destinationRule('shop', ['v1'])] });
    expect(tally(100)).toEqual({ a: 48, b: 47, '503 NC': 5 });
  });

  test('a destination that is no Service is 503 NC', () => {
    change({ virtualServices: [virtualService(['shop'], [{ route: [{ destination: { host: 'gone' } }] }])] });
    expect(router.route(GET)).toMatchObject({ status: 503, flag: 'NC' });
  });

  test('a VirtualService without a spec is as good as none', () => {
    const empty = { ...virtualService([], []), spec: {} };
    change({ virtualServices: [empty] });
    expect(tally(3)).toEqual({ a: 1, b: 1, c: 1 });
  });
});

describe('hosts', () => {
  test.each(['shop', 'shop:80', 'SHOP', 'shop.demo', 'shop.demo.svc', 'shop.demo.svc.cluster.local'])(
    'a caller may say %s',
    (host) => {
      expect(tally(20, { ...GET, host })).toEqual({ a: 10, b: 9, c: 1 });
    },
  );

  test('the most specific VirtualService wins, then the older', () => {
    const to = (subset: string) => [split({ [subset]: 100 })];
    const wild = virtualService(['*'], to('v2'), 'wild', '2020-01-01T00:00:00Z');
    const younger = virtualService(['shop'], to('v2'), 'younger', '2031-01-01T00:00:00Z');
    change({ virtualServices: [wild, younger, virtualService(['shop'], to('v1'))] });
    expect(tally(4)).toEqual({ a: 2, b: 2 });
    expect(tally(4, { ...GET, host: 'www.example.com' })).toEqual({ c: 4 });
  });
});

describe('matches', () => {
  const request = { ...GET, method: 'POST', url: '/cart/7?beta=1', headers: { 'x-user': 'kim' } };

  test.each<[string, HttpMatch, boolean]>([
    ['a prefix', { uri: { prefix: '/cart' } }, true],
    ['an exact path, query aside', { uri: { exact: '/cart/7' } }, true],
    ['another path', { uri: { exact: '/' } }, false],
    ['a whole-text regex', { uri: { regex: '/cart/[0-9]+' } }, true],
    ['a regex that fits a part only', { uri: { regex: 'cart' } }, false],
    ['a broken regex', { uri: { regex: '(' } }, false],
    ['the method', { method: { exact: 'POST' } }, true],
    ['a header, whatever its case', { headers: { 'X-User': { exact: 'kim' } } }, true],
    ['a header that is there at all', { headers: { 'x-user': {} } }, true],
    ['a header that is missing', { headers: { 'x-none': {} } }, false],
    ['a header that must not be there', { withoutHeaders: { 'x-user': {} } }, false],
    ['a query parameter', { queryParams: { beta: { exact: '1' } } }, true],
    ['all conditions, of which one fails', { uri: { prefix: '/cart' }, method: { exact: 'GET' } }, false],
    ['a condition that this mesh does not know', { sourceLabels: { app: 'web' } }, false],
  ])('%s', (_, match, taken) => {
    const first = { match: [match], ...split({ v2: 100 }) };
    change({ virtualServices: [virtualService(['shop'], [first, split({ v1: 100 })])] });
    expect(target(router.route(request))).toBe(taken ? 'c' : 'a');
  });

  test('when no route takes a request it is 404', () => {
    change({
      virtualServices: [
        virtualService(['shop'], [{ match: [{ uri: { exact: '/x' } }], ...split({ v1: 100 }) }]),
      ],
    });
    expect(router.route(GET)).toMatchObject({ status: 404, flag: 'NR' });
  });
});
