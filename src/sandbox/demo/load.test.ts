import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, expect, test, vi } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { closeServer, listen } from '../mesh/sidecar.ts';
import { Load, NO_VERSION } from './load.ts';

let server: Server;
let load: Load;
const clock = new VirtualClock();

afterEach(async () => {
  server.closeAllConnections();
  await load.stop();
  await closeServer(server);
});

async function against(handler: RequestListener, timeoutMs = 10_000): Promise<void> {
  server = createServer(handler);
  load = new Load({ port: await listen(server), host: 'shop', perSecond: 200, timeoutMs, clock });
}

/** Moves the clock; the requests that it makes due are real. */
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 5) await clock.advance(5);
}

test('requests leave by the clock, though none has been answered', async () => {
  const held: (() => void)[] = [];
  await against((request, response) => {
    expect(request.headers.host).toBe('shop');
    held.push(() => response.setHeader('x-version', 'v1').end());
  });
  const period = load.begin();
  load.start();
  await pass(500);
  await vi.waitFor(() => {
    expect(held).toHaveLength(100);
  });
  expect(period.requests).toBe(0);
  load.begin();
  for (const answer of held) answer();
  await period.settled();
  expect(period).toMatchObject({ requests: 100, failed: 0, firstFailureAt: undefined });
});

test('what fell due during a stall is caught up', async () => {
  await against((_, response) => response.end());
  const period = load.begin();
  load.start();
  await clock.advance(1);
  clock.jump(60_000);
  await pass(999);
  load.begin();
  await period.settled();
  expect(period.requests).toBe(200);
});

test('answers are counted by version, failures by cause, and the first failure has its time', async () => {
  let served = 0;
  await against((request, response) => {
    served += 1;
    if (served <= 10) response.setHeader('x-version', 'v1').end();
    else if (served <= 13) response.writeHead(500, { 'x-version': 'v2' }).end();
    else if (served <= 15) response.writeHead(503, { 'x-response-flags': 'UH' }).end();
    else if (served <= 16) response.writeHead(404, { 'x-version': 'v2' }).end();
    else request.socket.destroy();
  });
  load.start();
  load.begin();
  const before = clock.monotonic();
  const period = load.begin();
  for (let sent = 1; sent <= 20; sent += 1) {
    await clock.advance(5);
    await vi.waitFor(() => {
      expect(period.requests).toBe(sent);
    });
  }
  expect(period.failed).toBe(9);
  expect(Object.fromEntries(period.versions)).toEqual({
    v1: { requests: 10, failed: 0 },
    v2: { requests: 4, failed: 3 },
    [NO_VERSION]: { requests: 6, failed: 6 },
  });
  expect(Object.fromEntries(period.causes)).toEqual({ '500': 3, '503 UH': 2, ECONNRESET: 4 });
  expect((period.firstFailureAt ?? 0) - before).toBe(55);
});

test('a request belongs to the period in which it was sent, not to the one in which it was answered', async () => {
  const held: (() => void)[] = [];
  await against((_, response) => held.push(() => response.writeHead(500).end()));
  const first = load.begin();
  load.start();
  await pass(50);
  const second = load.begin();
  await vi.waitFor(() => {
    expect(held).toHaveLength(10);
  });
  for (const answer of held) answer();
  await first.settled();
  expect([first.failed, second.failed]).toEqual([10, 0]);
});

test('a request without an answer in time has failed, once', async () => {
  await against(() => undefined, 1000);
  const period = load.begin();
  load.start();
  await pass(5);
  load.begin();
  await pass(995);
  expect(period.failed).toBe(0);
  await pass(10);
  await period.settled();
  expect(Object.fromEntries(period.causes)).toEqual({ 'no answer in time': 1 });
});

test('an answer that breaks off has failed', async () => {
  await against((_, response) => {
    response
      .writeHead(200, { 'x-version': 'v1', 'content-length': '9' })
      .write('x', () => response.destroy());
  });
  const period = load.begin();
  load.start();
  await pass(5);
  load.begin();
  await period.settled();
  expect(Object.fromEntries(period.causes)).toEqual({ 'cut off': 1 });
  expect(period.versions.get('v1')).toEqual({ requests: 1, failed: 1 });
});

test('the recent rate is of whole seconds gone by, by version', async () => {
  await against((_, response) => response.writeHead(500, { 'x-version': 'v1' }).end());
  await pass(1000 - (clock.monotonic() % 1000));
  const period = load.begin();
  load.start();
  for (let second = 1; second <= 3; second += 1) {
    await pass(995);
    await vi.waitFor(() => {
      expect(period.requests).toBe(second * 200 - 1);
    });
    await pass(5);
  }
  await vi.waitFor(() => {
    expect(period.requests).toBe(600);
  });
  const { requests = 0, failed = 0 } = load.recent(2).get('v1') ?? {};
  expect(requests).toBe(failed);
  expect(Math.abs(requests - 200)).toBeLessThanOrEqual(1);
});
