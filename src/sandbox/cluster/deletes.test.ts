import { describe, expect, it } from 'vitest';
import { configMaps, deployments, namespaces, pods } from '../../kube/well-known.ts';
import type { Stored } from './object.ts';
import { configMap, deployment, failureOf, named, namespace, pod, testCluster } from './testing.ts';

describe('deleting', () => {
  it('removes an object at once, and knows it no more', async () => {
    const { client } = testCluster();
    await client.create(configMaps, configMap('a'));
    await client.delete(configMaps, named('a'));
    const error = await failureOf(client.delete(configMaps, named('a')));
    expect(error).toMatchObject({ code: 404, message: 'configmaps "a" not found' });
  });

  it('minds preconditions', async () => {
    const { client } = testCluster();
    const created = await client.create(configMaps, configMap('a'));
    const stale = client.delete(configMaps, named('a'), { preconditions: { resourceVersion: '1' } });
    expect((await failureOf(stale)).message).toContain('does not match the ResourceVersion in record');
    const other = client.delete(configMaps, named('a'), { preconditions: { uid: 'other' } });
    expect((await failureOf(other)).message).toContain('the UID in the precondition (other) does not match');
    const { uid = '' } = created.metadata;
    await client.delete(configMaps, named('a'), { preconditions: { uid } });
  });

  it('only marks what finalizers hold, and ends when the last of them goes', async () => {
    const { client } = testCluster({ controllers: false });
    const created = await client.create<Stored>(deployments, {
      ...deployment('web', 'web:1'),
      metadata: { ...named('web'), finalizers: ['a.test/one', 'a.test/two'] },
    });
    expect(created.metadata.generation).toBe(1);
    await client.delete(deployments, named('web'));
    const marked = await client.get(deployments, named('web'));
    expect(marked.metadata).toMatchObject({ generation: 2, deletionTimestamp: expect.any(String) as string });
    await client.delete(deployments, named('web'));
    expect(await client.get(deployments, named('web'))).toBe(marked);
    const added = client.patch(deployments, named('web'), 'merge', {
      metadata: { finalizers: ['a.test/one', 'a.test/new'] },
    });
    expect((await failureOf(added)).message).toContain('no new finalizers can be added');
    await client.patch(deployments, named('web'), 'merge', { metadata: { finalizers: ['a.test/two'] } });
    await client.patch(deployments, named('web'), 'merge', { metadata: { finalizers: [] } });
    expect(await failureOf(client.get(deployments, named('web')))).toMatchObject({ code: 404 });
  });

  it('gives a bound pod its grace period, and an unbound one none', async () => {
    const { client } = testCluster({ controllers: false });
    for (const name of ['bound', 'unbound']) await client.create(pods, pod(name));
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: named('bound'),
      target: { kind: 'Node', name: 'n' },
    };
    await client.create(pods, binding, { subresource: 'binding' });
    expect(await failureOf(client.create(pods, binding, { subresource: 'binding' }))).toMatchObject({
      code: 409,
    });
    for (const name of ['bound', 'unbound']) await client.delete(pods, named(name));
    expect(await failureOf(client.get(pods, named('unbound')))).toMatchObject({ code: 404 });
    const ending = await client.get<Stored>(pods, named('bound'));
    expect(ending.metadata.deletionGracePeriodSeconds).toBe(30);
    await client.delete(pods, named('bound'), { gracePeriodSeconds: 0 });
    expect(await failureOf(client.get(pods, named('bound')))).toMatchObject({ code: 404 });
  });

  it('does nothing on a dry run', async () => {
    const { client, cluster } = testCluster();
    await client.create(configMaps, configMap('a'));
    const { group, version, plural } = configMaps;
    cluster.execute({
      verb: 'delete',
      group,
      version,
      plural,
      ...named('a'),
      user: 'test',
      options: { dryRun: true },
    });
    expect((await client.get(configMaps, named('a'))).metadata.name).toBe('a');
  });

  it('takes all that selectors match', async () => {
    const { client, cluster } = testCluster();
    for (const [name, on] of [
      ['a', 'yes'],
      ['b', 'no'],
      ['c', 'yes'],
    ] as const) {
      await client.create(configMaps, configMap(name, {}, { labels: { on } }));
    }
    const { group, version, plural } = configMaps;
    cluster.execute({
      verb: 'deletecollection',
      group,
      version,
      plural,
      namespace: 'default',
      user: 'test',
      options: { labelSelector: 'on=yes' },
    });
    expect((await client.list(configMaps)).items.map((item) => item.metadata.name)).toEqual(['b']);
  });
});

describe('a Namespace that is deleted', () => {
  it('takes nothing new, is emptied, and goes last', async () => {
    const { client, clock } = testCluster();
    await client.create(namespaces, namespace('gone'));
    await client.create(configMaps, configMap('a', {}, { namespace: 'gone' }));
    await client.create(configMaps, configMap('held', {}, { namespace: 'gone', finalizers: ['a.test/x'] }));
    await client.delete(namespaces, { name: 'gone' });
    const error = await failureOf(client.create(configMaps, configMap('b', {}, { namespace: 'gone' })));
    expect(error).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(error.message).toContain('because it is being terminated');
    await clock.advance(10);
    const left = await client.list(configMaps, { namespace: 'gone' });
    expect(left.items.map((item) => item.metadata.name)).toEqual(['held']);
    const terminating = await client.get<Stored>(namespaces, { name: 'gone' });
    expect(terminating['status']).toEqual({ phase: 'Terminating' });
    const held = { namespace: 'gone', name: 'held' };
    await client.patch(configMaps, held, 'merge', { metadata: { finalizers: null } });
    await clock.advance(10);
    expect(await failureOf(client.get(namespaces, { name: 'gone' }))).toMatchObject({ code: 404 });
  });
});
