import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpFixture, answer, failureOf, failureStatus, until } from './http-fixture.ts';
import type { KubeObject, WatchEvent } from './types.ts';
import { VirtualClock } from './virtual-clock.ts';
import { pods } from './well-known.ts';

let http: HttpFixture;
beforeEach(async () => {
  http = new HttpFixture();
  await http.start();
});
afterEach(async () => {
  await http.stop();
});

describe('watch', () => {
  const pod = (name: string, resourceVersion: string) => ({
    type: 'ADDED',
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { name, resourceVersion } },
  });
  const lines = (...events: unknown[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('');

  async function collect(watch: AsyncIterable<WatchEvent<KubeObject>>, into: string[]): Promise<void> {
    for await (const event of watch)
      into.push(`${event.type} ${'name' in event.object.metadata ? event.object.metadata.name : ''}`);
  }

  it('asks for bookmarks and ends when the server ends it', async () => {
    http.handle = (_request, response) => {
      response.end(
        lines(pod('a', '5'), { type: 'BOOKMARK', object: { metadata: { resourceVersion: '6' } } }),
      );
    };
    const seen: string[] = [];
    const options = { namespace: 'shop', resourceVersion: '4', timeoutSeconds: 300 };
    await collect(http.client().watch(pods, options), seen);
    expect(seen).toEqual(['ADDED a', 'BOOKMARK ']);
    expect(http.received[0]!.url).toBe(
      '/api/v1/namespaces/shop/pods?resourceVersion=4&timeoutSeconds=300&watch=true&allowWatchBookmarks=true',
    );
  });

  it('puts characters together that came in pieces, and drops a line that was cut off', async () => {
    http.handle = (_request, response) => {
      const bytes = Buffer.from(lines(pod('größe', '5')) + '{"type":"ADDED","obj');
      const middle = bytes.indexOf('ö') + 1;
      response.write(bytes.subarray(0, middle));
      setImmediate(() => response.end(bytes.subarray(middle)));
    };
    const seen: string[] = [];
    await collect(http.client().watch(pods, { resourceVersion: '4' }), seen);
    expect(seen).toEqual(['ADDED größe']);
  });

  it('ends with the Status of an ERROR event, 410 where the resource version is too old', async () => {
    http.handle = (_request, response) => {
      response.end(
        lines(pod('a', '5'), {
          type: 'ERROR',
          object: failureStatus(410, 'Expired', 'too old resource version: 4 (9)'),
        }),
      );
    };
    const seen: string[] = [];
    const error = await failureOf(collect(http.client().watch(pods, { resourceVersion: '4' }), seen));
    expect(seen).toEqual(['ADDED a']);
    expect(error).toMatchObject({
      code: 410,
      reason: 'Expired',
      message: 'watch pods: too old resource version: 4 (9)',
    });
  });

  it('fails as any request where the server refuses it', async () => {
    http.handle = (_request, response) => {
      answer(response, 403, failureStatus(403, 'Forbidden', 'pods is forbidden'));
    };
    const error = await failureOf(collect(http.client().watch(pods, { resourceVersion: '4' }), []));
    expect(error).toMatchObject({ code: 403, message: 'watch pods: pods is forbidden' });
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['no event', '{"kind":"Pod"}\n'],
    ['an event of a type that nobody knows', '{"type":"MOVED","object":{"metadata":{}}}\n'],
    ['an error without a Status', '{"type":"ERROR","object":{"metadata":{}}}\n'],
  ])('fails where a line is %s', async (_name, text) => {
    http.handle = (_request, response) => response.end(text);
    const error = await failureOf(collect(http.client().watch(pods, { resourceVersion: '4' }), []));
    expect(error).toMatchObject({ code: 0, reason: 'ConnectionFailed' });
  });

  it('fails where the connection breaks', async () => {
    http.handle = (_request, response) => {
      response.write(lines(pod('a', '5')));
      setImmediate(() => response.destroy());
    };
    const error = await failureOf(collect(http.client().watch(pods, { resourceVersion: '4' }), []));
    expect(error).toMatchObject({ code: 0, reason: 'ConnectionFailed' });
  });

  it('fails where nothing is heard for too long, bookmarks count as a sign of life', async () => {
    const clock = new VirtualClock();
    let stream: ServerResponse | undefined;
    http.handle = (_request, response) => {
      stream = response;
      response.flushHeaders();
    };
    const seen: string[] = [];
    const client = http.client({ clock, watchInactivityMs: 1000 });
    const error = failureOf(collect(client.watch(pods, { resourceVersion: '4' }), seen));
    for (let i = 1; i <= 3; i++) {
      await until(() => stream !== undefined);
      stream!.write(lines({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '6' } } }));
      await until(() => seen.length === i);
      await clock.advance(999);
    }
    await clock.advance(1);
    expect(await error).toMatchObject({ code: 0, reason: 'Timeout' });
    expect(seen).toHaveLength(3);
  });

  it('takes as long as its reader needs: a slow reader is no silent server', async () => {
    const clock = new VirtualClock();
    http.handle = (_request, response) => {
      response.write(lines(pod('a', '5'), pod('b', '6')));
    };
    const client = http.client({ clock, watchInactivityMs: 1000 });
    const watch = client.watch(pods, { resourceVersion: '4' });
    expect((await watch.next()).value).toMatchObject({ object: { metadata: { name: 'a' } } });
    await clock.advance(100_000);
    expect((await watch.next()).value).toMatchObject({ object: { metadata: { name: 'b' } } });
    await watch.return();
  });

  it.each(['the signal', 'leaving the loop'])('is over on both sides by %s', async (way) => {
    let closed = false;
    http.handle = (_request, response) => {
      response.on('close', () => {
        closed = true;
      });
      response.write(lines(pod('a', '5')));
    };
    const stop = new AbortController();
    const watch = http.client().watch(pods, { resourceVersion: '4', signal: stop.signal });
    for await (const event of watch) {
      expect(event.type).toBe('ADDED');
      if (way === 'the signal') stop.abort();
      else break;
    }
    await until(() => closed);
  });

  it('with a signal that has aborted before ends without a word', async () => {
    await collect(http.client().watch(pods, { resourceVersion: '4', signal: AbortSignal.abort() }), []);
    expect(http.received).toEqual([]);
  });
});
