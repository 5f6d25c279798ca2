import { cases, configMap, widget, WIDGETS } from './case.ts';

export const watchCases = cases('watches', {
  'every change, once, in order': async (c) => {
    const path = c.at('v1', 'configmaps');
    const list = await c.get(path);
    const watch = await c.watch(`${path}?watch=true&resourceVersion=${list.metadata.resourceVersion}`);
    await c.quietly('POST', path, configMap('a', { k: '1' }));
    await c.quietly('PATCH', `${path}/a`, { data: { k: '2' } }, 'application/merge-patch+json');
    await c.quietly('PATCH', `${path}/a`, { data: { k: '2' } }, 'application/merge-patch+json');
    await c.quietly('POST', `${path}?dryRun=All`, configMap('dry'));
    await c.quietly('POST', path, configMap('b'));
    await c.quietly('DELETE', `${path}/a`);
    await c.quietly('POST', path, configMap('a'));
    await c.quietly('POST', path, configMap('last'));
    await watch.takeUntil('last');
  },
  'from a version in the past': async (c) => {
    const path = c.at('v1', 'configmaps');
    const made = await c.post(path, configMap('a'));
    await c.quietly('POST', path, configMap('b'));
    await c.quietly('DELETE', `${path}/a`);
    const watch = await c.watch(`${path}?watch=true&resourceVersion=${made.metadata.resourceVersion}`);
    await watch.take(2);
    await c.quietly('POST', path, configMap('last'));
    await watch.takeUntil('last');
  },
  'from nowhere: the state first': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.quietly('POST', path, configMap('b'));
    await c.quietly('POST', path, configMap('a'));
    for (const version of ['', '&resourceVersion=0']) {
      const watch = await c.watch(`${path}?watch=true${version}`);
      const events = await watch.take(2, (event) => (event as { type: string } | undefined)?.type);
      c.record('names of the state', { body: events.map((event) => event.object.metadata.name).sort() });
      watch.close();
    }
  },
  'of a selection, entered and left': async (c) => {
    const path = c.at('v1', 'configmaps');
    const list = await c.get(path);
    const watch = await c.watch(
      `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}&labelSelector=on%3Dyes`,
    );
    const relabel = (on: string | null) =>
      c.quietly('PATCH', `${path}/a`, { metadata: { labels: { on } } }, 'application/merge-patch+json');
    await c.quietly('POST', path, configMap('a'));
    await relabel('yes');
    await c.quietly('PATCH', `${path}/a`, { data: { k: '1' } }, 'application/merge-patch+json');
    await relabel('no');
    await relabel('yes');
    await relabel(null);
    await c.quietly('DELETE', `${path}/a`);
    await c.quietly('POST', path, configMap('last', {}, { labels: { on: 'yes' } }));
    await watch.takeUntil('last');
  },
  'of one object by its name': async (c) => {
    const path = c.at('v1', 'configmaps');
    const list = await c.get(path);
    const watch = await c.watch(
      `${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}&fieldSelector=metadata.name%3Da`,
    );
    await c.quietly('POST', path, configMap('b'));
    await c.quietly('POST', path, configMap('a'));
    await watch.take(1);
  },
  'finalizers: the mark is a change, the end a deletion': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    const list = await c.get(path);
    const watch = await c.watch(`${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`);
    await c.quietly('POST', path, widget('a', {}, { finalizers: ['songbird.dev/test'] }));
    await c.quietly('DELETE', `${path}/a`);
    await c.quietly('PATCH', `${path}/a`, { metadata: { finalizers: [] } }, 'application/merge-patch+json');
    await c.quietly('POST', path, widget('last', {}));
    await watch.takeUntil('last');
  },
  'bookmarks when the state has been sent': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.quietly('POST', path, configMap('a'));
    const watch = await c.watch(
      `${path}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    await watch.take(2);
  },
  'it ends after timeoutSeconds': async (c) => {
    const path = c.at('v1', 'configmaps');
    const list = await c.get(path);
    const version = list.metadata.resourceVersion;
    const watch = await c.watch(`${path}?watch=1&resourceVersion=${version}&timeoutSeconds=1`);
    await watch.take(1);
  },
  'a version that is too new or none at all': async (c) => {
    const path = c.at('v1', 'configmaps');
    await c.get(`${path}?watch=1&resourceVersion=abc`);
    await c.get(`${path}?watch=1&resourceVersion=-1`);
    await c.get(`${path}?watch=1&timeoutSeconds=soon`, { anyMessage: true });
    await c.get(`${path}?watch=1&labelSelector=a%20b`, { anyMessage: true });
  },
  'of a single object through its old path': async (c) => {
    const path = c.at('v1', 'configmaps');
    const list = await c.get(path);
    const watch = await c.watch(`${path}?watch=1&resourceVersion=${list.metadata.resourceVersion}`);
    await c.quietly('DELETE', `${path}/none`);
    await c.quietly('POST', path, configMap('a', {}, { ownerReferences: [] }));
    await c.quietly('PUT', `${path}/a`, configMap('a', { k: 'v' }));
    await watch.take(2);
  },
});
