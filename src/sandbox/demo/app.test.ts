import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { behaviourFromEnv, startApp } from './app.ts';
import type { App, AppOptions, Listen } from './app.ts';

const apps: App[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function start(options: Partial<AppOptions> = {}): Promise<App> {
  const app = await startApp({ version: 'v1', listen: { host: '127.0.0.1', port: 0 }, ...options });
  apps.push(app);
  return app;
}

function target(listen: Listen): object {
  return 'path' in listen ? { socketPath: listen.path } : listen;
}

async function get(
  app: App,
  path = '/',
  method = 'GET',
  body = '',
): Promise<IncomingMessage & { text: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ ...target(app.listen), path, method, agent: false }, resolve)
      .on('error', reject)
      .end(body);
  });
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return Object.assign(response, { text });
}

async function statuses(app: App, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index += 1) found.push((await get(app)).statusCode ?? 0);
  return found;
}

describe('the demo app', () => {
  it('says its version and its pod in each answer', async () => {
    const app = await start({ version: 'v7', pod: 'reviews-1' });
    const answer = await get(app, '/reviews/1', 'POST', 'a body');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['x-version']).toBe('v7');
    expect(JSON.parse(answer.text)).toEqual({ version: 'v7', pod: 'reviews-1' });
  });

  it('fails the same requests for the same seed, and other ones for another', async () => {
    const options = { errorRate: 0.5, errorStatus: 503 };
    const first = await statuses(await start({ ...options, seed: 5 }), 40);
    const again = await statuses(await start({ ...options, seed: 5 }), 40);
    const other = await statuses(await start({ ...options, seed: 6 }), 40);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 503]));
  });

  it('counts what it served and failed, readiness probes aside', async () => {
    const app = await start({ errorRate: 1 });
    await statuses(app, 3);
    await get(app, '/readyz');
    expect([app.served, app.failed]).toEqual([3, 3]);
  });

  it('is ready only after its time, and never when told so', async () => {
    const never = await start({ neverReady: true });
    const later = await start({ readyAfterMs: 3_600_000 });
    const atOnce = await start();
    const answers = await Promise.all([never, later, atOnce].map((app) => get(app, '/readyz')));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 503, 200]);
  });

  it('is slow while it is young, from its first request on, and not for ever', async () => {
    const young = await start({ warmUp: { forMs: 3_600_000, latencyMs: 1, rate: 1 } });
    await get(young, '/readyz');
    expect(young.slowed).toBe(0);
    await statuses(young, 4);
    expect(young.slowed).toBe(4);
    // The first request alone takes longer than its youth lasts.
    const grown = await start({ warmUp: { forMs: 5, latencyMs: 50, rate: 1 } });
    await statuses(grown, 4);
    expect(grown.slowed).toBe(1);
    const warm = await start();
    await statuses(warm, 2);
    expect(warm.slowed).toBe(0);
  });

  it('changes its behaviour while it runs, and refuses one that makes no sense', async () => {
    const app = await start();
    const refused = await get(app, '/behaviour', 'PUT', '{"errorRate": 30}');
    expect(refused.statusCode).toBe(400);
    expect(refused.text).toContain('errorRate is 30: it must be from 0 to 1');
    expect(await statuses(app, 2)).toEqual([200, 200]);

    const taken = await get(app, '/behaviour', 'PUT', '{"errorRate": 1}');
    expect(taken.statusCode).toBe(200);
    expect(await statuses(app, 2)).toEqual([500, 500]);
  });

  it('finishes what is under way when it drains, and asks clients to close', async () => {
    const app = await start();
    // Given a request whose head has arrived and whose body has not
    const pending = request({
      ...target(app.listen),
      method: 'POST',
      headers: { expect: '100-continue' },
      agent: false,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      pending.on('response', resolve).on('error', reject);
    });
    const arrived = new Promise((resolve) => pending.once('continue', resolve));
    pending.flushHeaders();
    await arrived;
    // When the app drains
    const drained = app.drain(0);
    expect(app.ready).toBe(false);
    pending.end('the body');
    // Then the request is answered, on a connection that is closed afterwards, and the drain comes to its end
    const response = await answered;
    response.resume();
    expect(response.statusCode).toBe(200);
    await drained;
    await expect(get(app)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('takes over a socket that a killed process left behind', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'songbird-app-'));
    try {
      const path = join(dir, 'app.sock');
      await writeFile(path, '');
      const app = await start({ listen: { path } });
      expect((await get(app)).statusCode).toBe(200);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describe('behaviourFromEnv', () => {
  it('takes the version from VERSION, else from the tag of the image', () => {
    expect(behaviourFromEnv({ VERSION: 'blue' }, 'demo-app:v2').version).toBe('blue');
    expect(behaviourFromEnv({}, 'localhost:5000/demo-app:v2').version).toBe('v2');
    expect(behaviourFromEnv({}, 'localhost:5000/demo-app').version).toBe('unknown');
  });

  it('reads numbers and names the variable that holds none', () => {
    expect(behaviourFromEnv({ ERROR_RATE: '0.3', LATENCY_MS: '800', NEVER_READY: 'true' })).toMatchObject({
      errorRate: 0.3,
      latencyMs: 800,
      neverReady: true,
    });
    expect(behaviourFromEnv({ WARM_UP_MS: '9000', WARM_UP_LATENCY_MS: '300' }).warmUp).toEqual({
      forMs: 9000,
      latencyMs: 300,
      rate: 1,
    });
    expect(() => behaviourFromEnv({ LATENCY_MS: '1s' })).toThrow(
      'LATENCY_MS is 1s: it must be a number from 0',
    );
  });
});
