import { type AddressInfo, type Socket, connect } from 'node:net';
import type { Server } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CanaryReleaseObject } from '../../api/index.ts';
import { canaryReleases, releaseCommands } from '../../api/resources.ts';
import { TestCluster, healthy } from '../../controllers/cluster.testing.ts';
import { type Clock, systemClock } from '../../kube/clock.ts';
import { ApiError, type ApiClient, type KubeObject } from '../../kube/types.ts';
import { Access } from './access.ts';
import { Board } from './board.ts';
import { ClusterGate, type Gate, OwnGate } from './gate.ts';
import { dashboardServer } from './server.ts';
import { seen } from './seen.ts';
import { Surroundings } from './surroundings.ts';
import type { Told } from '../wire.ts';

let test: TestCluster;
let board: Board;
let server: Server | undefined;
let url: string;

beforeEach(async () => {
  test = await TestCluster.start();
  board = new Board();
  board.complete();
});

afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await test.stop();
});

async function serve(gate: Gate, hosts?: ReadonlySet<string>, clock: Clock = systemClock): Promise<void> {
  const asset = { type: 'text/html', body: Buffer.from('<p>'), etag: '"1"' };
  const assets = new Map([['/', asset]]);
  const onError = (error: unknown) => test.errors.push(String(error));
  const around = new Surroundings(test.admin, test.clock, onError);
  server = dashboardServer({ board, around, gate, assets, clock, hosts, onError });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the API server says of tokens and rights: `anna` may see all and command, `ben` may see `shop` alone. */
function reviewing(): ApiClient {
  const create = async (_type: unknown, object: KubeObject & { spec: Record<string, unknown> }) => {
    const { spec } = object;
    if (object.kind === 'TokenReview') {
      const name = String(spec['token']);
      return {
        ...object,
        status: { authenticated: ['anna', 'ben'].includes(name), user: { username: name } },
      };
    }
    const { namespace, resource } = spec['resourceAttributes'] as { namespace?: string; resource: string };
    const isBen = spec['user'] === 'ben';
    const allowed = isBen ? namespace === 'shop' && resource === 'canaryreleases' : true;
    return { ...object, status: { allowed } };
  };
  return { create } as unknown as ApiClient;
}

const acting = () => ({
  create: test.admin.create.bind(test.admin),
  get: test.admin.get.bind(test.admin),
  close: async () => undefined,
});
const clusterGate = (access = reviewing()) =>
  new ClusterGate(new Access(access, systemClock), systemClock, acting);
const ownGate = () => new OwnGate(test.admin, new Access(test.admin, systemClock));

async function show(): Promise<CanaryReleaseObject> {
  const object = await test.admin.get<CanaryReleaseObject>(canaryReleases, {
    namespace: 'shop',
    name: 'cart',
  });
  board.set(seen(object));
  return object;
}

/** The server-sent events of a page until there are so many of one kind. */
async function listen(
  path: string,
  until: (told: [keyof Told, unknown][]) => boolean,
  headers: Record<string, string> = {},
): Promise<[keyof Told, unknown][]> {
  const ended = new AbortController();
  const response = await fetch(url + path, { headers, signal: ended.signal });
  if (response.body === null || response.status !== 200) throw new Error(`HTTP ${response.status}`);
  const told: [keyof Told, unknown][] = [];
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const [, event, data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      if (event !== undefined) told.push([event as keyof Told, JSON.parse(data)]);
    }
    if (until(told)) break;
  }
  ended.abort();
  return told;
}

const releasesIn = (told: readonly [keyof Told, unknown][]) =>
  told.flatMap(([event, data]) => (event === 'releases' ? (data as Told['releases']) : []));

/** As the operator does: tells what became of the first command that there is. @returns its spec */
async function told(status: { phase: string; message: string }): Promise<unknown> {
  return vi.waitFor(async () => {
    const { items } = await test.admin.list<KubeObject & { spec: unknown }>(releaseCommands, {
      namespace: 'shop',
    });
    const [command] = items;
    if (command === undefined) throw new Error('nothing is ordered');
    const { name } = command.metadata;
    const patch = { status: { ...status, finishedAt: new Date().toISOString() } };
    const ref = { namespace: 'shop', name };
    await test.admin.patch(releaseCommands, ref, 'merge', patch, { subresource: 'status' });
    return command.spec;
  });
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-songbird': '1', ...headers },
    body: JSON.stringify(body),
  });

describe('the dashboard of one’s own', () => {
  it('tells of all releases, of each change, and all of the one that is looked at', async () => {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    const object = await show();
    await serve(ownGate());
    const listening = listen('/api/updates', (told) =>
      releasesIn(told).some(({ phase }) => phase === 'Progressing'),
    );
    await test.apply('cart:2');
    await test.until(({ step }) => step?.observedWeight === 20);
    await show();
    const told = await listening;
    const looked = await listen('/api/updates?release=shop/cart', (all) =>
      all.some(([event]) => event === 'detail'),
    );
    expect(told.slice(0, 3)).toMatchObject([
      ['reset', null],
      ['releases', [{ key: 'shop/cart', phase: 'Healthy' }]],
      ['complete', null],
    ]);
    expect(looked.map(([event]) => event).slice(0, 2)).toEqual(['rights', 'detail']);
    expect(looked[1]).toMatchObject([
      'detail',
      { key: 'shop/cart', stable: (object.status as { stableRevision: string }).stableRevision },
    ]);
    expect(JSON.stringify(looked)).not.toContain('"state"');
    expect(test.errors).toEqual([]);
  });

  it('gives commands and tells what became of them, and refuses what is none', async () => {
    await serve(ownGate());
    const ordering = post('/api/commands', { key: 'shop/cart', action: 'abort', revision: 'abc' });
    const spec = await told({ phase: 'Refused', message: 'abc is not the candidate' });
    const made = await ordering;
    expect(made.status).toBe(201);
    expect(await made.json()).toEqual({ phase: 'Refused', message: 'abc is not the candidate' });
    expect(spec).toMatchObject({ release: 'cart', action: 'abort', revision: 'abc' });
    const wrong = await post('/api/commands', { key: 'shop/cart', action: 'explode', revision: 'abc' });
    expect([wrong.status, ((await wrong.json()) as { message: string }).message]).toEqual([
      400,
      expect.stringContaining('spec.action must be one of'),
    ]);
    expect((await post('/api/commands', 'nonsense')).status).toBe(400);
    expect((await fetch(`${url}/api/nothing`)).status).toBe(404);
  });

  it('takes no orders from other pages, and answers to no other name', async () => {
    await serve(ownGate(), new Set(['127.0.0.1']));
    const body = { key: 'shop/cart', action: 'abort', revision: 'abc' };
    expect((await post('/api/commands', body, { origin: 'http://elsewhere.example' })).status).toBe(403);
    // As a sandboxed frame says it.
    expect((await post('/api/commands', body, { origin: 'null' })).status).toBe(403);
    const plain = await fetch(`${url}/api/commands`, { method: 'POST', body: JSON.stringify(body) });
    expect(plain.status).toBe(403);
    const { items } = await test.admin.list(releaseCommands, { namespace: 'shop' });
    expect(items).toEqual([]);
    const page = await fetch(url);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await fetch(url, { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
  });
});

describe('a request', () => {
  it('that is too large is refused, however it comes', async () => {
    await serve(ownGate());
    const large = 'x'.repeat(70_000);
    expect((await post('/api/commands', { large })).status).toBe(413);
    const piecemeal = await fetch(`${url}/api/commands`, {
      method: 'POST',
      headers: { 'x-songbird': '1' },
      body: new Blob([large]).stream(),
      duplex: 'half',
    });
    expect(piecemeal.status).toBe(413);
    expect(test.errors).toEqual([]);
  });

  it('by another name than its own is answered by nobody', async () => {
    await serve(ownGate(), new Set(['localhost']));
    expect((await fetch(`${url}/api/session`)).status).toBe(421);
  });
});

describe('a page that takes nothing', () => {
  it('is written to no further, and given up after a while', async () => {
    const message = 'x'.repeat(2 ** 20);
    await test.apply('cart:1');
    const large = await show();
    for (let index = 0; index < 40; index++) {
      const metadata = { ...large.metadata, name: `s${index}`, uid: `${index}` };
      board.set(seen({ ...large, metadata, status: { message } }));
    }
    await serve(ownGate(), undefined, test.clock);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const closed = once(socket, 'close');
    const written = new Promise<number>((resolve) => {
      server?.once('connection', (side: Socket) => {
        const look = () => {
          if (side.writableLength > 0) resolve(side.writableLength);
          else setImmediate(look);
        };
        look();
      });
    });
    socket.pause().write('GET /api/updates HTTP/1.1\r\nHost: it\r\n\r\n');
    expect(await written).toBeLessThan(45 * 2 ** 20);
    await vi.waitFor(
      async () => {
        await test.clock.advance(31_000);
        expect(await connections()).toBe(0);
      },
      { timeout: 10_000 },
    );
    socket.destroy();
    await closed;
  });
});

function connections(): Promise<number> {
  return new Promise((resolve, reject) => {
    server?.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

describe('the dashboard of a cluster', () => {
  beforeEach(async () => {
    await test.apply('cart:1');
    const object = await show();
    const metadata = { ...object.metadata, namespace: 'bank', name: 'till', uid: 'other' };
    board.set(seen({ ...object, metadata }));
    await serve(clusterGate());
  });

  it('lets nobody in without a token, and shows what kubectl would', async () => {
    expect((await fetch(`${url}/api/updates`)).status).toBe(401);
    expect((await post('/api/session', { token: 'nobody' })).status).toBe(401);
    expect((await post('/api/session', {})).status).toBe(400);
    const names = async (token: string) => {
      const opened = await post('/api/session', { token });
      const cookie = opened.headers.get('set-cookie') ?? '';
      expect(cookie).toContain('HttpOnly; SameSite=Strict');
      const told = await listen('/api/updates', (all) => all.some(([event]) => event === 'complete'), {
        cookie: cookie.split(';')[0] ?? '',
      });
      return releasesIn(told).map(({ key }) => key);
    };
    expect(await names('anna')).toEqual(['bank/till', 'shop/cart']);
    expect(await names('ben')).toEqual(['shop/cart']);
    const bearer = await listen(
      '/api/updates?release=bank/till',
      (all) => all.some(([event]) => event === 'detail'),
      {
        authorization: 'Bearer ben',
      },
    );
    expect(bearer.at(-1)).toEqual(['detail', null]);
  });

  it('takes orders from who may give them', async () => {
    const order = (token: string, key: string) =>
      post('/api/commands', { key, action: 'abort', revision: 'abc' }, { authorization: `Bearer ${token}` });
    const refused = await order('ben', 'shop/cart');
    expect([refused.status, await refused.json()]).toEqual([
      403,
      { message: 'ben may not give commands in namespace shop' },
    ]);
    const ordered = order('anna', 'shop/cart');
    expect(await told({ phase: 'Executed', message: 'done' })).toMatchObject({ by: 'anna' });
    expect((await ordered).status).toBe(201);
    expect((await order('nobody', 'shop/cart')).status).toBe(401);
  });

  it('says who looks, and who nobody knows', async () => {
    const who = async (headers: Record<string, string>) =>
      (await fetch(`${url}/api/session`, { headers })).json();
    expect(await who({})).toEqual({ name: null, canLeave: false });
    expect(await who({ authorization: 'Bearer anna' })).toEqual({ name: 'anna', canLeave: false });
    const opened = await post('/api/session', { token: 'anna' });
    const cookie = (opened.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    expect(await who({ cookie })).toEqual({ name: 'anna', canLeave: true });
  });

  it('ends a session at once when its person wants that', async () => {
    const opened = await post('/api/session', { token: 'anna' });
    const cookie = (opened.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const closed = await fetch(`${url}/api/session`, {
      method: 'DELETE',
      headers: { cookie, 'x-songbird': '1' },
    });
    expect(closed.status).toBe(204);
    expect((await fetch(`${url}/api/updates`, { headers: { cookie } })).status).toBe(401);
  });

  it('says what the API server says', async () => {
    server?.close();
    const denied = { create: () => Promise.reject(new ApiError(503, 'ServiceUnavailable', 'etcd is away')) };
    await serve(clusterGate(denied as unknown as ApiClient));
    const answer = await post('/api/session', { token: 'anna' });
    expect([answer.status, await answer.json()]).toEqual([503, { message: 'etcd is away' }]);
  });
});
