import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus } from '../../api/index.ts';
import type { ApiClient } from '../../kube/types.ts';
import { TestCluster, healthy } from '../cluster.testing.ts';
import { canaryReleases } from '../../api/resources.ts';
import { PassTraces, type SpanRecord, releaseIds } from './passes.ts';

let test: TestCluster;
let spans: SpanRecord[];

beforeEach(async () => {
  test = await TestCluster.start();
  spans = [];
  test.traces = new PassTraces(test.clock, (span) => spans.push(span));
});

afterEach(() => test.stop());

/** A client that tells of its status writes as the one over HTTP does. */
function telling(client: ApiClient): ApiClient {
  return new Proxy(client, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      if (property !== 'update') return value.bind(target) as unknown;
      return async (...args: unknown[]) => {
        const result: unknown = await Reflect.apply(value, target, args);
        const resource = 'canaryreleases.songbird.dev/status';
        test.traces?.requested({ verb: 'update', resource, code: 200, ms: 3, dryRun: false });
        return result;
      };
    },
  });
}

async function uidOf(): Promise<string> {
  const { metadata } = await test.admin.get(canaryReleases, { namespace: 'shop', name: 'cart' });
  return metadata.uid ?? '';
}

const releases = () => spans.filter(({ name }) => name === 'release');
const passesOf = ({ ids }: SpanRecord) =>
  spans.filter(({ name, parent }) => name === 'pass' && parent?.traceId === ids?.traceId);
const outcome = (wanted: string) => (status: CanaryReleaseStatus) => status.history?.[0]?.outcome === wanted;

describe('traces', () => {
  it('hold a release together, from its first pass to its end, across operators', async () => {
    const first = await test.operate(telling(test.cluster.client({ user: 'songbird' })));
    await test.apply('cart:1');
    await test.until(healthy);
    await test.apply('cart:2');
    await test.until(({ step }) => step?.observedWeight === 60);
    const crashed = first.shutdown();
    await test.clock.advance(1000);
    await crashed;
    await test.operate();
    const { stableRevision = '' } = await test.until(outcome('Promoted'));

    const [initial, promoted] = releases();
    expect(initial?.attributes).toMatchObject({ 'songbird.outcome': 'Initial' });
    expect(promoted).toMatchObject({
      ids: releaseIds(await uidOf(), stableRevision, 2),
      attributes: {
        'k8s.namespace.name': 'shop',
        'songbird.release': 'cart',
        'songbird.revision': stableRevision,
        'songbird.outcome': 'Promoted',
      },
      error: undefined,
    });
    const passes = passesOf(promoted!);
    expect(passes.every(({ parent }) => parent?.spanId === promoted?.ids?.spanId)).toBe(true);
    expect(passes.every(({ start, end }) => start >= promoted!.start - 1000 && end >= start)).toBe(true);
    const weights = passes.map(({ attributes }) => attributes['songbird.effect.weights']);
    const routed = weights.flatMap((text) => {
      const { [stableRevision]: weight } = JSON.parse(String(text ?? '{}')) as Record<string, number>;
      return weight ?? [];
    });
    expect(routed).toEqual([20, 60, 100]);
    expect(passes.flatMap(({ calls = [] }) => calls).map(({ name }) => name)).toContain(
      'update canaryreleases.songbird.dev/status',
    );
    expect(test.errors).toEqual([]);
  });

  it('say of a bad version what was wrong, and when', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    test.traffic.bad.add('cart:2');
    await test.apply('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack', 15);
    const bad = releases().at(-1);
    expect(bad?.attributes).toMatchObject({
      'songbird.outcome': 'RolledBack',
      'songbird.reason': 'AnalysisFailed',
    });
    expect(bad?.error).toMatch(/errors: .* on the candidate/);
    const told = passesOf(bad!).flatMap(({ events = [] }) => events);
    expect(told.map(({ name }) => name)).toContain('AnalysisFailed');
  });

  it('are not made at rest', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    await test.clock.advance(60_000);
    const before = spans.length;
    await test.clock.advance(3_600_000);
    expect(spans.length).toBe(before);
  });

  it('tell of a pass that failed, and hand its failure on', async () => {
    const failed = test.traces!.follow('shop/cart', () => Promise.reject(new Error('out of order')));
    await expect(failed).rejects.toThrow('out of order');
    expect(spans).toMatchObject([{ name: 'pass', parent: undefined, error: 'out of order' }]);
  });

  it('leave out calls that belong to no pass, and mark those that failed', async () => {
    const call = (code: number) => {
      test.traces!.requested({ verb: 'patch', resource: 'deployments.apps', code, ms: 5, dryRun: false });
    };
    call(200);
    await test.traces!.follow('shop/cart', async () => {
      for (const code of [200, 409, 0]) call(code);
    });
    expect(spans).toHaveLength(1);
    expect(spans[0]?.calls?.map(({ error }) => error)).toEqual([undefined, 'answered 409', 'no answer']);
    expect(spans[0]?.calls?.every(({ start, end }) => end - start === 5)).toBe(true);
  });
});
