import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { PlainServer, parseAddress } from './http-server.ts';
import { OperatorMetrics } from './metrics.ts';
import { serve } from './serve.ts';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One request with the path exactly as it is given, which `fetch` would tidy up. */
function ask(port: number, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      });
    })
      .on('error', reject)
      .end();
  });
}

/** The operator's two servers, on free ports. */
async function served(ready: () => boolean = () => true) {
  const metrics = new OperatorMetrics();
  const ports: Record<string, number> = {};
  const close = await serve({
    flags: { metricsAddress: '127.0.0.1:0', healthAddress: '127.0.0.1:0' },
    metrics,
    ready,
    listening: (port, paths) => (ports[paths] = port),
  });
  ends.push(close);
  return { metrics, metricsPort: ports['/metrics']!, healthPort: ports['/healthz and /readyz']! };
}

describe('probes and metrics', () => {
  it('are served on two ports, as Prometheus and the kubelet expect', async () => {
    const { metrics, metricsPort, healthPort } = await served();
    metrics.leader.set(1);
    const scrape = await ask(metricsPort, '/metrics');
    expect(scrape.status).toBe(200);
    expect(scrape.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(scrape.body).toContain('songbird_leader 1\n');
    expect(await ask(healthPort, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await ask(healthPort, '/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
    // Each knows only its own
    expect((await ask(healthPort, '/metrics')).status).toBe(404);
    expect((await ask(metricsPort, '/healthz')).status).toBe(404);
  });

  it('say alive and not ready while the caches are being filled', async () => {
    let ready = false;
    const { healthPort } = await served(() => ready);
    expect((await ask(healthPort, '/healthz')).status).toBe(200);
    expect(await ask(healthPort, '/readyz')).toMatchObject({
      status: 503,
      body: 'waiting for the first list of what is watched\n',
    });
    ready = true;
    expect((await ask(healthPort, '/readyz')).status).toBe(200);
  });

  it('leave no port behind when the second is taken', async () => {
    const { healthPort } = await served();
    const ports: number[] = [];
    const second = serve({
      flags: { metricsAddress: '127.0.0.1:0', healthAddress: `127.0.0.1:${healthPort}` },
      metrics: new OperatorMetrics(),
      ready: () => true,
      listening: (port) => ports.push(port),
    });
    await expect(second).rejects.toThrow('EADDRINUSE');
    await expect(ask(ports[0]!, '/metrics')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('a plain server', () => {
  async function plain(endpoints: ConstructorParameters<typeof PlainServer>[0]): Promise<number> {
    const server = new PlainServer(endpoints);
    const port = await server.listen('127.0.0.1:0');
    ends.push(() => server.close());
    return port;
  }
  const fine = { '/fine': async () => ({ body: 'fine\n' }) };

  it('takes no notice of a query', async () => {
    const port = await plain(fine);
    expect(await ask(port, '/fine?verbose=1')).toMatchObject({ status: 200, body: 'fine\n' });
  });

  it.each(['/', '/fine/', '/fine/x', '//fine', '/FINE', '/../fine'])(
    'answers 404 at %s, and says what there is',
    async (path) => {
      const port = await plain(fine);
      expect(await ask(port, path)).toMatchObject({ status: 404, body: 'not found; served here: /fine\n' });
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'refuses %s, and says what is allowed',
    async (method) => {
      const port = await plain(fine);
      expect(await ask(port, '/fine', method)).toMatchObject({
        status: 405,
        headers: { allow: 'GET, HEAD' },
      });
    },
  );

  it('answers HEAD like GET, without the body', async () => {
    const port = await plain(fine);
    expect(await ask(port, '/fine', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('answers 500 with what went wrong, and goes on', async () => {
    const port = await plain({
      ...fine,
      '/broken': async () => {
        throw new Error('no such luck');
      },
    });
    expect(await ask(port, '/broken')).toMatchObject({ status: 500, body: 'Error: no such luck\n' });
    expect((await ask(port, '/fine')).status).toBe(200);
  });

  it('closes at once, though a client keeps its connection or waits for an answer', async () => {
    const server = new PlainServer({ '/slow': () => new Promise(() => undefined) });
    const port = await server.listen('127.0.0.1:0');
    const waiting = expect(ask(port, '/slow')).rejects.toThrow('socket hang up');
    // The request must have arrived, or there is nothing to close.
    await expect.poll(async () => (await ask(port, '/')).status).toBe(404);
    await server.close();
    await waiting;
  });
});

describe('an address to listen on', () => {
  it.each([
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ])('%s is one', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each(['', '8080', ':8080', 'host:', 'host:http', 'host:-1', 'host:65536', 'host:1.5', 'host: 80'])(
    '"%s" is none',
    async (text) => {
      expect(parseAddress(text)).toEqual({
        error: `"${text}" is no address to listen on: write host:port, such as 0.0.0.0:8080`,
      });
      await expect(new PlainServer({}).listen(text)).rejects.toThrow('is no address to listen on');
    },
  );
});
