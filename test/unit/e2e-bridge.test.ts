import { access } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { BridgeHead, openBridge } from '../e2e/harness/bridge.ts';
import type { Bridge } from '../e2e/harness/bridge.ts';

const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

test('a bridge carries requests and long answers, and breaks them when it closes', async () => {
  const watches: ServerResponse[] = [];
  const server = await serve((path, response) => {
    response.write(`${path}\n`);
    if (path === '/watch') watches.push(response);
    else response.end('end');
  });
  const { bridge, head } = await across(`http://127.0.0.1:${server.port}/prefix/`);
  expect(head.access.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/prefix$/);
  expect(head.access.url).not.toContain(String(server.port));

  await expect(get(`${head.access.url}/a`), 'closed at first').rejects.toThrow();
  await head.open();
  expect(await get(`${head.access.url}/a`)).toBe('/prefix/a\nend');

  const watching = await fetch(new URL('/watch', head.access.url));
  const events = watching.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await events.read()).value).toBe('/watch\n');
  watches[0]!.write('later\n');
  expect((await events.read()).value).toBe('later\n');

  await head.close();
  await expect(events.read(), 'a watch breaks').rejects.toThrow();
  await expect(get(`${head.access.url}/a`), 'nobody listens').rejects.toThrow();
  await head.open();
  expect(await get(`${head.access.url}/b`)).toBe('/prefix/b\nend');

  await bridge.close();
  await expect(get(`${head.access.url}/c`), 'nothing behind the bridge').rejects.toThrow();
  await expect(access(Object.values(bridge.env)[0]!), 'the keys are gone').rejects.toThrow();
});

test('a server that is away breaks a request, not the bridge', async () => {
  const port = await freePort();
  const { head } = await across(`http://127.0.0.1:${port}`);
  await head.open();
  await expect(get(`${head.access.url}/a`)).rejects.toThrow();
  await serve((_, response) => response.end('back'), port);
  expect(await get(`${head.access.url}/a`)).toBe('back');
});

test('without a bridge in the environment there is none', async () => {
  expect(await BridgeHead.find({})).toBeUndefined();
});

async function across(url: string): Promise<{ bridge: Bridge; head: BridgeHead }> {
  const bridge = await openBridge({ url, token: 'secret' });
  undo.push(() => bridge.close());
  const head = (await BridgeHead.find(bridge.env, await freePort()))!;
  undo.push(() => head.close());
  expect(head.access.token).toBe('secret');
  return { bridge, head };
}

async function get(url: string): Promise<string> {
  return (await fetch(url)).text();
}

async function serve(
  answer: (path: string, response: ServerResponse) => void,
  port = 0,
): Promise<{ port: number; server: Server }> {
  const server = createServer((request, response) => {
    answer(request.url ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, server };
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
