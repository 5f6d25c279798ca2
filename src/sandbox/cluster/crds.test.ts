import { describe, expect, it } from 'vitest';
import { customResourceDefinitions } from '../../kube/well-known.ts';
import { at, type Stored } from './object.ts';
import { failureOf, named, testCluster, widget, widgetCrd, widgets } from './testing.ts';

async function withWidgets() {
  const world = testCluster();
  await world.client.create(customResourceDefinitions, widgetCrd());
  return world;
}

describe('a CustomResourceDefinition', () => {
  it('is established at once and serves its kind', async () => {
    const { client } = testCluster();
    expect(await failureOf(client.create(widgets, widget('a')))).toMatchObject({ code: 404 });
    await client.create(customResourceDefinitions, widgetCrd());
    const crd = await client.get<Stored>(customResourceDefinitions, { name: 'widgets.sandbox.test' });
    expect(crd['status']).toMatchObject({
      acceptedNames: { plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
      storedVersions: ['v1'],
    });
    await client.create(widgets, widget('a'));
  });

  it('is refused with the fields that are wrong', async () => {
    const { client } = testCluster();
    const bad = widgetCrd();
    const error = await failureOf(
      client.create(customResourceDefinitions, { ...bad, metadata: { name: 'other.sandbox.test' } }),
    );
    expect(error.message).toContain(
      'metadata.name: Invalid value: "other.sandbox.test": must be spec.names.plural',
    );
  });

  it('takes its objects along, once no finalizer holds them', async () => {
    const { client } = await withWidgets();
    await client.create(widgets, widget('free'));
    await client.create(widgets, {
      ...widget('held'),
      metadata: { ...named('held'), finalizers: ['a.test/x'] },
    });
    await client.delete(customResourceDefinitions, { name: 'widgets.sandbox.test' });
    expect(await failureOf(client.get(widgets, named('free')))).toMatchObject({ code: 404 });
    expect(await failureOf(client.create(widgets, widget('new')))).toMatchObject({ code: 403 });
    const crd = await client.get(customResourceDefinitions, { name: 'widgets.sandbox.test' });
    expect(crd.metadata.deletionTimestamp).toBeDefined();
    await client.patch(widgets, named('held'), 'merge', { metadata: { finalizers: null } });
    const gone = client.get(customResourceDefinitions, { name: 'widgets.sandbox.test' });
    expect(await failureOf(gone)).toMatchObject({ code: 404 });
    expect((await failureOf(client.list(widgets))).message).toBe(
      'the server could not find the requested resource',
    );
  });
});

describe('a custom resource', () => {
  it('is pruned, defaulted and validated', async () => {
    const { client } = await withWidgets();
    const created = await client.create<Stored>(widgets, widget('a', { size: 1, shape: 'round' }));
    expect(created['spec']).toEqual({ size: 1, colour: 'red' });
    const error = await failureOf(client.create(widgets, widget('b', { size: -1 })));
    expect(error).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(error.message).toContain('spec.size in body should be greater than or equal to 0');
    expect((await failureOf(client.create(widgets, widget('c', {})))).message).toContain(
      'spec.size: Required value',
    );
  });

  it('obeys transition rules', async () => {
    const { client } = await withWidgets();
    await client.create(widgets, widget('a', { size: 5 }));
    await client.patch(widgets, named('a'), 'merge', { spec: { size: 6 } });
    const error = await failureOf(client.patch(widgets, named('a'), 'merge', { spec: { size: 4 } }));
    expect(error.message).toContain('a widget never shrinks');
  });

  it('has a status and a scale of its own', async () => {
    const { client } = await withWidgets();
    await client.create(widgets, widget('a', { size: 5 }));
    const patch = { metadata: { labels: { a: 'b' } }, spec: { size: 9 }, status: { size: 4 } };
    const status = await client.patch<Stored>(widgets, named('a'), 'merge', patch, { subresource: 'status' });
    expect(status).toMatchObject({ spec: { size: 5 }, status: { size: 4 }, metadata: { generation: 1 } });
    expect(status.metadata.labels).toBeUndefined();
    const scaled = await client.patch<Stored>(
      widgets,
      named('a'),
      'merge',
      { spec: { replicas: 8 } },
      { subresource: 'scale' },
    );
    expect(scaled).toMatchObject({ spec: { replicas: 8 }, status: { replicas: 4 } });
    const after = await client.get<Stored>(widgets, named('a'));
    expect(at(after, 'spec', 'size')).toBe(8);
    expect(after.metadata.generation).toBe(2);
  });

  it('wants its type in every body and a resourceVersion in every PUT', async () => {
    const { client } = await withWidgets();
    const created = await client.create(widgets, widget('a'));
    const { kind: _kind, ...untyped } = widget('b');
    expect((await failureOf(client.create(widgets, { ...untyped, kind: '' }))).message).toContain(
      "Object 'Kind' is missing",
    );
    const { resourceVersion: _version, ...metadata } = created.metadata;
    const blind = client.update(widgets, { ...created, metadata: { ...metadata, labels: { a: 'b' } } });
    expect((await failureOf(blind)).message).toContain('must be specified for an update');
  });
});
