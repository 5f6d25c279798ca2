import { describe, expect, it } from 'vitest';
import { configMaps, deployments } from '../../kube/well-known.ts';
import { at, textOf, type JsonObject, type Stored } from './object.ts';
import { configMap, deployment, failureOf, named, testCluster } from './testing.ts';

const applied = (name: string, data: Record<string, string>): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: named(name),
  data,
});

function managersOf(object: Stored): string[] {
  return (object.metadata.managedFields ?? []).map(
    (entry) => `${textOf(entry['manager'])} ${textOf(entry['operation'])}`,
  );
}

describe('server-side apply', () => {
  it('creates, updates, and removes what it no longer names', async () => {
    const { client } = testCluster();
    const apply = (data: Record<string, string>) =>
      client.patch<Stored>(configMaps, named('a'), 'apply', applied('a', data), { fieldManager: 'me' });
    expect((await apply({ x: '1', y: '2' }))['data']).toEqual({ x: '1', y: '2' });
    await client.patch(configMaps, named('a'), 'merge', { data: { z: '3' } });
    const after = await apply({ y: '2' });
    expect(after['data']).toEqual({ y: '2', z: '3' });
    expect(managersOf(after)).toEqual(['me Apply', 'test Update']);
  });

  it('is refused where others own a field, unless forced', async () => {
    const { client } = testCluster();
    await client.create(configMaps, configMap('a', { x: '1' }));
    const patch = applied('a', { x: '2' });
    const error = await failureOf(
      client.patch(configMaps, named('a'), 'apply', patch, { fieldManager: 'me' }),
    );
    expect(error).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "test" using v1: .data.x');
    expect(error.body?.details?.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "test" using v1', field: '.data.x' },
    ]);
    const forced = await client.patch<Stored>(configMaps, named('a'), 'apply', patch, {
      fieldManager: 'me',
      force: true,
    });
    expect(forced['data']).toEqual({ x: '2' });
    // The map itself is still of whoever made it.
    expect(managersOf(forced)).toEqual(['me Apply', 'test Update']);
    expect(forced.metadata.managedFields?.[1]?.['fieldsV1']).toEqual({ 'f:data': {} });
  });

  it('writes nothing when nothing changes', async () => {
    const { client, clock } = testCluster({ controllers: false });
    const apply = () =>
      client.patch(deployments, named('web'), 'apply', deployment('web', 'web:1'), { fieldManager: 'me' });
    const first = await apply();
    await clock.advance(60_000);
    expect((await apply()).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it('leaves to others what it does not name, such as the replicas of an autoscaler', async () => {
    const { client } = testCluster({ controllers: false });
    const { replicas: _replicas, ...spec } = deployment('web', 'web:1')['spec'] as JsonObject;
    const intent = (image: string) => ({
      ...deployment('web', image),
      spec: { ...spec, template: at(deployment('web', image), 'spec', 'template') },
    });
    const apply = (image: string) =>
      client.patch<Stored>(deployments, named('web'), 'apply', intent(image), { fieldManager: 'me' });
    await apply('web:1');
    await client.patch(
      deployments,
      named('web'),
      'merge',
      { spec: { replicas: 9 } },
      { subresource: 'scale', fieldManager: 'autoscaler' },
    );
    const after = await apply('web:2');
    expect(at(after, 'spec', 'replicas')).toBe(9);
    expect(JSON.stringify(at(after, 'spec', 'template'))).toContain('web:2');
  });

  it('wants a name for the manager over HTTP and the right type everywhere', async () => {
    const { client } = testCluster();
    const error = await failureOf(
      client.patch(
        configMaps,
        named('a'),
        'apply',
        { apiVersion: 'v1', kind: 'Secret' },
        { fieldManager: 'me' },
      ),
    );
    expect(error).toMatchObject({ code: 400, message: 'invalid object type: /v1, Kind=Secret' });
  });
});
