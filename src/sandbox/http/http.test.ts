import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../kube/types.ts';
import { configMaps, customResourceDefinitions, deployments } from '../../kube/well-known.ts';
import { Cluster } from '../cluster/cluster.ts';
import type { JsonObject } from '../cluster/object.ts';
import { configMap, deployment, named, widget, widgetCrd, widgets } from '../cluster/testing.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { type HttpFace, startHttp } from './server.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

let cluster: Cluster;
let face: HttpFace;

beforeEach(async () => {
  cluster = new Cluster();
  face = await startHttp(cluster);
});

afterEach(async () => {
  cluster.stop();
  await face.close();
});

interface Answer {
  code: number;
  body: JsonObject;
  headers: Headers;
}

async function ask(
  method: string,
  where: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(face.url + where, {
    method,
    headers: { 'Content-Type': 'application/json', 'User-Agent': 'tester/1.0', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { code: response.status, body: (await response.json()) as JsonObject, headers: response.headers };
}

/** The documents of a watch, one by one. */
async function* watchLines(where: string, signal: AbortSignal): AsyncGenerator<JsonObject> {
  const response = await fetch(face.url + where, { signal });
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += Buffer.from(chunk as Uint8Array).toString();
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as JsonObject;
  }
}

describe('objects over HTTP', () => {
  it('go through their life with the codes of the real server', async () => {
    const created = await ask('POST', CONFIG_MAPS, configMap('a', { n: '1' }));
    expect(created).toMatchObject({ code: 201, body: { kind: 'ConfigMap', data: { n: '1' } } });
    expect(await ask('POST', CONFIG_MAPS, configMap('a'))).toMatchObject({
      code: 409,
      body: { kind: 'Status', status: 'Failure', reason: 'AlreadyExists', code: 409 },
    });
    expect(await ask('GET', `${CONFIG_MAPS}/a`)).toMatchObject({ code: 200, body: { data: { n: '1' } } });
    const put = await ask('PUT', `${CONFIG_MAPS}/a`, configMap('a', { n: '2' }));
    expect(put).toMatchObject({ code: 200, body: { data: { n: '2' } } });
    const merge = { 'Content-Type': 'application/merge-patch+json' };
    expect(await ask('PATCH', `${CONFIG_MAPS}/a`, { data: { m: '3' } }, merge)).toMatchObject({
      body: { data: { n: '2', m: '3' } },
    });
    expect(await ask('DELETE', `${CONFIG_MAPS}/a`)).toMatchObject({
      code: 200,
      body: { kind: 'Status', status: 'Success', details: { name: 'a', kind: 'configmaps' } },
    });
    expect(await ask('GET', `${CONFIG_MAPS}/a`)).toMatchObject({ code: 404, body: { reason: 'NotFound' } });
  });

  it('are owned by the client that its User-Agent names', async () => {
    const { body } = await ask('POST', CONFIG_MAPS, configMap('a', { n: '1' }));
    expect(body['metadata']).toMatchObject({ managedFields: [{ manager: 'tester', operation: 'Update' }] });
  });

  it('are applied from YAML, by a manager that must have a name', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  n: "1"\n';
    const apply = { 'Content-Type': 'application/apply-patch+yaml' };
    expect(await ask('PATCH', `${CONFIG_MAPS}/a`, yaml, apply)).toMatchObject({
      code: 422,
      body: { details: { causes: [{ field: 'fieldManager' }] } },
    });
    expect(await ask('PATCH', `${CONFIG_MAPS}/a?fieldManager=me`, yaml, apply)).toMatchObject({
      code: 201,
      body: { data: { n: '1' } },
    });
  });

  it('are refused for fields that nobody knows, where the client is strict, and warned of where it is not', async () => {
    const odd = { ...configMap('a'), dat: 1 };
    expect(await ask('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, odd)).toMatchObject({
      code: 400,
      body: {
        message:
          'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat"',
      },
    });
    const { code, headers } = await ask('POST', CONFIG_MAPS, odd);
    expect(code).toBe(201);
    expect(headers.get('Warning')).toBe('299 - "unknown field \\"dat\\""');
  });

  it('are listed with their kind said once for built-in kinds, and each time for others', async () => {
    await ask('POST', CONFIG_MAPS, configMap('a'));
    const list = await ask('GET', CONFIG_MAPS);
    expect(list.body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect((list.body['items'] as JsonObject[])[0]).not.toHaveProperty('kind');
    const client = cluster.client();
    await client.create(customResourceDefinitions, widgetCrd());
    await client.create(widgets, widget('w'));
    const custom = await ask('GET', '/apis/sandbox.test/v1/widgets');
    expect(custom.body).toMatchObject({ kind: 'WidgetList', items: [{ kind: 'Widget' }] });
  });

  it.each([
    ['bad JSON', 'POST', CONFIG_MAPS, '{bad', {}, 400],
    ['an unknown kind of patch', 'PATCH', `${CONFIG_MAPS}/a`, '{}', { 'Content-Type': 'text/plain' }, 415],
    ['protobuf', 'POST', CONFIG_MAPS, 'k8s', { 'Content-Type': 'application/vnd.kubernetes.protobuf' }, 415],
    ['a PUT to a collection', 'PUT', CONFIG_MAPS, '{}', {}, 405],
    ['an unknown propagation policy', 'DELETE', `${CONFIG_MAPS}/a?propagationPolicy=Odd`, undefined, {}, 422],
    ['an unknown dry run', 'POST', `${CONFIG_MAPS}?dryRun=Some`, '{}', {}, 422],
    ['a resource that is not there', 'GET', '/apis/apps/v1/namespaces/default/gadgets', undefined, {}, 404],
  ])('refuse %s', async (_what, method, where, body, headers, code) => {
    const answer = await ask(method, where, body, headers);
    expect(answer).toMatchObject({ code, body: { kind: 'Status', status: 'Failure', code } });
    expect(answer.body['message']).not.toBe('');
  });

  it('take a fault as the client of a real server would see it', async () => {
    const stop = cluster.intercept({
      before: () => {
        throw new ApiError(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 3 });
      },
    });
    const busy = await ask('GET', CONFIG_MAPS);
    expect(busy).toMatchObject({ code: 429, body: { reason: 'TooManyRequests' } });
    expect(busy.headers.get('Retry-After')).toBe('3');
    stop();
    cluster.intercept({
      after: () => {
        throw new ApiError(0, 'ConnectionFailed', 'cut');
      },
    });
    await expect(ask('POST', CONFIG_MAPS, configMap('a'))).rejects.toThrow(TypeError);
    expect(cluster.core.store.get('configmaps', 'default/a')).toBeDefined();
  });
});

describe('a watch over HTTP', () => {
  it('streams events until the client goes', async () => {
    const { body } = await ask('GET', CONFIG_MAPS);
    const version = (body['metadata'] as JsonObject)['resourceVersion'] as string;
    const abort = new AbortController();
    const lines = watchLines(`${CONFIG_MAPS}?watch=true&resourceVersion=${version}`, abort.signal);
    const first = lines.next();
    await ask('POST', CONFIG_MAPS, configMap('a'));
    expect((await first).value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
    await ask('DELETE', `${CONFIG_MAPS}/a`);
    expect((await lines.next()).value).toMatchObject({ type: 'DELETED' });
    abort.abort();
    await expect(lines.next()).rejects.toThrow();
  });

  it('sends its headers before the first event', async () => {
    const { resourceVersion } = await cluster.client().list(configMaps);
    const abort = new AbortController();
    const where = `${face.url}${CONFIG_MAPS}?watch=1&resourceVersion=${resourceVersion}`;
    const response = await fetch(where, { signal: abort.signal });
    expect(response.status).toBe(200);
    abort.abort();
  });

  it('from a forgotten revision gives an ERROR event with code 410, and ends', async () => {
    const client = cluster.client();
    await client.create(configMaps, configMap('a'));
    cluster.compact();
    const seen: JsonObject[] = [];
    const { signal } = new AbortController();
    for await (const line of watchLines(`${CONFIG_MAPS}?watch=1&resourceVersion=1`, signal)) seen.push(line);
    expect(seen).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  });

  it('ends when the face closes', async () => {
    const { resourceVersion } = await cluster.client().list(configMaps);
    const { signal } = new AbortController();
    const lines = watchLines(`${CONFIG_MAPS}?watch=1&resourceVersion=${resourceVersion}`, signal);
    const next = lines.next();
    await ask('GET', CONFIG_MAPS);
    await face.close();
    await expect(next).rejects.toThrow();
    face = await startHttp(cluster);
  });
});

describe('tables', () => {
  it('show the columns of a definition', async () => {
    const client = cluster.client();
    await client.create(customResourceDefinitions, widgetCrd());
    await client.create(widgets, widget('w', { size: 7 }));
    const status = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    await client.patch(widgets, named('w'), 'merge', status, { subresource: 'status' });
    const { body } = await ask('GET', '/apis/sandbox.test/v1/namespaces/default/widgets', undefined, {
      Accept: TABLE,
    });
    expect(body).toMatchObject({
      kind: 'Table',
      columnDefinitions: [
        { name: 'Name' },
        { name: 'Size', type: 'integer' },
        { name: 'Ready' },
        { name: 'Age' },
      ],
      rows: [
        {
          cells: ['w', 7, 'True', expect.stringMatching(/^\d+s$/)],
          object: { kind: 'PartialObjectMetadata' },
        },
      ],
    });
  });

  it('show a Deployment as kubectl users know it', async () => {
    await cluster.client().create(deployments, deployment('web', 'web:1'));
    const { body } = await ask('GET', '/apis/apps/v1/deployments', undefined, { Accept: TABLE });
    const [row] = body['rows'] as { cells: unknown[] }[];
    expect(row?.cells.slice(0, 4)).toEqual(['web', '0/3', 0, 0]);
    expect(row?.cells.slice(5)).toEqual(['app', 'web:1', 'app=web']);
  });
});

describe('discovery', () => {
  it('lists groups, versions and resources, those of definitions too', async () => {
    await cluster.client().create(customResourceDefinitions, widgetCrd());
    expect((await ask('GET', '/version')).body).toMatchObject({ major: '1', minor: '36' });
    const groups = (await ask('GET', '/apis')).body['groups'] as { name: string }[];
    expect(groups.map(({ name }) => name)).toEqual(expect.arrayContaining(['apps', 'sandbox.test']));
    const { body } = await ask('GET', '/apis/sandbox.test/v1');
    expect(body).toMatchObject({
      kind: 'APIResourceList',
      resources: [
        { name: 'widgets', kind: 'Widget', shortNames: ['wd'], namespaced: true },
        { name: 'widgets/status' },
        { name: 'widgets/scale', group: 'autoscaling', kind: 'Scale' },
      ],
    });
  });

  it('comes in one piece for clients that can read it', async () => {
    const Accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const { body, headers } = await ask('GET', '/apis', undefined, { Accept });
    expect(body['kind']).toBe('APIGroupDiscoveryList');
    expect(headers.get('Content-Type')).toContain('as=APIGroupDiscoveryList');
  });

  it('describes every kind in OpenAPI, with what tells kubectl that the server validates', async () => {
    await cluster.client().create(customResourceDefinitions, widgetCrd());
    const { body } = await ask('GET', '/openapi/v3');
    const paths = Object.keys(body['paths'] as JsonObject);
    expect(paths).toEqual(expect.arrayContaining(['api/v1', 'apis/apps/v1', 'apis/sandbox.test/v1']));
    const { body: document } = await ask('GET', '/openapi/v3/apis/sandbox.test/v1');
    const text = JSON.stringify(document);
    expect(text).toContain('"fieldValidation"');
    expect(text).toContain('"colour"');
  });

  it('answers probes', async () => {
    for (const probe of ['/healthz', '/readyz', '/livez']) {
      const response = await fetch(face.url + probe);
      expect(await response.text()).toBe('ok');
    }
  });
});

describe('starting', () => {
  it('listens on the loopback address, and says which port is taken', async () => {
    expect(face.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(startHttp(cluster, { port })).rejects.toThrow(String(port));
    server.close();
  });

  it('writes a kubeconfig that only its owner can read', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sandbox-'));
    try {
      const file = path.join(folder, 'kubeconfig');
      await writeKubeconfig(file, face.url);
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
        clusters: [{ cluster: { server: face.url } }],
        'current-context': 'songbird-sandbox',
      });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
