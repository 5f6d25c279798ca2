import { cases, configMap, widget, WIDGETS } from './case.ts';

const HELD = { finalizers: ['songbird.dev/one', 'songbird.dev/two'] };

export const deletionCases = cases('deletion', {
  'finalizers hold the object until the last is gone': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, widget('a', { size: 2 }, HELD));
    const at = `${path}/a`;
    await c.delete(at);
    await c.delete(at);
    await c.patch(at, 'merge', { spec: { size: 4 } });
    await c.patch(at, 'merge', { metadata: { finalizers: ['songbird.dev/one', 'songbird.dev/new'] } });
    await c.patch(at, 'json', [
      { op: 'test', path: '/metadata/finalizers/0', value: 'songbird.dev/one' },
      { op: 'remove', path: '/metadata/finalizers/0' },
    ]);
    await c.patch(at, 'merge', { metadata: { finalizers: null } });
    await c.get(at);
  },
  'a new object of the same name is another one': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.post(path, configMap('a', { k: 'v' }, HELD));
    await c.delete(`${path}/a`);
    await c.post(path, configMap('a'));
    await c.patch(`${path}/a`, 'merge', { metadata: { finalizers: [] } });
    await c.post(path, configMap('a'));
    await c.get(`${path}/a`);
  },
  preconditions: async (c) => {
    const path = c.at('v1', 'configmaps');
    const made = await c.post(path, configMap('a', { k: 'v' }));
    const { uid, resourceVersion } = made.metadata;
    const options = (preconditions: object) => ({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
    await c.delete(`${path}/a`, options({ uid: '11111111-2222-3333-4444-555555555555' }));
    await c.patch(`${path}/a`, 'merge', { data: { k: 'w' } });
    await c.delete(`${path}/a`, options({ uid, resourceVersion }));
    await c.delete(`${path}/a`, options({ uid }));
    await c.get(`${path}/a`);
  },
  'propagation leaves its mark': async (c) => {
    const path = c.at('v1', 'configmaps');
    const options = (propagationPolicy: string) => ({ propagationPolicy });
    for (const policy of ['Background', 'Foreground', 'Orphan', 'Odd']) {
      const name = policy.toLowerCase();
      await c.post(path, configMap(name, {}, { finalizers: ['songbird.dev/hold'] }));
      await c.delete(`${path}/${name}`, options(policy));
    }
    await c.send({ method: 'DELETE', path: `${path}/odd?propagationPolicy=Background` });
    await c.delete(`${path}/odd`, { propagationPolicy: 'Background', orphanDependents: true });
  },
  'of a collection': async (c) => {
    const path = c.at('v1', 'configmaps');
    for (const name of ['a', 'b', 'c']) {
      await c.quietly('POST', path, configMap(name, {}, { labels: { keep: String(name === 'b') } }));
    }
    await c.send({ method: 'DELETE', path: `${path}?labelSelector=keep%3Dfalse` }, { only: names });
    await c.get(path, { only: names });
  },
  'the answer to a deletion': async (c) => {
    await c.post(c.at('v1', 'configmaps'), configMap('a'));
    await c.delete(c.at('v1', 'configmaps', 'a'));
    await c.post(c.at(WIDGETS, 'widgets'), widget('a', {}));
    await c.delete(c.at(WIDGETS, 'widgets', 'a'));
    await c.post(c.at('v1', 'services'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { ports: [{ port: 80 }] },
    });
    await c.delete(c.at('v1', 'services', 'a'));
    await c.delete(c.at(WIDGETS, 'widgets', 'a'), 'not json', { anyMessage: true });
  },
});

/** They are deleted in any order, so their versions say nothing. */
function names(body: unknown): unknown {
  const { kind, items } = body as { kind: string; items: { metadata: { name: string } }[] };
  return { kind, names: items.map((item) => item.metadata.name) };
}
