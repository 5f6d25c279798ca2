import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../kube/clock.ts';
import { destinationRule, objectsOf, pod, service, split, virtualService, type World } from './fixtures.ts';
import { Front } from './front.ts';
import { Router } from './router.ts';
import { closeServer, listen, Sidecar } from './sidecar.ts';

let world: World;
let router: Router;
let front: Front;
let frontPort: number;
let sidecar: Sidecar;
let apps: Server[];

beforeEach(async () => {
  apps = [];
  world = {
    virtualServices: [virtualService(['shop'], [split({ v1: 100 })])],
    destinationRules: [destinationRule('shop', ['v1', 'v2'])],
    services: [service('shop')],
    pods: [],
  };
  router = new Router(objectsOf(world), 'demo');
  sidecar = await Sidecar.start({
    pod: 'a',
    namespace: 'demo',
    workload: 'shop-1',
    app: 'shop',
    version: 'v1',
  });
  front = new Front(router, new Map([['uid-a', sidecar]]), systemClock);
  frontPort = await front.listen();
});

afterEach(async () => {
  for (const app of apps) app.closeAllConnections();
  await front.close();
  await sidecar.close();
  for (const app of apps) await closeServer(app);
});

async function runPod(handler: RequestListener): Promise<void> {
  const app = createServer(handler);
  apps.push(app);
  world.pods = [pod('a', 'v1', await listen(app))];
  router.changed();
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

function call(
  path = '/',
  options: { method?: string; body?: string; host?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { method = 'GET', body, host = 'shop', headers = {} } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: frontPort, path, method, headers: { ...headers, host } },
      (response) => {
        text(response).then((read) => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: read });
        }, reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** The pod's counters as `code flags count`. */
async function counted(): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${sidecar.statsPort}/stats/prometheus`);
  return (await answer.text())
    .split('\n')
    .filter((line) => line.startsWith('istio_requests_total{'))
    .map(
      (line) =>
        /response_code="(\d+)".*response_flags="([^"]+)".* (\d+)$/.exec(line)?.slice(1).join(' ') ?? line,
    );
}

test('a request reaches the pod whole, and its answer comes back whole', async () => {
  await runPod((request, response) => {
    void text(request).then((body) => {
      const { 'x-user': user, 'x-hop': hop, host } = request.headers;
      response.writeHead(201, { 'x-version': 'v1', connection: 'close' });
      response.end(JSON.stringify({ method: request.method, url: request.url, host, user, hop, body }));
    });
  });
  const headers = { 'x-user': 'kim', connection: 'x-hop', 'x-hop': 'for this connection only' };
  const answer = await call('/cart?x=1', { method: 'POST', body: 'ten eggs', headers });
  expect(answer).toMatchObject({ status: 201, headers: { 'x-version': 'v1' } });
  expect(JSON.parse(answer.body)).toEqual({
    method: 'POST',
    url: '/cart?x=1',
    host: 'shop',
    user: 'kim',
    body: 'ten eggs',
  });
  expect(await counted()).toEqual(['201 - 1']);
});

test('answers are counted by code at the pod that gave them', async () => {
  let served = 0;
  await runPod((_, response) => {
    served += 1;
    response.writeHead(served % 4 === 0 ? 500 : 200).end();
  });
  for (let i = 0; i < 8; i += 1) await call();
  expect(await counted()).toEqual(['200 - 6', '500 - 2']);
});

test('what cannot be routed is refused with Envoy’s flag, and counted at no pod', async () => {
  expect(await call('/', { host: 'nowhere' })).toMatchObject({
    status: 404,
    headers: { 'x-response-flags': 'NR' },
  });
  expect(await call()).toMatchObject({ status: 503, headers: { 'x-response-flags': 'UH' } });
  expect(await counted()).toEqual([]);
});

test('a pod that breaks the connection is a 503 that counts as its own failure, sent once', async () => {
  let received = 0;
  await runPod((request) => {
    received += 1;
    request.socket.destroy();
  });
  expect(await call()).toMatchObject({ status: 503, headers: { 'x-response-flags': 'UC' } });
  expect(received).toBe(1);
  expect(await counted()).toEqual(['503 UC 1']);
});

test('an answer that breaks off halfway breaks off for the caller too', async () => {
  await runPod((_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
  });
  await expect(call()).rejects.toThrow();
  expect(await counted()).toEqual(['200 UPE 1']);
});

test('a caller that hangs up frees the pod, and is no answer of its', async () => {
  let freed = false;
  const received = Promise.withResolvers<undefined>();
  await runPod((_, response) => {
    response.on('close', () => (freed = true));
    received.resolve(undefined);
  });
  const request = httpRequest({ host: '127.0.0.1', port: frontPort, headers: { host: 'shop' } });
  request.on('error', () => undefined);
  request.end();
  await received.promise;
  request.destroy();
  await vi.waitFor(() => {
    expect(freed).toBe(true);
  });
  expect(await counted()).toEqual(['0 DC 1']);
});

test('a request under way ends well though its pod is being deleted, and the next goes elsewhere', async () => {
  const held = Promise.withResolvers<undefined>();
  const received = Promise.withResolvers<undefined>();
  await runPod((_, response) => {
    received.resolve(undefined);
    void held.promise.then(() => response.end('done'));
  });
  const [first] = world.pods;
  const answer = call();
  await received.promise;
  world.pods = [{ ...first!, metadata: { ...first!.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } }];
  router.changed();
  expect(await call()).toMatchObject({ status: 503, headers: { 'x-response-flags': 'UH' } });
  held.resolve(undefined);
  expect(await answer).toMatchObject({ status: 200, body: 'done' });
});

test('the statistics are served at one path only', async () => {
  expect((await fetch(`http://127.0.0.1:${sidecar.statsPort}/`)).status).toBe(404);
});
