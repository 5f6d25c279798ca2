import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Deployment, Pod } from '../api/index.ts';
import type { KubeObject } from '../kube/types.ts';
import { deployments, pods } from '../kube/well-known.ts';
import { TestCluster, healthy } from './cluster.testing.ts';
import { operateWithCrash } from './crash.testing.ts';
import { canaryReleases } from '../api/resources.ts';

const BASELINE = 'songbird.dev/baseline';
const FRESH = { analysis: { errorRate: { max: '1%' }, freshBaseline: true } };

let test: TestCluster;

beforeEach(async () => {
  test = await TestCluster.start();
});

afterEach(async () => {
  await test.stop();
});

async function stable(world = test, spec: Record<string, unknown> = FRESH): Promise<string> {
  await world.apply('cart:1', spec);
  const { stableRevision = '' } = await world.until(healthy);
  return stableRevision;
}

async function all<T extends KubeObject>(type: typeof pods, world = test): Promise<readonly T[]> {
  return (await world.admin.list<T>(type, { namespace: 'shop' })).items;
}

/** Replicas of the Deployments, by name. */
async function replicas(world = test): Promise<Record<string, number | undefined>> {
  const items = await all<Deployment & KubeObject>(deployments, world);
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.replicas]));
}

/** Pods of a revision that are no baseline's, and those that are. */
async function podsOf(revision: string): Promise<{ own: Pod[]; fresh: Pod[] }> {
  const items = (await all<Pod & KubeObject>(pods)).filter(
    ({ metadata }) => metadata.labels?.['songbird.dev/revision'] === revision,
  );
  const isFresh = ({ metadata }: Pod) => metadata.labels?.[BASELINE] !== undefined;
  return { own: items.filter((pod) => !isFresh(pod)), fresh: items.filter(isFresh) };
}

describe('a release that is compared with a fresh baseline', () => {
  it('has new stable pods beside the old ones, counts theirs alone, and leaves none behind', async () => {
    const asked = vi.spyOn(test.traffic, 'read');
    await test.operate();
    const first = await stable();
    const before = await podsOf(first);
    await test.apply('cart:2', FRESH);
    const { candidateRevision = '' } = await test.until(({ step }) => step?.observedWeight === 60);
    const name = `cart-${first}-baseline-2`;
    expect(await replicas()).toEqual({
      [`cart-${first}`]: 2,
      [`cart-${candidateRevision}`]: 2,
      [name]: 2,
    });
    const { own, fresh } = await podsOf(first);
    expect(own.map(({ metadata }) => metadata.uid)).toEqual(before.own.map(({ metadata }) => metadata.uid));
    expect(fresh).toHaveLength(2);
    const [candidate, compared] = asked.mock.lastCall?.[0].targets ?? [];
    expect(candidate).toMatchObject({ revision: candidateRevision, fresh: true });
    expect(compared).toMatchObject({ revision: first, workload: name, fresh: true });
    const names = ({ metadata }: Pod) => metadata.name;
    expect(compared?.pods.map((pod) => pod.name).sort()).toEqual(fresh.map(names).sort());
    expect((await test.status()).replicas).toBe(6);

    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    await test.clock.advance(20_000);
    expect(await replicas()).toEqual({ [`cart-${first}`]: 0, [`cart-${candidateRevision}`]: 2 });
    expect(await podsOf(first)).toEqual({ own: [], fresh: [] });
    expect(test.errors).toEqual([]);
  });

  it('asks nobody about stable as long as its baseline is not there', async () => {
    const asked = vi.spyOn(test.traffic, 'read');
    await test.operate();
    const first = await stable();
    await test.apply('cart:2', FRESH);
    await test.until(({ step }) => step?.observedWeight === 20);
    const compared = asked.mock.calls.map(([{ targets }]) =>
      targets.slice(1).map(({ workload }) => workload),
    );
    expect(compared[0]).toEqual([]);
    expect(new Set(compared.flat())).toEqual(new Set([`cart-${first}-baseline-2`]));
  });

  it('that is bad goes back at once, and its baseline goes', async () => {
    await test.operate();
    const first = await stable();
    test.traffic.bad.add('cart:2');
    await test.apply('cart:2', FRESH);
    await test.until(({ phase }) => phase === 'RolledBack', 20);
    expect(await test.weights()).toEqual({ [first]: 100 });
    await test.clock.advance(10_000);
    expect((await podsOf(first)).fresh).toEqual([]);
    expect(Object.keys(await replicas()).filter((name) => name.includes('baseline'))).toEqual([]);
  });

  it('repairs a baseline that somebody edits, and follows the stable Deployment', async () => {
    await test.operate();
    const first = await stable();
    await test.apply('cart:2', { ...FRESH, steps: [{ weight: 20, pause: true }, { weight: 100 }] });
    await test.until(({ phase }) => phase === 'Paused');
    const baseline = { namespace: 'shop', name: `cart-${first}-baseline-2` };
    const restarted = { 'kubectl.kubernetes.io/restartedAt': '2030-01-01T00:00:00Z' };
    const template = { metadata: { annotations: restarted } };
    await test.admin.patch(deployments, baseline, 'merge', { spec: { replicas: 5 } });
    const old = { ...baseline, name: `cart-${first}` };
    await test.admin.patch(deployments, old, 'merge', { spec: { template } });
    await test.clock.advance(5000);
    expect(await test.admin.get(deployments, baseline)).toMatchObject({ spec: { replicas: 1, template } });
  });

  it('does not take over a Deployment of that name that is not its own', async () => {
    await test.operate();
    const first = await stable();
    const name = `cart-${first}-baseline-2`;
    const labels = { app: 'other' };
    await test.admin.create<KubeObject & { spec: unknown }>(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'shop' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'x', image: 'cart:1' }] } },
      },
    });
    await test.apply('cart:2', FRESH);
    const { message } = await test.until(
      ({ conditions }) => conditions?.some(({ type }) => type === 'Stalled') === true,
    );
    expect(message).toBe(
      `Deployment ${name} exists and does not belong to CanaryRelease cart: delete or rename it`,
    );
    expect(await test.weights()).toEqual({ [first]: 100 });
    await test.admin.delete(deployments, { namespace: 'shop', name });
    await test.until(({ step }) => step?.observedWeight === 20);
  });

  it('is let go when it is deleted, also by a deletion that orphans', async () => {
    await test.operate();
    const first = await stable();
    await test.apply('cart:2', FRESH);
    await test.until(({ step }) => step?.observedWeight === 20);
    await test.admin.delete(
      canaryReleases,
      { namespace: 'shop', name: 'cart' },
      { propagationPolicy: 'Orphan' },
    );
    await test.clock.advance(60_000);
    expect(await replicas()).toEqual({ [`cart-${first}`]: 2 });
  });
});

describe('a crash of the operator', () => {
  const SHORT = { ...FRESH, steps: [{ weight: 60, for: '1s' }, { weight: 100 }] };

  /** A version that goes out, with a baseline. Ends with what is in the cluster. */
  async function story(
    world: TestCluster,
    crashAfter: number,
  ): Promise<{ begun: number; writes: number; end: unknown }> {
    const writes = await operateWithCrash(world, crashAfter);
    await stable(world, SHORT);
    const begun = writes();
    await world.apply('cart:2', SHORT);
    const { history = [] } = await world.until(({ history: [last] = [] }) => last?.outcome === 'Promoted');
    await world.clock.advance(12_000);
    const outcomes = history.map(({ outcome, revision }) => `${revision} ${outcome}`);
    return {
      begun,
      writes: writes(),
      end: { outcomes, weights: await world.weights(), replicas: await replicas(world) },
    };
  }

  it('after any of its writes leaves no baseline behind', { timeout: 120_000 }, async () => {
    const faultless = await story(test, Infinity);
    expect(JSON.stringify(faultless.end)).not.toContain('baseline');
    for (let crash = faultless.begun + 1; crash <= faultless.writes; crash++) {
      const world = await TestCluster.start();
      const { end } = await story(world, crash);
      expect(end, `crash after write ${crash}`).toEqual(faultless.end);
      await world.stop();
    }
  });
});
