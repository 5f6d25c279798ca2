import { cases, widget, WIDGETS } from './case.ts';
import type { Conversation } from '../conversation.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Each spec is posted under a name of its own; what is accepted shows its defaults and what was pruned. */
async function post(c: Conversation, specs: readonly object[]): Promise<void> {
  for (const [i, spec] of specs.entries()) await c.post(c.at(WIDGETS, 'widgets'), widget(`w${i}`, spec));
}

export const customCases = cases('custom resources', {
  'defaults and pruning': async (c) => {
    await post(c, [
      {},
      { size: 5, nowhere: 1, parts: [{ name: 'x', odd: 1 }], free: { kept: { deep: [1] } } },
      { defaulted: {} },
      { defaulted: { inner: { level: 1, odd: 2 } } },
      { note: null, size: null, enabled: null },
      { note: 'text', enabled: false },
    ]);
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, { ...widget('odd', {}), nowhere: 1, status: { phase: 'Ready' } });
    await c.post(path, { ...widget('none', {}), spec: undefined });
    await c.post(path, { ...widget('empty', {}), spec: null });
  },
  types: async (c) => {
    await post(c, [
      { size: '5' },
      { size: 5.5 },
      { size: 5.0 },
      { size: true },
      { ratio: 'x' },
      { colour: 5 },
      { enabled: 'true' },
      { tags: 'x' },
      { tags: [1] },
      { parts: {} },
      { labels: { a: 1 } },
      { labels: [] },
      { free: [] },
      { free: 'x' },
      { defaulted: [] },
    ]);
    await c.post(c.at(WIDGETS, 'widgets'), widget('text', 'text' as unknown as object));
  },
  'numbers and texts within their bounds': async (c) => {
    await post(c, [
      { size: 0 },
      { size: 11 },
      { size: 3_000_000_000 },
      { ratio: 0 },
      { ratio: 0.5 },
      { ratio: 0.7 },
      { ratio: 1e3 },
      { colour: 'pink' },
      { name: 'a' },
      { name: 'abcdef' },
      { name: 'ABC' },
      { name: 'äöü' },
      { size: 11, colour: 'pink', name: 'A' },
    ]);
  },
  formats: async (c) => {
    await post(c, [
      { wait: '5m' },
      { wait: 'soon' },
      { at: '2030-01-01T00:00:00Z' },
      { at: 'yesterday' },
      { port: 80 },
      { port: 'http' },
      { port: 1.5 },
      { port: true },
    ]);
  },
  lists: async (c) => {
    await post(c, [
      { tags: ['a', 'b', 'a'] },
      { tags: ['a', 'b', 'c', 'd', 'e'] },
      { parts: [] },
      { parts: [{ name: 'x' }, { name: 'x' }] },
      { parts: [{ weight: 1 }] },
      { parts: [{ name: 'x', weight: -1 }] },
      { parts: [null] },
      { labels: { a: 'longer' } },
    ]);
  },
  'one of two': async (c) => {
    await post(c, [{ either: { left: 'l' } }, { either: {} }, { either: { left: 'l', right: 'r' } }]);
  },
  'CEL rules': async (c) => {
    await post(c, [
      { colour: 'blue', size: 5 },
      { colour: 'blue', size: 4 },
      { colour: 'blue' },
      { steps: [{}] },
      { steps: [{ weight: 5 }, { hold: '1m' }] },
      { steps: [{ weight: 5 }, { weight: 50 }] },
      { steps: [{}, { weight: 50 }], colour: 'blue', size: 9 },
    ]);
  },
  'transition rules': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, widget('a', { colour: 'red', fixed: 'x' }));
    await c.patch(`${path}/a`, 'merge', { spec: { fixed: 'y' } });
    await c.patch(`${path}/a`, 'merge', { spec: { colour: null } });
    await c.patch(`${path}/a`, 'merge', { spec: { colour: 'green' } });
    await c.patch(`${path}/a`, 'merge', { spec: { fixed: null } });
    await c.patch(`${path}/a`, 'merge', { spec: { fixed: 'z' } });
    await c.patch(`${path}/a?fieldManager=m&force=true`, 'apply', widget('a', { fixed: 'w' }));
  },
  'unknown fields, as the writer wishes': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    for (const validation of ['Ignore', 'Warn', 'Strict', 'Odd']) {
      await c.post(`${path}?fieldValidation=${validation}`, widget(validation.toLowerCase(), { nowhere: 1 }));
    }
    await c.patch(
      `${path}/ignore?fieldValidation=Strict`,
      'merge',
      { spec: { nowhere: 2 } },
      { anyMessage: true },
    );
    await c.patch(
      `${path}/ignore?fieldValidation=Strict&fieldManager=m`,
      'apply',
      widget('ignore', { nowhere: 2 }),
      {
        anyMessage: true,
      },
    );
  },
  'wrong group, kind or scope': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.post(path, { ...widget('a', {}), kind: 'Gadget' });
    await c.post(path, { ...widget('a', {}), apiVersion: 'conformance.songbird.dev/v2' });
    await c.post(path, { ...widget('a', {}), apiVersion: 'v1' });
    await c.get('/apis/conformance.songbird.dev/v2/widgets', { anyMessage: true });
    await c.get(c.at(WIDGETS, 'gadgets'), { anyMessage: true });
    await c.get('/apis/conformance.songbird.dev/v1/widgets/a', { anyMessage: true });
    await c.get(c.at(WIDGETS, 'nothings'), { anyMessage: true });
  },
  'a definition comes and goes': async (c) => {
    const group = `${c.namespace}.songbird.dev`;
    const name = `things.${group}`;
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'things', singular: 'thing', kind: 'Thing' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } },
          },
        ],
      },
    };
    const outline = (body: unknown) => {
      const { kind, metadata, spec, status } = body as {
        kind: string;
        metadata: { name: string };
        spec: unknown;
        status: { conditions: { type: string; status: string; reason: string }[] } | string;
      };
      if (kind !== 'CustomResourceDefinition' || typeof status === 'string') return body;
      const conditions = status.conditions.map((x) => [x.type, x.status, x.reason]).sort();
      return { kind, name: metadata.name, spec, conditions };
    };
    const established = (found: { status?: Record<string, unknown> }) =>
      ((found.status?.['conditions'] ?? []) as { type: string; status: string }[]).some(
        (x) => x.type === 'Established' && x.status === 'True',
      );
    const list = `/apis/${group}/v1/namespaces/${c.namespace}/things`;
    await c.quietly('POST', DEFINITIONS, definition);
    await c.eventually(`${DEFINITIONS}/${name}`, 'it is established', established, { only: outline });
    await c.eventually(list, 'it is served', (_found, status) => status === 200);
    const thing = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'a' }, spec: {} };
    await c.post(list, thing);
    await c.get(`/apis/${group}/v1`, { only: resources });
    await c.delete(`${DEFINITIONS}/${name}`, undefined, { only: (body) => (body as { kind: string }).kind });
    await c.eventually(`${DEFINITIONS}/${name}`, 'it is gone', (_found, status) => status === 404);
    await c.eventually(list, 'it is no longer served', (_found, status) => status === 404, {
      anyMessage: true,
    });
  },
  'definitions that are refused': async (c) => {
    const version = (schema: object) => ({
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: schema },
    });
    const define = (schema: object, more: object = {}, metadata = 'odds.odd.dev') => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: metadata },
      spec: {
        group: 'odd.dev',
        scope: 'Namespaced',
        names: { plural: 'odds', singular: 'odd', kind: 'Odd' },
        versions: [version(schema)],
        ...more,
      },
    });
    const anyMessage = { anyMessage: true };
    await c.post(`${DEFINITIONS}?dryRun=All`, define({ type: 'object' }, {}, 'wrong.odd.dev'), anyMessage);
    await c.post(`${DEFINITIONS}?dryRun=All`, define({ properties: {} }), anyMessage);
    await c.post(
      `${DEFINITIONS}?dryRun=All`,
      define({ type: 'object', properties: { spec: {} } }),
      anyMessage,
    );
    await c.post(`${DEFINITIONS}?dryRun=All`, define({ type: 'object' }, { versions: [] }), anyMessage);
    const rule = (text: string) => ({
      type: 'object',
      properties: { a: { type: 'string', 'x-kubernetes-validations': [{ rule: text }] } },
    });
    await c.post(`${DEFINITIONS}?dryRun=All`, define(rule('self ==')), anyMessage);
    await c.post(`${DEFINITIONS}?dryRun=All`, define(rule('self > 5')), anyMessage);
  },
  'what is served': async (c) => {
    await c.get('/apis/conformance.songbird.dev/v1', { only: resources });
    await c.get('/apis/apps/v1', {
      only: (body) => (resources(body) as { name: string }[]).filter((r) => r.name.startsWith('deployments')),
    });
    await c.get('/apis/conformance.songbird.dev');
    await c.get('/apis/nothing.songbird.dev/v1', { anyMessage: true });
    await c.get('/nothing', { anyMessage: true });
  },
});

/** A discovery document without what depends on the server's build. */
function resources(body: unknown): unknown {
  const list = body as { resources?: { name: string; storageVersionHash?: string }[] };
  return (list.resources ?? [])
    .map(({ storageVersionHash: _hash, ...resource }) => resource)
    .sort((a, b) => a.name.localeCompare(b.name));
}
