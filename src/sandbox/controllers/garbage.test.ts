import { describe, expect, it } from 'vitest';
import { configMaps, deployments, pods } from '../../kube/well-known.ts';
import type { InProcessClient } from '../cluster/client.ts';
import type { Owner, Stored } from '../cluster/object.ts';
import { configMap, deployment, failureOf, named, replicaSets, testCluster } from '../cluster/testing.ts';

function ownedBy(owner: Stored, more: Partial<Owner> = {}): Owner {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', ...more };
}

async function names(client: InProcessClient): Promise<string[]> {
  return (await client.list(configMaps)).items.map((item) => item.metadata.name);
}

describe('garbage collection', () => {
  it('takes what a deleted Deployment leaves behind', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3000);
    await client.delete(deployments, named('web'));
    await clock.advance(3000);
    for (const type of [deployments, replicaSets, pods]) expect((await client.list(type)).items).toEqual([]);
  });

  it('orphans, where that is asked for, and a new Deployment adopts the orphans', async () => {
    const { client, clock } = testCluster();
    await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3000);
    const before = (await client.list(pods)).items.map((pod) => pod.metadata.uid);
    await client.delete(deployments, named('web'), { propagationPolicy: 'Orphan' });
    await clock.advance(3000);
    expect(await failureOf(client.get(deployments, named('web')))).toMatchObject({ code: 404 });
    const [set] = (await client.list(replicaSets)).items;
    expect(set?.metadata.ownerReferences).toBeUndefined();
    const again = await client.create(deployments, deployment('web', 'web:1'));
    await clock.advance(3000);
    const [adopted] = (await client.list(replicaSets)).items;
    expect(adopted?.metadata.ownerReferences).toMatchObject([{ uid: again.metadata.uid }]);
    expect((await client.list(pods)).items.map((pod) => pod.metadata.uid)).toEqual(before);
  });

  it('in the foreground keeps the owner until its dependents are gone', async () => {
    const { client, clock } = testCluster();
    const owner = await client.create(configMaps, configMap('owner'));
    await client.create(
      configMaps,
      configMap(
        'blocking',
        {},
        {
          ownerReferences: [ownedBy(owner, { blockOwnerDeletion: true })],
          finalizers: ['a.test/hold'],
        },
      ),
    );
    await client.create(configMaps, configMap('other', {}, { ownerReferences: [ownedBy(owner)] }));
    await client.delete(configMaps, named('owner'), { propagationPolicy: 'Foreground' });
    await clock.advance(100);
    expect(await names(client)).toEqual(['blocking', 'owner']);
    const waiting = await client.get(configMaps, named('owner'));
    expect(waiting.metadata.finalizers).toEqual(['foregroundDeletion']);
    await client.patch(configMaps, named('blocking'), 'merge', { metadata: { finalizers: null } });
    await clock.advance(100);
    expect(await names(client)).toEqual([]);
  });

  it('keeps what another owner still wants, and takes off the reference to the one that went', async () => {
    const { client, clock } = testCluster();
    const first = await client.create(configMaps, configMap('first'));
    const second = await client.create(configMaps, configMap('second'));
    await client.create(
      configMaps,
      configMap('child', {}, { ownerReferences: [ownedBy(first), ownedBy(second)] }),
    );
    await client.delete(configMaps, named('first'));
    await clock.advance(100);
    const child = await client.get<Stored>(configMaps, named('child'));
    expect(child.metadata.ownerReferences).toMatchObject([{ name: 'second' }]);
    await client.delete(configMaps, named('second'));
    await clock.advance(100);
    expect(await names(client)).toEqual([]);
  });

  it('takes what names an owner that is not there, or another object of its name', async () => {
    const { client, clock } = testCluster();
    const owner = await client.create(configMaps, configMap('owner'));
    const ghost = ownedBy(owner, { uid: 'another' });
    await client.create(configMaps, configMap('child', {}, { ownerReferences: [ghost] }));
    await clock.advance(100);
    expect(await names(client)).toEqual(['owner']);
  });

  it('leaves alone what names an owner of a kind that nobody serves', async () => {
    const { client, clock } = testCluster();
    const stranger = { apiVersion: 'x.test/v1', kind: 'Stranger', name: 'x', uid: 'u' };
    await client.create(configMaps, configMap('child', {}, { ownerReferences: [stranger] }));
    await clock.advance(100);
    expect(await names(client)).toEqual(['child']);
  });

  it('does nothing where the cluster has no controllers', async () => {
    const { client, clock } = testCluster({ controllers: false });
    const owner = await client.create(configMaps, configMap('owner'));
    await client.create(configMaps, configMap('child', {}, { ownerReferences: [ownedBy(owner)] }));
    await client.delete(configMaps, named('owner'));
    await clock.advance(100_000);
    expect(await names(client)).toEqual(['child']);
  });
});
