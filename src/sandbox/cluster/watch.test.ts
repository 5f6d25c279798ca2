import { describe, expect, it } from 'vitest';
import type { Timer } from '../../kube/clock.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { Cluster } from './cluster.ts';
import { ApiError, type WatchEvent, type WatchOptions } from '../../kube/types.ts';
import { configMaps } from '../../kube/well-known.ts';
import type { InProcessClient } from './client.ts';
import type { Stored } from './object.ts';
import { configMap, failureOf, named, testCluster } from './testing.ts';

/** Watches until the watch ends; `seen` grows as events come. */
function observe(client: InProcessClient, options: WatchOptions) {
  const seen: string[] = [];
  const text = (event: WatchEvent<Stored>) =>
    event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.metadata.name}`;
  const ended = (async () => {
    for await (const event of client.watch<Stored>(configMaps, options)) seen.push(text(event));
  })();
  return { seen, ended };
}

describe('a watch', () => {
  it('begins after its resourceVersion and shows every change in order', async () => {
    const { client, clock } = testCluster();
    await client.create(configMaps, configMap('old'));
    const { resourceVersion } = await client.list(configMaps);
    await client.create(configMaps, configMap('a'));
    const { seen } = observe(client, { resourceVersion });
    await client.patch(configMaps, named('a'), 'merge', { data: { n: '1' } });
    await client.delete(configMaps, named('a'));
    await clock.advance(0);
    expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  it('shows the last state of what is deleted, with the revision of its deletion', async () => {
    const { client, clock } = testCluster();
    const created = await client.create(configMaps, configMap('a', { n: '1' }));
    const events: WatchEvent<Stored>[] = [];
    void (async () => {
      const { resourceVersion = '' } = created.metadata;
      for await (const event of client.watch<Stored>(configMaps, { resourceVersion })) events.push(event);
    })();
    await client.delete(configMaps, named('a'));
    await clock.advance(0);
    expect(events).toMatchObject([{ type: 'DELETED', object: { data: { n: '1' } } }]);
    const { resourceVersion } = await client.list(configMaps);
    expect(events[0]?.object.metadata.resourceVersion).toBe(resourceVersion);
  });

  it('sees objects come into and go out of its selector', async () => {
    const { client, clock } = testCluster();
    const { resourceVersion } = await client.list(configMaps);
    const { seen } = observe(client, { resourceVersion, labelSelector: 'on=yes' });
    await client.create(configMaps, configMap('a'));
    await client.patch(configMaps, named('a'), 'merge', { metadata: { labels: { on: 'yes' } } });
    await client.patch(configMaps, named('a'), 'merge', { data: { n: '1' } });
    await client.patch(configMaps, named('a'), 'merge', { metadata: { labels: { on: 'no' } } });
    await client.delete(configMaps, named('a'));
    await clock.advance(0);
    expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  it('gets bookmarks, and ends when its time is over', async () => {
    const { client, clock } = testCluster({ bookmarkMs: 10_000 });
    const { resourceVersion } = await client.list(configMaps);
    const { seen, ended } = observe(client, { resourceVersion, timeoutSeconds: 25 });
    await clock.advance(21_000);
    expect(seen).toEqual(['BOOKMARK', 'BOOKMARK']);
    await clock.advance(5_000);
    await ended;
    expect(seen).toEqual(['BOOKMARK', 'BOOKMARK', 'BOOKMARK']);
  });

  it('ends when its signal aborts', async () => {
    const { client, clock } = testCluster();
    const { resourceVersion } = await client.list(configMaps);
    const abort = new AbortController();
    const { seen, ended } = observe(client, { resourceVersion, signal: abort.signal });
    await clock.advance(0);
    abort.abort();
    await ended;
    await client.create(configMaps, configMap('a'));
    expect(seen).toEqual([]);
  });

  it('from a forgotten revision fails with 410', async () => {
    const { client } = testCluster({ historyLimit: 10 });
    const { resourceVersion } = await client.list(configMaps);
    for (let index = 0; index < 30; index += 1) await client.create(configMaps, configMap(`c${index}`));
    const error = await failureOf(observe(client, { resourceVersion }).ended);
    expect(error).toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('from a revision to come is silent until then', async () => {
    const { client, clock } = testCluster();
    const { resourceVersion } = await client.list(configMaps);
    const { seen } = observe(client, { resourceVersion: String(Number(resourceVersion) + 2) });
    for (const name of ['a', 'b', 'c']) await client.create(configMaps, configMap(name));
    await clock.advance(0);
    expect(seen).toEqual(['ADDED c']);
  });

  it('leaves no timer behind when the cluster stops', async () => {
    const clock = new CountingClock();
    const cluster = new Cluster({ clock, bookmarkMs: 1000 });
    const client = cluster.client();
    const { resourceVersion } = await client.list(configMaps);
    const { ended } = observe(client, { resourceVersion });
    await clock.advance(2500);
    expect(clock.pending).toBeGreaterThan(0);
    cluster.stop();
    await ended;
    expect(clock.pending).toBe(0);
  });
});

/** Knows how many timers wait. */
class CountingClock extends VirtualClock {
  pending = 0;

  override after(ms: number, callback: () => void): Timer {
    this.pending += 1;
    let waits = true;
    const settle = () => {
      if (waits) this.pending -= 1;
      waits = false;
    };
    const timer = super.after(ms, () => {
      settle();
      callback();
    });
    return {
      cancel: () => {
        settle();
        timer.cancel();
      },
    };
  }
}

describe('interceptors', () => {
  it('fail a request before it is executed', async () => {
    const { client, cluster } = testCluster();
    const stop = cluster.intercept({
      before: (request) => {
        if (request.verb === 'create') throw new ApiError(503, 'ServiceUnavailable', 'no');
      },
    });
    expect(await failureOf(client.create(configMaps, configMap('a')))).toMatchObject({ code: 503 });
    stop();
    await client.create(configMaps, configMap('a'));
  });

  it('lose the answer of a write that was done', async () => {
    const { client, cluster } = testCluster();
    cluster.intercept({
      after: (request) => {
        if (request.verb === 'create' && request.user === 'test') {
          throw new ApiError(0, 'ConnectionFailed', 'lost');
        }
      },
    });
    expect(await failureOf(client.create(configMaps, configMap('a')))).toMatchObject({ code: 0 });
    expect((await client.get(configMaps, named('a'))).metadata.name).toBe('a');
  });

  it('delay a request until they let it through', async () => {
    const { client, cluster, clock } = testCluster();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    cluster.intercept({ before: (request) => (request.verb === 'create' ? gate : undefined) });
    const created = client.create(configMaps, configMap('a'));
    await clock.advance(1000);
    expect(await failureOf(client.get(configMaps, named('a')))).toMatchObject({ code: 404 });
    release();
    await created;
  });

  it('drop events and break watches', async () => {
    const { client, cluster, clock } = testCluster();
    const { resourceVersion } = await client.list(configMaps);
    cluster.intercept({
      event: (_request, event) => {
        const name = event.type === 'BOOKMARK' ? '' : event.object.metadata.name;
        if (name === 'broken') throw new ApiError(0, 'ConnectionFailed', 'reset');
        return name === 'lost' ? 'drop' : 'deliver';
      },
    });
    const { seen, ended } = observe(client, { resourceVersion });
    const failed = failureOf(ended);
    for (const name of ['a', 'lost', 'b', 'broken', 'c']) await client.create(configMaps, configMap(name));
    await clock.advance(0);
    expect(await failed).toMatchObject({ reason: 'ConnectionFailed' });
    expect(seen).toEqual(['ADDED a', 'ADDED b']);
  });

  it('do not see what the controllers of the cluster do', async () => {
    const { client, cluster, clock } = testCluster();
    const users = new Set<string>();
    cluster.intercept({ before: (request) => void users.add(request.user) });
    await client.create(configMaps, configMap('a'));
    await clock.advance(1000);
    expect([...users]).toEqual(['test']);
  });

  it('end all watches, as a restarting server does', async () => {
    const { client, cluster, clock } = testCluster();
    const { resourceVersion } = await client.list(configMaps);
    const first = observe(client, { resourceVersion });
    const second = observe(client, { resourceVersion });
    await clock.advance(0);
    cluster.endWatches();
    await Promise.all([first.ended, second.ended]);
    const third = observe(client, { resourceVersion });
    const failed = failureOf(third.ended);
    await clock.advance(0);
    cluster.endWatches(() => true, new ApiError(0, 'ConnectionFailed', 'gone'));
    expect(await failed).toMatchObject({ code: 0 });
  });
});
