import { cases, configMap, deployment, DEPLOYMENTS, widget, WIDGETS } from './case.ts';

export const patchCases = cases('patches', {
  'JSON Patch: every operation': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, widget('a', { tags: ['x', 'y'], free: { deep: { a: 1 } } }));
    const at = `${path}/a`;
    await c.patch(at, 'json', [
      { op: 'test', path: '/spec/size', value: 3 },
      { op: 'replace', path: '/spec/size', value: 4 },
    ]);
    await c.patch(at, 'json', [{ op: 'add', path: '/spec/tags/-', value: 'z' }]);
    await c.patch(at, 'json', [{ op: 'add', path: '/spec/tags/1', value: 'w' }]);
    await c.patch(at, 'json', [{ op: 'remove', path: '/spec/tags/0' }]);
    await c.patch(at, 'json', [{ op: 'move', from: '/spec/free/deep', path: '/spec/free/moved' }]);
    await c.patch(at, 'json', [{ op: 'copy', from: '/spec/free/moved', path: '/spec/free/copied' }]);
    await c.patch(at, 'json', [{ op: 'add', path: '/metadata/annotations', value: { 'a/b~c': '1' } }]);
    await c.patch(at, 'json', [{ op: 'replace', path: '/metadata/annotations/a~1b~0c', value: '2' }]);
    await c.patch(at, 'json', [{ op: 'test', path: '/spec/tags', value: ['w', 'y', 'z'] }]);
    await c.patch(at, 'json', [{ op: 'replace', path: '/spec/free/fresh', value: 1 }]);
    await c.patch(at, 'json', [{ op: 'copy', from: '/spec/free/none', path: '/spec/free/null' }]);
    await c.patch(at, 'json', [{ op: 'test', path: '/spec/free/none', value: null }]);
    await c.patch(at, 'json', [{ op: 'remove', path: '/spec/tags/00' }]);
    await c.patch(at, 'json', [{ op: 'test', path: '/spec/tags/-1', value: 'z' }]);
    await c.patch(at, 'json', []);
  },
  'JSON Patch: what fails, fails whole': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.post(path, configMap('a', { k: 'v' }));
    const at = `${path}/a`;
    await c.patch(
      at,
      'json',
      [
        { op: 'replace', path: '/data/k', value: 'w' },
        { op: 'test', path: '/data/k', value: 'v' },
      ],
      { anyMessage: true },
    );
    await c.patch(at, 'json', [{ op: 'test', path: '/data/none', value: 'v' }], { anyMessage: true });
    await c.patch(at, 'json', [{ op: 'remove', path: '/data/none' }], { anyMessage: true });
    await c.patch(at, 'json', [{ op: 'replace', path: '/data/none', value: 'v' }], { anyMessage: true });
    await c.patch(at, 'json', [{ op: 'add', path: '/none/deep', value: 'v' }], { anyMessage: true });
    await c.patch(at, 'json', [{ op: 'odd', path: '/data/k' }], { anyMessage: true });
    await c.patch(at, 'json', { data: {} }, { anyMessage: true });
    await c.patch(at, 'json', 'not json', { anyMessage: true });
    await c.patch(`${path}/none`, 'json', [{ op: 'test', path: '/data/k', value: 'v' }]);
    await c.patch(at, 'json', [{ op: 'test', path: '/metadata/resourceVersion', value: '1' }], {
      anyMessage: true,
    });
    await c.get(at);
  },
  'JSON Patch with the version it was made for': async (c) => {
    const path = c.at('v1', 'configmaps');
    const made = await c.post(path, configMap('a', { k: 'v' }));
    const { resourceVersion } = made.metadata;
    const patch = [
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'replace', path: '/data/k', value: 'w' },
    ];
    const only = (body: unknown) => body;
    await c.quietly('GET', path);
    const first = await c.quietly('PATCH', `${path}/a`, patch, 'application/json-patch+json');
    c.record('the patch with a test on the version', { status: first.status, body: only(first.body) });
    const again = await c.quietly('PATCH', `${path}/a`, patch, 'application/json-patch+json');
    c.record('the same once more', { status: again.status, body: (again.body as { reason: string }).reason });
    await c.patch(`${path}/a`, 'merge', { metadata: { resourceVersion }, data: { k: 'x' } });
    await c.patch(`${path}/a`, 'json', [
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ]);
  },
  'merge patch: null removes, lists are replaced': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, widget('a', { tags: ['x'], labels: { a: '1', b: '2' }, colour: 'red' }));
    const at = `${path}/a`;
    await c.patch(at, 'merge', { spec: { labels: { a: null, c: '3' }, tags: ['y', 'z'] } });
    await c.patch(at, 'merge', { spec: { size: null } });
    await c.patch(at, 'merge', { spec: { labels: null } });
    await c.patch(at, 'merge', { metadata: { labels: { l: 'v' } } });
    await c.patch(at, 'merge', { metadata: { labels: null } });
    await c.patch(at, 'merge', { spec: { nowhere: 1 } });
    await c.patch(at, 'merge', { status: { phase: 'Ready' } });
    await c.patch(at, 'merge', { metadata: { name: 'b' } });
    await c.patch(at, 'merge', { kind: 'Other' }, { anyMessage: true });
    await c.patch(at, 'merge', { spec: 'text' }, { anyMessage: true });
    await c.patch(at, 'merge', [], { anyMessage: true });
    await c.patch(at, 'merge', 'not json', { anyMessage: true });
    await c.patch(`${path}/none`, 'merge', {});
  },
  'strategic merge patch: built-in kinds only': async (c) => {
    const deployments = c.at(DEPLOYMENTS, 'deployments');
    await c.quietly('POST', deployments, { ...deployment('a', 0) });
    await c.patch(
      `${deployments}/a`,
      'strategic',
      {
        spec: {
          paused: true,
          template: { spec: { containers: [{ name: 'main', image: 'example.org/app:2' }] } },
        },
      },
      { only: (body) => (body as { spec?: { template: unknown } }).spec?.template ?? body },
    );
    const widgets = c.at(WIDGETS, 'widgets');
    await c.quietly('POST', widgets, widget('a', {}));
    await c.patch(`${widgets}/a`, 'strategic', { spec: { size: 4 } });
  },
  'a content type that is no patch': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.post(path, configMap('a', { k: 'v' }));
    const body = { data: { k: 'w' } };
    await c.send({ method: 'PATCH', path: `${path}/a`, body, contentType: 'application/json' });
    await c.send({ method: 'PATCH', path: `${path}/a`, body, contentType: 'text/plain' });
    await c.send({ method: 'POST', path, body: 'x', contentType: 'text/plain' });
    await c.send({ method: 'GET', path: `${path}/a`, accept: 'text/html' });
  },
});
