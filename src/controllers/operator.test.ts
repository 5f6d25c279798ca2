import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReleaseCommand } from '../api/index.ts';
import type { KubeObject } from '../kube/types.ts';
import { deployments, services, virtualServices } from '../kube/well-known.ts';
import { TestCluster, healthy } from './cluster.testing.ts';
import { WRITES, operateWithCrash } from './crash.testing.ts';
import { canaryReleases, releaseCommands } from '../api/resources.ts';

let test: TestCluster;

beforeEach(async () => {
  test = await TestCluster.start();
});

afterEach(async () => {
  await test.stop();
});

describe('the operator in a cluster', () => {
  it('brings up the first version, and writes nothing at rest', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    const writes = countWrites(test);
    await test.clock.advance(3_600_000);
    expect(writes()).toEqual([]);
    expect(test.errors).toEqual([]);
  });

  it('takes a good version through all steps', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    await test.apply('cart:2');
    const status = await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    expect(test.route.filter((weight) => weight > 0)).toEqual([20, 60, 100]);
    expect(await test.weights()).toEqual({ [status.stableRevision ?? '']: 100 });
    await test.clock.advance(20_000);
    const all = await test.admin.list<KubeObject & { spec: { replicas: number } }>(deployments, {
      namespace: 'shop',
    });
    expect(all.items.map(({ spec }) => spec.replicas).sort()).toEqual([0, 2]);
    expect(test.errors).toEqual([]);
  });

  it('takes a bad version back within seconds, and says why', async () => {
    await test.operate();
    await test.apply('cart:1');
    const first = await test.until(healthy);
    test.traffic.bad.add('cart:2');
    await test.apply('cart:2');
    const status = await test.until(({ phase }) => phase === 'RolledBack', 15);
    expect(status.message).toMatch(
      /errors: .* on the candidate, .* on stable; at least \d+(\.\d+)? times as often; evidence/,
    );
    expect(await test.weights()).toEqual({ [first.stableRevision ?? '']: 100 });
    expect(test.events.some((event) => event.startsWith('AnalysisFailed'))).toBe(true);
  });

  it('holds while the proxies do not answer, and goes on afterwards', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    await test.apply('cart:2');
    await test.until(({ step }) => step?.observedWeight === 20);
    test.traffic.down = true;
    await test.clock.advance(60_000);
    expect((await test.status()).step?.observedWeight).toBe(20);
    expect(new Set(test.blind)).toEqual(new Set(['TelemetryUnreachable']));
    test.traffic.down = false;
    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
  });

  it('obeys a command once, and refuses one for another revision', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    await test.apply('cart:2');
    const { candidateRevision = '' } = await test.until(({ step }) => step?.observedWeight === 20);
    const order = (name: string, revision: string) =>
      test.admin.create<KubeObject & { spec: unknown }>(releaseCommands, {
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'ReleaseCommand',
        metadata: { name, namespace: 'shop' },
        spec: { release: 'cart', revision, action: 'abort' },
      });
    await order('wrong', 'other');
    await order('right', candidateRevision);
    await test.until(({ phase }) => phase === 'RolledBack', 10);
    const { items } = await test.admin.list<ReleaseCommand>(releaseCommands, { namespace: 'shop' });
    expect(items.map(({ metadata, status }) => `${metadata.name} ${status?.phase ?? ''}`).sort()).toEqual([
      'right Executed',
      'wrong Refused',
    ]);
    await test.clock.advance(3_700_000);
    expect((await test.admin.list(releaseCommands, { namespace: 'shop' })).items).toEqual([]);
  });

  it('refuses a command for a release that is not there, and clears it away in its time', async () => {
    await test.operate();
    const ref = { name: 'lost', namespace: 'shop' };
    await test.admin.create<KubeObject & { spec: unknown }>(releaseCommands, {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: ref,
      spec: { release: 'nothing', revision: 'one', action: 'abort', ttl: '5s' },
    });
    await test.clock.advance(1000);
    const command = await test.admin.get<ReleaseCommand & KubeObject>(releaseCommands, ref);
    expect(command.status?.phase).toBe('Refused');
    expect(command.status?.message).toBe(
      'there is no CanaryRelease nothing in this namespace: name one that exists in spec.release',
    );
    const { resourceVersion } = command.metadata;
    await test.clock.advance(3000);
    expect((await test.admin.get(releaseCommands, ref)).metadata.resourceVersion).toBe(resourceVersion);
    await test.clock.advance(3000);
    expect((await test.admin.list(releaseCommands, { namespace: 'shop' })).items).toEqual([]);
  });

  it('repairs what others change of its own, and leaves alone what is not its own', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    const ref = { namespace: 'shop', name: 'cart' };
    await test.admin.patch(virtualServices, ref, 'merge', {
      metadata: { annotations: { 'example.com/note': 'mine' } },
      spec: { http: [{ route: [{ destination: { host: 'elsewhere' } }] }], exportTo: ['.'] },
    });
    await test.admin.patch(services, ref, 'merge', {
      spec: { selector: { 'songbird.dev/release': 'other' } },
    });
    await test.clock.advance(5000);
    const service = await test.admin.get<KubeObject & { spec: object }>(virtualServices, ref);
    expect(service.metadata.annotations).toMatchObject({ 'example.com/note': 'mine' });
    expect(service.spec).toMatchObject({
      exportTo: ['.'],
      http: [{ route: [{ destination: { host: 'cart' } }] }],
    });
    expect(await test.admin.get(services, ref)).toMatchObject({
      spec: { selector: { 'songbird.dev/release': 'cart' } },
    });
  });

  it('lets go of a deleted release, and nothing of it is left', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    await test.admin.delete(canaryReleases, { namespace: 'shop', name: 'cart' });
    await test.clock.advance(60_000);
    for (const type of [canaryReleases, virtualServices, deployments, services]) {
      expect((await test.admin.list(type, { namespace: 'shop' })).items, type.plural).toEqual([]);
    }
  });

  it('says so when another object has the name that it needs, and goes on when that is gone', async () => {
    await test.operate();
    const foreign = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'cart', namespace: 'shop' },
      spec: { hosts: ['x'] },
    };
    await test.admin.create(virtualServices, foreign);
    await test.apply('cart:1');
    const status = await test.until(
      ({ conditions }) => conditions?.some(({ type }) => type === 'Stalled') === true,
    );
    expect(status.message).toBe(
      'VirtualService cart exists and does not belong to CanaryRelease cart: delete or rename it',
    );
    expect(await test.admin.get(virtualServices, foreign.metadata)).toMatchObject({ spec: { hosts: ['x'] } });
    await test.admin.delete(virtualServices, foreign.metadata);
    await test.until(healthy, 30);
  });
});

describe('a crash of the operator', () => {
  /** One whole story: first version, good version, bad version. Ends with what is in the cluster. */
  async function story(world: TestCluster, crashAfter: number): Promise<{ writes: number; end: unknown }> {
    const writes = await operateWithCrash(world, crashAfter);
    await world.apply('cart:1');
    await world.until(healthy);
    await world.apply('cart:2');
    await world.until(({ history }) => history?.[0]?.outcome === 'Promoted', 90);
    world.traffic.bad.add('cart:3');
    await world.apply('cart:3');
    const status = await world.until(({ phase }) => phase === 'RolledBack', 90);
    await world.clock.advance(30_000);
    const { items } = await world.admin.list<KubeObject & { spec: { replicas: number } }>(deployments, {
      namespace: 'shop',
    });
    return {
      writes: writes(),
      end: {
        outcomes: status.history?.map(({ outcome, revision }) => `${revision} ${outcome}`),
        weights: await world.weights(),
        replicas: items.map(({ metadata, spec }) => `${metadata.name} ${spec.replicas}`).sort(),
        rejected: status.rejected?.revision,
      },
    };
  }

  it('after any of its writes changes nothing of the outcome', { timeout: 120_000 }, async () => {
    const faultless = await story(test, Infinity);
    expect(faultless.writes).toBeGreaterThan(20);
    for (let crash = 1; crash <= faultless.writes; crash++) {
      const world = await TestCluster.start();
      const { end } = await story(world, crash);
      expect(end, `crash after write ${crash}`).toEqual(faultless.end);
      await world.stop();
    }
  });
});

/** Writes by anybody but the cluster's own parts from now on. */
function countWrites(world: TestCluster): () => string[] {
  const seen: string[] = [];
  world.cluster.intercept({
    before: ({ verb, plural, user }) => {
      if (WRITES.has(verb)) seen.push(`${user} ${verb} ${plural}`);
    },
  });
  return () => seen;
}
