import { ApiError } from '../../../src/kube/types.ts';
import type { ApiClient, KubeObject, ResourceType } from '../../../src/kube/types.ts';
import { configMaps } from '../../../src/kube/well-known.ts';
import type { Conversation } from '../conversation.ts';
import { cases } from './case.ts';

const widgets: ResourceType = {
  group: 'conformance.songbird.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

/** Calls the client and records what it made of the answer. */
async function told<T>(c: Conversation, what: string, call: Promise<T>): Promise<T | undefined> {
  try {
    const body = await call;
    c.record(what, { body: body === undefined ? 'nothing' : withoutVersion(body) });
    return body;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { code, reason, body } = error;
    c.record(what, { status: code, body: { reason, body: body ?? 'none' } });
    return undefined;
  }
}

/** A list's own version counts the writes of others too. */
function withoutVersion(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'items' in body
    ? { ...body, resourceVersion: '' }
    : body;
}

export const clientCases = cases('the client', {
  'one object through its life': async (c) => {
    const client = c.client();
    const { namespace } = c;
    const ref = { namespace, name: 'a' };
    const config: KubeObject & { data: Record<string, string> } = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace },
      data: { k: 'v' },
    };
    await told(c, 'get of none', client.get(configMaps, ref));
    await told(c, 'dry create', client.create(configMaps, config, { dryRun: true }));
    const made = await told(c, 'create', client.create(configMaps, config, { fieldManager: 'one' }));
    await told(c, 'create again', client.create(configMaps, config));
    if (made === undefined) return;
    await told(c, 'update', client.update(configMaps, { ...made, data: { k: 'w' } }));
    await told(c, 'stale update', client.update(configMaps, { ...made, data: { k: 'x' } }));
    await told(c, 'merge', client.patch(configMaps, ref, 'merge', { data: { l: 'm' } }));
    const failing = [{ op: 'test', path: '/data/k', value: 'v' }];
    await told(c, 'failing test', client.patch(configMaps, ref, 'json', failing)).catch(() => undefined);
    await told(c, 'apply', client.patch(configMaps, ref, 'apply', config, { fieldManager: 'two' }));
    await told(
      c,
      'forced',
      client.patch(configMaps, ref, 'apply', config, { fieldManager: 'two', force: true }),
    );
    await told(c, 'list', client.list(configMaps, { namespace, labelSelector: 'none=such' }));
    const preconditions = { uid: '11111111-2222-3333-4444-555555555555' };
    await told(c, 'delete of another', client.delete(configMaps, ref, { preconditions }));
    await told(c, 'delete', client.delete(configMaps, ref, { propagationPolicy: 'Background' }));
    await told(c, 'get', client.get(configMaps, ref));
  },
  'custom resources, status, scale and bad input': async (c) => {
    const client = c.client();
    const { namespace } = c;
    const ref = { namespace, name: 'a' };
    const widget: KubeObject & { spec: object; status?: object } = {
      apiVersion: 'conformance.songbird.dev/v1',
      kind: 'Widget',
      metadata: { name: 'a', namespace },
      spec: { size: 11 },
    };
    await told(c, 'invalid', client.create(widgets, widget));
    const made = await told(c, 'create', client.create(widgets, { ...widget, spec: { size: 2 } }));
    if (made === undefined) return;
    const status = { ...made, status: { phase: 'Ready', replicas: 2 } };
    await told(c, 'status', client.update(widgets, status, { subresource: 'status' }));
    await told(c, 'stale status', client.update(widgets, status, { subresource: 'status' }));
    const scale = { spec: { replicas: 4 } };
    await told(c, 'scale', client.patch(widgets, ref, 'merge', scale, { subresource: 'scale' }));
    await told(c, 'list', client.list(widgets, { namespace, limit: 5 }));
  },
  'a watch': async (c) => {
    const client = c.client();
    const { namespace } = c;
    const start = await client.list(configMaps, { namespace });
    const stop = new AbortController();
    const { resourceVersion } = start;
    const events = client.watch<KubeObject>(configMaps, { namespace, resourceVersion, signal: stop.signal });
    const changes = change(client, namespace);
    for await (const event of events) {
      if (event.type === 'BOOKMARK') continue;
      c.record('event', { body: event });
      if (event.object.metadata.name === 'last') stop.abort();
    }
    await changes;
  },
});

async function change(client: ApiClient, namespace: string): Promise<void> {
  const named = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
  });
  await client.create(configMaps, named('a'));
  await client.patch(configMaps, { namespace, name: 'a' }, 'merge', { metadata: { labels: { x: 'y' } } });
  await client.delete(configMaps, { namespace, name: 'a' });
  await client.create(configMaps, named('last'));
}
