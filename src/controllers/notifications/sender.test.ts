import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NotificationTarget, parsePolicy } from '../../api/index.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { ApiError, type KubeObject } from '../../kube/types.ts';
import { namespaces, secrets as secretsType } from '../../kube/well-known.ts';
import { type Handle, serviceOf } from '../../notifications/services/index.ts';
import { signatureOf } from '../../notifications/services/endpoint.ts';
import { notice } from '../../notifications/testing.ts';
import { Cluster, type InProcessClient } from '../../sandbox/index.ts';
import { createHttp } from '../../telemetry/http.ts';
import { withServer } from '../../telemetry/testing/http.ts';
import { AUTHORITY, SERVER } from '../../telemetry/testing/tls.ts';
import { Secrets } from '../canary-release/secrets.ts';
import { type Delivery, SEND_MS, Sender } from './sender.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let clock: VirtualClock;
let client: InProcessClient;
let close: () => Promise<void>;
let sender: Sender;
let stopping: AbortController;
let leads: boolean;

beforeEach(async () => {
  clock = new VirtualClock();
  client = new Cluster({ clock, seed: 1 }).client({ user: 'test' });
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const connections = createHttp();
  close = connections.close;
  stopping = new AbortController();
  leads = true;
  sender = new Sender({
    http: connections.http,
    clock,
    secrets: new Secrets({ client, clock }),
    mayAct: () => {
      if (!leads) throw new ApiError(0, 'NotLeader', 'this process does not hold the lease');
    },
    stopping: stopping.signal,
  });
});

afterEach(async () => {
  await close();
});

async function secret(data: Record<string, string>): Promise<void> {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  await client.create<KubeObject & { data: unknown }>(secretsType, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'notify', namespace: 'shop' },
    data: Object.fromEntries(encoded) as unknown,
  });
}

const ref = (key: string) => ({ name: 'notify', key });

function send(service: object, update?: Handle): Promise<Delivery> {
  const parsed = parsePolicy({
    metadata: { name: 'team' },
    spec: { targets: [{ name: 'one', ...service }] },
  });
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  const target: NotificationTarget = parsed.spec.targets[0]!;
  return sender.send('shop', serviceOf(target).service, { notice: notice(), template: undefined, update });
}

const answering = (status: number, headers: Record<string, string> = {}, body = ''): Handler => {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  };
};
const hook = (port: number) => ({ webhook: { url: `http://127.0.0.1:${port}/in` } });

describe('a try to deliver', () => {
  it('arrives signed, so that the receiver can check it', async () => {
    await secret({ hmac: 'key of the team' });
    const had: { headers: IncomingMessage['headers']; body: string }[] = [];
    const receive: Handler = (request, response) => {
      void text(request).then((body) => {
        had.push({ headers: request.headers, body });
        response.writeHead(202).end();
      });
    };
    await withServer(receive, async (port) => {
      const service = { webhook: { url: `http://127.0.0.1:${port}/in`, hmacSecretRef: ref('hmac') } };
      expect(await send(service)).toEqual({ kind: 'delivered', message: undefined });
    });
    const [{ headers, body } = { headers: {}, body: '' }] = had;
    const time = String(headers['x-songbird-timestamp']);
    expect(headers['x-songbird-signature']).toBe(signatureOf('key of the team', time, body));
    expect(JSON.parse(body)).toMatchObject({ release: { name: 'cart' } });
  });

  it.each([
    [500, 'DeliveryFailed', 'it answers 500; it is tried again'],
    [503, 'DeliveryFailed', 'it answers 503; it is tried again'],
    [401, 'DeliveryRefused', 'it answers 401; is its address, or its token, right?'],
  ])('that is answered by %s has failed, with the mend', async (status, reason, message) => {
    await withServer(answering(status), async (port) => {
      expect(await send(hook(port))).toMatchObject({ kind: 'failed', problem: { reason, message } });
    });
  });

  it('comes back when a busy service says', async () => {
    await withServer(answering(429, { 'retry-after': '7' }), async (port) => {
      expect(await send(hook(port))).toMatchObject({ kind: 'failed', afterMs: 7000 });
    });
  });

  it('follows no redirect: it would take a token along', async () => {
    const paths: (string | undefined)[] = [];
    const redirect: Handler = (request, response) => {
      paths.push(request.url);
      answering(302, { location: '/elsewhere' })(request, response);
    };
    await withServer(redirect, async (port) => {
      expect(await send(hook(port))).toMatchObject({ problem: { reason: 'DeliveryRefused' } });
    });
    expect(paths).toEqual(['/in']);
  });

  it('ends in time when nobody answers', async () => {
    const asked = Promise.withResolvers<undefined>();
    const hang: Handler = () => {
      asked.resolve(undefined);
    };
    await withServer(hang, async (port) => {
      const trying = send(hook(port));
      await Promise.all([asked.promise, clock.advance(0)]);
      await clock.advance(SEND_MS);
      expect(await trying).toMatchObject({
        problem: { message: `127.0.0.1:${port} does not answer within 10 s; it is tried again` },
      });
    });
  });

  it('ends at once when the process stops', async () => {
    const asked = Promise.withResolvers<undefined>();
    const hang: Handler = () => {
      asked.resolve(undefined);
    };
    await withServer(hang, async (port) => {
      const trying = send(hook(port));
      await Promise.all([asked.promise, clock.advance(0)]);
      stopping.abort();
      await expect(trying).rejects.toThrow('given up');
    });
  });

  it('is not made by a process that does not lead', async () => {
    const requests: unknown[] = [];
    const note: Handler = (request, response) => {
      requests.push(request.url);
      answering(200)(request, response);
    };
    await withServer(note, async (port) => {
      leads = false;
      await expect(send(hook(port))).rejects.toThrow('does not hold the lease');
    });
    expect(requests).toEqual([]);
  });

  it('says of whom it cannot reach only what is no secret', async () => {
    let free = 0;
    await withServer(answering(200), async (port) => {
      free = port;
    });
    await secret({ url: `http://127.0.0.1:${free}/services/very-secret?sig=secret` });
    const delivery = await send({ teams: { urlSecretRef: ref('url') } });
    expect(delivery).toMatchObject({ kind: 'failed', problem: { reason: 'DeliveryFailed' } });
    expect(JSON.stringify(delivery)).toContain(`127.0.0.1:${free}`);
    expect(JSON.stringify(delivery)).not.toContain('secret');
  });

  it('fails with the Secret that is missing, and asks nobody', async () => {
    expect(await send({ discord: { urlSecretRef: ref('url') } })).toEqual({
      kind: 'failed',
      problem: {
        reason: 'SecretUnreadable',
        message: 'Secret notify does not exist in namespace shop: make it',
      },
      afterMs: undefined,
    });
  });

  it('reads a handle for the next update from the answer', async () => {
    await withServer(answering(200, {}, '{"id":"77"}'), async (port) => {
      await secret({ url: `http://127.0.0.1:${port}/api/webhooks/1/abc` });
      const discord = { discord: { urlSecretRef: ref('url') } };
      expect(await send(discord)).toEqual({ kind: 'delivered', message: { id: '77' } });
    });
  });
});

describe('TLS', () => {
  let server: ReturnType<typeof createServer>;
  let url: string;

  beforeEach(async () => {
    server = createServer(SERVER, (request, response) => {
      answering(200)(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('of an unknown authority is refused', async () => {
    expect(await send({ cloudEvents: { url } })).toMatchObject({
      kind: 'failed',
      problem: { reason: 'DeliveryFailed', message: expect.stringMatching(/certificate/) as string },
    });
  });

  it('of the authority that a Secret names is trusted', async () => {
    await secret({ ca: AUTHORITY });
    expect(await send({ cloudEvents: { url, caSecretRef: ref('ca') } })).toMatchObject({ kind: 'delivered' });
  });
});
