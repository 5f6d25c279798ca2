import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, type KubeObject } from '../kube/types.ts';
import { customResourceDefinitions } from '../kube/well-known.ts';
import type { ApiRequest } from '../sandbox/cluster/request.ts';
import { TestCluster, healthy } from './cluster.testing.ts';
import { releaseCommands } from '../api/resources.ts';
import { OperatorPod, type Outage } from './operator-pod.testing.ts';

let test: TestCluster;

describe('an API server that is away', () => {
  const SPEC = {
    steps: [
      { weight: 40, for: '10s' },
      { weight: 100, for: '2s' },
    ],
  };
  let pod: OperatorPod;

  /** A release at 40% whose API server is away for a time. @returns when it came back (ms since the epoch) */
  async function outageAt40(outage: Outage, seconds = 30): Promise<number> {
    test = await TestCluster.start();
    pod = new OperatorPod(test);
    pod.start();
    await test.apply('cart:1', SPEC);
    await test.until(healthy);
    await test.apply('cart:2', SPEC);
    await test.until(({ step }) => step?.observedWeight === 40);
    await test.clock.advance(3000);
    pod.line.cut(outage);
    await test.clock.advance(seconds * 1000);
    pod.line.mend();
    return test.clock.now();
  }

  afterEach(async () => {
    await pod.stop();
  });

  it.each<[string, Outage]>([
    ['refuses connections', new ApiError(0, 'ConnectionFailed', 'connect ECONNREFUSED')],
    ['answers 503', new ApiError(503, 'ServiceUnavailable', 'apiserver not ready')],
    ['answers nothing, and nobody hears that watches broke', 'silent'],
  ])(
    'for longer than the lease, and %s, holds a release up; with fresh evidence it goes on',
    async (_name, outage) => {
      const back = await outageAt40(outage);
      expect((await test.status()).step?.weight).toBe(40);
      // The operator that lost its lease has ended, and its successor waits until nobody can hold it any more.
      expect(pod.ended).toBeGreaterThan(0);
      const raised = await test.until(({ step }) => step?.weight === 100);
      expect(Date.parse(raised.analysis?.completeThrough ?? '')).toBeGreaterThan(back);
      await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
      expect(test.route.filter((weight) => weight > 0)).toEqual([40, 100]);
      expect(test.errors.filter((error) => !error.includes('ApiError'))).toEqual([]);
    },
  );

  it('for a moment, so that watches are dead and nobody hears of it, costs seconds', async () => {
    const back = await outageAt40('silent', 4);
    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted', 30);
    expect(test.clock.now() - back).toBeLessThan(30_000);
    expect(pod.ended).toBe(0);
  });

  it('does not save a version that begins to fail meanwhile', async () => {
    const back = await outageAt40(new ApiError(0, 'ConnectionFailed', 'connect ECONNREFUSED'));
    test.traffic.bad.add('cart:2');
    const status = await test.until(({ phase }) => phase === 'RolledBack', 40);
    expect(status.message).toMatch(/at least \d+ times as often/);
    expect(test.clock.now() - back).toBeLessThan(30_000);
  });
});

describe('rights that are taken away in mid-release and given back', () => {
  const SPEC = { steps: [{ weight: 40, for: '10m' }, { weight: 100 }] };
  let pod: OperatorPod;

  afterEach(async () => {
    await pod.stop();
  });

  const routes = ({ plural, verb }: ApiRequest) => plural === 'virtualservices' && verb === 'patch';

  it.each<[string, (request: ApiRequest) => boolean, number]>([
    ['all but those to its lease', ({ plural }) => plural !== 'leases', 40],
    ['those to write routes', routes, 40],
    // A rollback does not wait for its status
    ['those to write status', ({ subresource }) => subresource === 'status', 0],
  ])('%s: an abort that was ordered takes effect within two seconds', async (_name, isForbidden, left) => {
    test = await TestCluster.start();
    pod = new OperatorPod(test);
    pod.start();
    await test.apply('cart:1', SPEC);
    await test.until(healthy);
    await test.apply('cart:2', SPEC);
    const { candidateRevision } = await test.until(({ step }) => step?.observedWeight === 40);
    let forbidden = true;
    test.cluster.intercept({
      before: (request) => {
        if (!forbidden || request.user !== 'songbird' || !isForbidden(request)) return;
        const { verb, plural } = request;
        throw new ApiError(403, 'Forbidden', `User "songbird" cannot ${verb} resource "${plural}"`);
      },
    });
    // Watches that were open would stay so
    pod.line.cut(new ApiError(0, 'ConnectionFailed', 'other side closed'));
    await test.clock.advance(1000);
    pod.line.mend();
    await test.clock.advance(60_000);
    await test.admin.create<KubeObject & { spec: unknown }>(releaseCommands, {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: { name: 'stop', namespace: 'shop' },
      spec: { release: 'cart', revision: candidateRevision, action: 'abort', ttl: '1h' },
    });
    // In the middle between two tries of whoever tries every 5 s or less often
    await test.clock.advance(61_000);
    const weight = async () => (await test.weights())[candidateRevision ?? ''] ?? 0;
    expect([await weight(), pod.ended]).toEqual([left, 0]);
    forbidden = false;
    await test.clock.advance(2000);
    expect(await weight()).toBe(0);
    await test.until(({ phase }) => phase === 'RolledBack');
  });
});

describe('a cluster without Istio', () => {
  const ofIstio = (crd: string) => crd.endsWith('.istio.io');

  afterEach(async () => {
    await test.stop();
  });

  it('is told of once, and the operator takes up its releases as soon as Istio is there', async () => {
    // Given an operator that starts where the CRDs of Istio are missing
    test = await TestCluster.start(ofIstio);
    await test.operate();
    await test.apply('cart:1');
    const stalled = await test.until(({ conditions }) => conditions?.some(isStalled) === true);
    expect(stalled.message).toContain('spec.traffic.istio needs Istio');
    // Then it says what is missing, once for each kind, and no more in an hour
    await test.clock.advance(3_600_000);
    expect(test.said.sort()).toEqual(
      ['destinationrules', 'gateways', 'virtualservices'].map(
        (kind) =>
          `warn: this cluster does not serve ${kind}.networking.istio.io (networking.istio.io/v1): install Istio and its CRDs; releases with spec.traffic.istio wait until they are there`,
      ),
    );
    expect(test.errors).toEqual([]);
    // And when it is mended, it says that once, too
    test.said.length = 0;
    await test.install(ofIstio);
    await test.until(healthy);
    await test.clock.advance(30_000);
    expect(test.said.sort()).toEqual(
      ['destinationrules', 'gateways', 'virtualservices'].map(
        (kind) => `info: ${kind}.networking.istio.io can be watched now`,
      ),
    );
  });

  it('that had it before is told of in status, and asked only now and then', async () => {
    test = await TestCluster.start();
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    let asked = 0;
    test.cluster.intercept({
      before: ({ user }) => {
        if (user === 'songbird') asked++;
      },
    });
    await test.admin.delete(customResourceDefinitions, { name: 'virtualservices.networking.istio.io' });
    const stalled = await test.until(({ conditions }) => conditions?.some(isStalled) === true);
    expect(stalled.message).toBe(
      'this cluster does not serve VirtualService (networking.istio.io/v1) any more: install Istio and its CRDs',
    );
    await test.clock.advance(60_000);
    expect(asked).toBeLessThan(60);
    await test.install((crd) => crd.startsWith('virtualservices.'));
    await test.until(healthy);
  });
});

it('a cluster without the CRDs of Songbird is told of once, and nothing is done until they are there', async () => {
  test = await TestCluster.start((crd) => crd.endsWith('songbird.dev'));
  const starting = test.operate();
  await test.clock.advance(3_600_000);
  expect(test.said.sort()).toEqual(
    ['analysistemplates', 'canaryreleases', 'clusteranalysistemplates', 'releasecommands'].map(
      (kind) =>
        `warn: this cluster does not serve ${kind}.songbird.dev (songbird.dev/v1alpha1): install the CRDs of Songbird (kubectl apply -k config/); what needs them waits until they are there`,
    ),
  );
  await test.install((crd) => crd.endsWith('songbird.dev'));
  await test.clock.advance(30_000);
  const operator = await starting;
  expect(operator.ready).toBe(true);
  await test.apply('cart:1');
  await test.until(healthy);
  await test.stop();
});

it('a kind that the operator may not watch is named, with who must allow it', async () => {
  test = await TestCluster.start();
  test.cluster.intercept({
    before: ({ verb, plural, user }) => {
      if (user === 'songbird' && plural === 'pods' && verb === 'list') {
        const message = 'pods is forbidden: User "songbird" cannot list resource "pods" at the cluster scope';
        throw new ApiError(403, 'Forbidden', message);
      }
    },
  });
  void test.operate().catch(() => undefined);
  await test.clock.advance(600_000);
  expect(test.said).toEqual([
    `warn: pods is forbidden: User "songbird" cannot list resource "pods" at the cluster scope; give the operator's ClusterRole this permission`,
  ]);
});

describe('a source of counts that cannot be read', () => {
  beforeEach(async () => {
    test = await TestCluster.start();
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
  });

  afterEach(async () => {
    await test.stop();
  });

  it('because nobody names the Prometheus: no request goes to the candidate, and the field is named', async () => {
    await test.apply('cart:2', { analysis: { source: 'prometheus' } });
    const { message, conditions } = await test.until(({ conditions: all }) => all?.some(isStalled) === true);
    expect(message).toBe(
      'spec.analysis.source is prometheus, but no address is known: set spec.analysis.prometheus.address, or start the operator with --prometheus-address',
    );
    expect(conditions?.find(isStalled)?.reason).toBe('TelemetryUnreachable');
    await test.clock.advance(30_000);
    expect((await test.status()).step?.observedWeight).toBe(0);
    // Mending it is enough
    const analysis = { source: 'prometheus', prometheus: { address: 'http://prometheus:9090' } };
    await test.apply('cart:2', { analysis });
    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
  });

  it('because it does not answer: its own sentence is shown, and no request goes to the candidate', async () => {
    test.traffic.down = true;
    await test.apply('cart:2');
    const { message, conditions } = await test.until(({ conditions: all }) => all?.some(isStalled) === true);
    expect(message).toBe('the proxies do not answer');
    expect(conditions?.find(isStalled)?.reason).toBe('TelemetryUnreachable');
    expect((await test.status()).step?.observedWeight).toBe(0);
    test.traffic.down = false;
    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
  });
});

function isStalled({ type }: { readonly type: string }): boolean {
  return type === 'Stalled';
}
