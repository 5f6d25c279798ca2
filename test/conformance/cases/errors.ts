import { cases, configMap, widget, WIDGETS } from './case.ts';

export const errorCases = cases('errors', {
  'bodies that are none': async (c) => {
    const path = c.at('v1', 'configmaps');
    const anyMessage = { anyMessage: true };
    await c.post(path, '', anyMessage);
    await c.post(path, '{', anyMessage);
    await c.post(path, 'null', anyMessage);
    await c.post(path, '[]', anyMessage);
    await c.post(path, '"text"', anyMessage);
    await c.post(path, {}, anyMessage);
    await c.post(path, { apiVersion: 'v1', kind: 'Nothing', metadata: { name: 'a' } }, anyMessage);
    await c.post(path, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }, anyMessage);
    await c.post(path, { metadata: { name: 'implied' } });
    await c.post(path, configMap('a', { k: 5 as unknown as string }), anyMessage);
    await c.post(path, { ...configMap('a'), metadata: 'text' }, anyMessage);
    await c.put(`${path}/a`, '{', anyMessage);
    const widgets = c.at(WIDGETS, 'widgets');
    await c.post(widgets, '{', anyMessage);
    await c.post(widgets, 'null', anyMessage);
    await c.post(widgets, { ...widget('a', {}), metadata: null }, anyMessage);
    await c.post(widgets, {}, anyMessage);
    await c.post(widgets, { metadata: { name: 'a' } }, anyMessage);
    await c.post(widgets, { ...widget('a', {}), metadata: 'text' }, anyMessage);
    await c.post(widgets, widget('a', {}, { labels: { a: 5 } }), anyMessage);
  },
  'YAML is taken too': async (c) => {
    const path = c.at('v1', 'configmaps');
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n';
    await c.send({ method: 'POST', path, body, contentType: 'application/yaml' });
    const patch = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {l: w}\n';
    const contentType = 'application/apply-patch+yaml';
    await c.send({ method: 'PATCH', path: `${path}/a?fieldManager=m`, body: patch, contentType });
  },
  'not found': async (c) => {
    await c.get(c.at('v1', 'configmaps', 'none'));
    await c.get(c.at('apps/v1', 'deployments', 'none'));
    await c.get(c.at(WIDGETS, 'widgets', 'none'));
    await c.put(c.at(WIDGETS, 'widgets', 'none'), widget('none', {}));
    await c.put(c.at(WIDGETS, 'widgets', 'none'), widget('none', {}, { resourceVersion: '5' }));
    const uid = '11111111-2222-3333-4444-555555555555';
    await c.put(c.at(WIDGETS, 'widgets', 'none'), widget('none', {}, { uid }));
    await c.put(c.at('v1', 'configmaps', 'none'), configMap('none', {}, { uid }));
    await c.delete(c.at(WIDGETS, 'widgets', 'none'));
    await c.patch(c.at('apps/v1', 'deployments', 'none'), 'merge', {});
    await c.get(c.at('v1', 'nothings'), { anyMessage: true });
    await c.get(c.at('nothing.dev/v1', 'nothings'), { anyMessage: true });
  },
  conflicts: async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    const made = await c.post(path, widget('a', { size: 1 }));
    await c.post(path, widget('a', { size: 1 }));
    await c.quietly('PATCH', `${path}/a`, { spec: { size: 2 } }, 'application/merge-patch+json');
    await c.put(`${path}/a`, { ...made, spec: { size: 3 } });
    await c.put(`${path}/a/status`, { ...made, status: { phase: 'Ready' } });
    await c.patch(`${path}/a`, 'merge', {
      metadata: { resourceVersion: made.metadata.resourceVersion },
      spec: { size: 3 },
    });
    await c.put(`${path}/a`, widget('a', { size: 3 }));
    await c.put(`${path}/a`, widget('a', { size: 3 }, { resourceVersion: 'abc' }));
    await c.put(`${path}/a`, widget('a', { size: 3 }, { uid: made.metadata.uid }));
  },
  'methods that are not there': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.quietly('POST', path, configMap('a'));
    await c.send({ method: 'PUT', path, body: configMap('a') });
    await c.send({ method: 'PATCH', path, body: {}, contentType: 'application/merge-patch+json' });
    await c.send({ method: 'POST', path: `${path}/a`, body: configMap('a') });
    await c.get(`${path}/a/nothing`, { anyMessage: true });
  },
});
