import { cases, configMap, widget, WIDGETS } from './case.ts';
import type { Conversation } from '../conversation.ts';

async function five(c: Conversation): Promise<string> {
  const path = c.at('v1', 'configmaps');
  for (const [i, name] of ['e', 'b', 'd', 'a', 'c'].entries()) {
    const labels = { n: name, odd: String(i % 2 === 1), ...(i < 2 ? { early: '' } : {}) };
    await c.quietly('POST', path, configMap(name, {}, { labels }));
  }
  return path;
}

export const listCases = cases('lists', {
  'in the order of names': async (c) => {
    const path = await five(c);
    await c.get(path);
    await c.get(`${path}?resourceVersion=0`, { only: names });
    await c.get(`${path}?limit=0`, { only: names });
  },
  'label selectors': async (c) => {
    const path = await five(c);
    for (const selector of [
      'n=a',
      'n==a',
      'n!=a',
      'n in (a,b)',
      'n notin (a, b)',
      'early',
      '!early',
      'odd=true,n!=a',
      'early=',
      'n in ()',
      'n=a b',
      '=a',
      'n in (a',
      'n>1',
      ',',
    ]) {
      await c.get(`${path}?labelSelector=${encodeURIComponent(selector)}`, { only: names, anyMessage: true });
    }
  },
  'field selectors': async (c) => {
    const path = await five(c);
    for (const selector of [
      'metadata.name=a',
      'metadata.name!=a',
      `metadata.namespace=${c.namespace},metadata.name=b`,
      'data.k=v',
      'metadata.name',
    ]) {
      await c.get(`${path}?fieldSelector=${encodeURIComponent(selector)}`, { only: names });
    }
    const widgets = c.at(WIDGETS, 'widgets');
    await c.quietly('POST', widgets, widget('r', { colour: 'red' }));
    await c.quietly('POST', widgets, widget('g', { colour: 'green' }));
    await c.get(`${widgets}?fieldSelector=${encodeURIComponent('spec.colour=red')}`, { only: names });
    await c.get(`${widgets}?fieldSelector=${encodeURIComponent('spec.size=3')}`, { only: names });
  },
  'page by page': async (c) => {
    const path = await five(c);
    const first = await c.get(`${path}?limit=2`, { only: names });
    await c.quietly('POST', path, configMap('aa'));
    await c.quietly('DELETE', `${path}/d`);
    const token = encodeURIComponent(String(first.metadata.continue));
    const second = await c.get(`${path}?limit=2&continue=${token}`, { only: names });
    const next = encodeURIComponent(String(second.metadata.continue));
    await c.get(`${path}?limit=2&continue=${next}`, { only: names });
    await c.get(`${path}?limit=2&labelSelector=odd%3Dtrue`, { only: names });
    await c.get(`${path}?limit=2&continue=nonsense`, { only: names, anyMessage: true });
    await c.get(`${path}?limit=2&continue=${token}&resourceVersion=1`, { only: names });
  },
  'of all namespaces': async (c) => {
    await five(c);
    await c.get(`/api/v1/configmaps?fieldSelector=metadata.namespace%3D${c.namespace}`, { only: names });
    await c.get('/apis/conformance.songbird.dev/v1/gadgets', {
      only: (body) => (body as { kind: string }).kind,
    });
  },
  'of custom resources': async (c) => {
    const path = c.at(WIDGETS, 'widgets');
    await c.get(path);
    await c.post(path, widget('b', { size: 2 }));
    await c.post(path, widget('a', { size: 1 }));
    await c.get(path);
    await c.get(`${path}?limit=1`, { only: names });
  },
  'options that make no sense': async (c) => {
    const path = await five(c);
    await c.get(`${path}?limit=-1`, { only: names });
    await c.get(`${path}?limit=many`, { only: names, anyMessage: true });
    await c.get(`${path}?resourceVersion=abc`, { only: names });
    await c.get(`${path}?resourceVersion=-5`, { only: names });
    await c.get(`${path}?resourceVersionMatch=Exact`, { only: names });
    await c.get(`${path}?resourceVersion=1&resourceVersionMatch=Odd`, { only: names });
    await c.get(`${path}/a?resourceVersion=0`);
  },
  'as a table': async (c) => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const path = c.at(WIDGETS, 'widgets');
    await c.quietly('POST', path, widget('a', { size: 1, colour: 'red' }));
    await c.send({ method: 'GET', path, accept }, { only: table });
    await c.send({ method: 'GET', path: `${path}/a`, accept }, { only: table });
  },
});

/** Names and paging of a list; any other answer as it is. */
function names(body: unknown): unknown {
  const list = body as {
    items?: { metadata: { name: string } }[];
    kind: string;
    apiVersion: string;
    metadata?: { continue?: string; remainingItemCount?: number };
  };
  if (list.items === undefined) return body;
  return {
    kind: list.kind,
    apiVersion: list.apiVersion,
    metadata: { continue: list.metadata?.continue, remaining: list.metadata?.remainingItemCount },
    names: list.items.map((item) => item.metadata.name),
  };
}

/** Column names and the cells whose values don't depend on time. */
function table(body: unknown): unknown {
  const found = body as {
    kind: string;
    columnDefinitions?: { name: string; type: string }[];
    rows?: { cells: unknown[]; object: { kind: string; metadata: { name: string } } }[];
  };
  return {
    kind: found.kind,
    columns: found.columnDefinitions?.map(({ name, type }) => ({ name, type })),
    rows: found.rows?.map(({ cells, object }) => ({ cells, kind: object.kind, name: object.metadata.name })),
  };
}
