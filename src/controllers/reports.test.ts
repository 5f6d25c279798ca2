import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANNOTATIONS, type Deployment, workloadName } from '../api/index.ts';
import { ApiError } from '../kube/types.ts';
import { unpackJson } from '../kube/packed-json.ts';
import { deployments } from '../kube/well-known.ts';
import { TestCluster, healthy } from './cluster.testing.ts';

let test: TestCluster;

beforeEach(async () => {
  test = await TestCluster.start();
  await test.operate();
  await test.apply('cart:1');
  await test.until(healthy);
});

afterEach(async () => {
  await test.stop();
});

const deploymentOf = (revision: string) =>
  test.admin.get<Deployment>(deployments, { namespace: 'shop', name: workloadName('cart', revision) });

/** The annotation that keeps the report of a revision, and what is in it. */
async function keptWith(revision: string): Promise<{ of: string; report: unknown }> {
  const { metadata } = await deploymentOf(revision);
  const [of = '', packed = ''] = metadata.annotations?.[ANNOTATIONS.report]?.split(' ') ?? [];
  return { of, report: unpackJson(packed) };
}

describe('the report of a release', () => {
  it('is kept with the Deployment of its revision, small, and stays there when that is applied again', async () => {
    await test.apply('cart:2');
    const { stableRevision: revision = '', history } = await test.until(
      ({ history: entries }) => entries?.[0]?.outcome === 'Promoted',
    );
    await test.clock.advance(5000);
    const { of, report } = await keptWith(revision);
    expect(of).toBe(history?.[0]?.startedAt);
    expect(report).toMatchObject({
      release: history?.[0],
      course: { revision },
      metrics: [{ name: 'errors' }],
    });
    const { metadata } = await deploymentOf(revision);
    expect(metadata.annotations?.[ANNOTATIONS.report]?.length).toBeLessThan(10_000);
    expect((await test.status()).report).toBeUndefined();
    await test.admin.patch(deployments, metadata, 'merge', { metadata: { labels: { app: 'other' } } });
    await test.clock.advance(5000);
    expect((await deploymentOf(revision)).metadata.labels?.['app']).toBe('cart');
    expect((await keptWith(revision)).of).toBe(of);
    expect(test.errors).toEqual([]);
  });

  it('that the API server refuses stalls nothing, is told, and is not tried for ever', async () => {
    let tries = 0;
    test.cluster.intercept({
      before: ({ user, plural, patchKind, body }) => {
        if (user !== 'songbird' || plural !== 'deployments' || patchKind !== 'merge') return;
        if (!JSON.stringify(body).includes(ANNOTATIONS.report)) return;
        tries++;
        throw new ApiError(403, 'Forbidden', 'denied by a webhook');
      },
    });
    await test.apply('cart:2');
    await test.until(({ history }) => history?.[0]?.outcome === 'Promoted');
    await test.clock.advance(120_000);
    const tried = tries;
    expect(tried).toBeGreaterThan(0);
    expect(tried).toBeLessThan(30);
    const { phase, conditions, report } = await test.status();
    expect([phase, conditions?.map(({ type }) => type)]).toEqual(['Healthy', ['Ready']]);
    expect(test.events).toContainEqual(expect.stringMatching(/^refused: keepReport .*denied by a webhook/));
    expect(report?.release.outcome).toBe('Promoted');
    await test.clock.advance(600_000);
    expect(tries).toBe(tried);
    // The next one goes out all the same, and comes back when it is bad.
    test.traffic.bad.add('cart:3');
    await test.apply('cart:3');
    await test.until(({ phase: is }) => is === 'RolledBack');
  });
});
