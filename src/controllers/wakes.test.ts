import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus } from '../api/index.ts';
import { ApiError, type KubeObject } from '../kube/types.ts';
import { deployments, services } from '../kube/well-known.ts';
import { TestCluster, healthy, manifest } from './cluster.testing.ts';
import { canaryReleases } from '../api/resources.ts';

let test: TestCluster;

beforeEach(async () => {
  test = await TestCluster.start();
});

afterEach(async () => {
  await test.stop();
});

const stalledFor =
  (reason: string) =>
  ({ conditions }: CanaryReleaseStatus): boolean =>
    conditions?.some((condition) => condition.type === 'Stalled' && condition.reason === reason) === true;

function service(name: string): KubeObject & { spec: unknown } {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
  };
}

describe('a release that waits for something else goes on as soon as that is mended', () => {
  it('a Service that a host names by its whole name', async () => {
    await test.operate();
    await test.apply('cart:1', { traffic: { istio: { hosts: ['front.shop.svc.cluster.local'] } } });
    const status = await test.until(stalledFor('HostNotFound'));
    expect(status.message).toContain(
      'spec.traffic.istio.hosts[0]: there is no Service front in namespace shop',
    );
    await test.clock.advance(60_000);
    await test.admin.create(services, service('front'));
    await test.until(healthy, 10);
  });

  it('an older release that claims the same host, and gives it up by an edit', async () => {
    await test.operate();
    const older = manifest('front:1', { service: { name: 'front', port: 80, portName: 'http' } });
    older.metadata.name = 'older';
    await test.admin.create(canaryReleases, older);
    await test.clock.advance(5000);
    await test.apply('cart:1');
    const status = await test.until(stalledFor('WorkloadConflict'));
    expect(status.message).toContain(
      'CanaryRelease shop/older already manages host cart.shop at gateway mesh',
    );
    await test.clock.advance(60_000);
    const patch = { spec: { traffic: { istio: { hosts: ['front'] } } } };
    await test.admin.patch(canaryReleases, { namespace: 'shop', name: 'older' }, 'merge', patch);
    await test.until(healthy, 10);
  });

  it('a Deployment whose label somebody changed, so that it looks like that of another release', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    const labels = async () => {
      const { items } = await test.admin.list(deployments, { namespace: 'shop' });
      return items.map(({ metadata }) => metadata.labels?.['songbird.dev/release']);
    };
    const { items } = await test.admin.list(deployments, { namespace: 'shop' });
    const patch = { metadata: { labels: { 'songbird.dev/release': 'other' } } };
    await test.admin.patch(deployments, items[0]!.metadata, 'merge', patch);
    expect(await labels()).toEqual(['other']);
    await test.clock.advance(2000);
    expect(await labels()).toEqual(['cart']);
  });
});

it('an operator is ready only when it can work: not while any kind is still to be listed', async () => {
  let broken = true;
  test.cluster.intercept({
    before: ({ plural, user }) => {
      if (broken && user === 'songbird' && plural === 'gateways') {
        throw new ApiError(503, 'ServiceUnavailable', 'apiserver not ready');
      }
    },
  });
  const operator = test.operatorWith(test.cluster.client({ user: 'songbird' }));
  const started = operator.start();
  await test.clock.advance(60_000);
  expect(operator.ready).toBe(false);
  broken = false;
  await test.clock.advance(10_000);
  await started;
  expect(operator.ready).toBe(true);
  await operator.shutdown();
});
