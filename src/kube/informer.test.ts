import { beforeEach, describe, expect, it } from 'vitest';
import { Informer } from './informer.ts';
import type { InformerOptions } from './informer.ts';
import { ScriptedApi } from './scripted-api.ts';
import { ApiError } from './types.ts';
import type { KubeObject } from './types.ts';
import { VirtualClock } from './virtual-clock.ts';
import { pods } from './well-known.ts';

let api: ScriptedApi;
let clock: VirtualClock;
let log: string[];
let errors: string[];
let recoveries: number;

beforeEach(() => {
  api = new ScriptedApi();
  clock = new VirtualClock();
  log = [];
  errors = [];
  recoveries = 0;
});

function pod(name: string, resourceVersion: string, uid = name): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name, uid, resourceVersion, labels: { app: name } },
  };
}
const listOf = (resourceVersion: string, ...items: KubeObject[]) => ({ items, resourceVersion });
const refused = (code: number, reason: string, retryAfterSeconds?: number) =>
  new ApiError(code, reason, reason, { retryAfterSeconds });

function informerWith(options: Partial<InformerOptions<KubeObject>> = {}): Informer<KubeObject> {
  const say = (what: string, object: KubeObject) =>
    log.push(`${what} ${object.metadata.name}@${object.metadata.resourceVersion ?? ''}`);
  return new Informer<KubeObject>({
    client: api.client,
    type: pods,
    clock,
    random: () => 1,
    freeze: true,
    handlers: {
      added: (object) => say('added', object),
      updated: (object, old) => say(`updated ${old.metadata.resourceVersion ?? ''} to`, object),
      deleted: (old) => say('deleted', old),
    },
    onError: (error, phase) => errors.push(`${phase}: ${error instanceof Error ? error.message : ''}`),
    onRecovery: () => recoveries++,
    ...options,
  });
}

/** An informer that has listed `items` at version 10 and watches. */
async function watching(items: KubeObject[], options: Partial<InformerOptions<KubeObject>> = {}) {
  api.answers.push(listOf('10', ...items));
  const informer = informerWith(options);
  informer.start();
  await clock.advance(0);
  log.length = 0;
  return informer;
}

describe('an informer', () => {
  it('lists in pages, is synced after the last one, then watches from the version of the list', async () => {
    const informer = informerWith({ labelSelector: 'app', namespace: 'shop' });
    api.answers.push({ ...listOf('10', pod('a', '3')), continue: 'more' });
    const second = Promise.withResolvers<ReturnType<typeof listOf>>();
    api.answers.push(second.promise);
    informer.start();
    await clock.advance(0);
    expect([api.lists.length, informer.hasSynced, informer.list()]).toEqual([2, false, []]);
    second.resolve(listOf('10', pod('b', '4')));
    await informer.whenSynced();
    await clock.advance(0);
    expect(informer.hasSynced).toBe(true);
    expect(log).toEqual(['added a@3', 'added b@4']);
    expect(api.lists.at(-1)).toMatchObject({
      limit: 500,
      continue: 'more',
      labelSelector: 'app',
      namespace: 'shop',
    });
    expect(api.watch.options).toMatchObject({
      resourceVersion: '10',
      labelSelector: 'app',
      namespace: 'shop',
    });
    await informer.stop();
  });

  it('follows events, and goes on from the last of them or the last bookmark', async () => {
    const informer = await watching([pod('a', '3')]);
    api.watch.send('ADDED', pod('b', '11'));
    api.watch.send('MODIFIED', pod('a', '12'));
    api.watch.send('MODIFIED', pod('a', '12'));
    api.watch.send('DELETED', pod('b', '13'));
    api.watch.bookmark('20');
    await clock.advance(5000);
    expect(log).toEqual(['added b@11', 'updated 3 to a@12', 'deleted b@11']);
    expect(informer.get('shop/a')?.metadata.resourceVersion).toBe('12');
    api.watch.end();
    await clock.advance(0);
    expect(api.watches).toHaveLength(2);
    expect(api.watch.options.resourceVersion).toBe('20');
    expect(errors).toEqual([]);
    await informer.stop();
  });

  it.each([
    [0, 300],
    [0.999, 599],
  ])('asks for watches of 5 to 10 minutes (random %d)', async (random, seconds) => {
    const informer = await watching([], { random: () => random });
    expect(api.watch.options.timeoutSeconds).toBe(seconds);
    await informer.stop();
  });

  it('lists again after 410 and replaces all at once, with deletes, and a new uid as delete and add', async () => {
    // Given four pods, and a version that the server has forgotten
    const informer = await watching([pod('a', '1'), pod('b', '2'), pod('c', '3'), pod('d', '4')]);
    api.answers.push(listOf('50', pod('a', '1'), pod('b', '30'), pod('c', '40', 'other uid')));
    const sizes: number[] = [];
    informer.addHandlers({ deleted: () => sizes.push(informer.list().length) });
    // When it says so
    api.watch.fail(refused(410, 'Expired'));
    await clock.advance(0);
    // Then each change is told once, the cache being whole already at the first
    expect(log).toEqual(['deleted d@4', 'updated 2 to b@30', 'deleted c@3', 'added c@40']);
    expect(sizes).toEqual([3, 3]);
    expect(api.watch.options.resourceVersion).toBe('50');
    expect(errors).toEqual([]);
    await informer.stop();
  });

  it('lists at once after an outage too', async () => {
    const informer = await watching([]);
    api.answers.push(listOf('50'));
    api.watch.fail(refused(0, 'ConnectionFailed'));
    await clock.advance(800);
    api.watch.fail(refused(410, 'Expired'));
    await clock.advance(0);
    expect(api.watch.options.resourceVersion).toBe('50');
    expect(errors).toEqual(['watch: ConnectionFailed']);
    await informer.stop();
  });

  it('backs off where 410 follows 410', async () => {
    const informer = await watching([]);
    api.answers.push(listOf('50'), listOf('51'));
    api.watch.fail(refused(410, 'Expired'));
    await clock.advance(0);
    api.watch.fail(refused(410, 'Expired'));
    await clock.advance(0);
    expect(errors).toEqual(['watch: Expired']);
    expect(api.lists).toHaveLength(2);
    await clock.advance(800);
    expect(api.lists).toHaveLength(3);
    await informer.stop();
  });

  it('takes a whole list where the pages expire', async () => {
    const informer = informerWith();
    api.answers.push(
      { ...listOf('10', pod('a', '3')), continue: 'more' },
      refused(410, 'Expired'),
      listOf('60', pod('b', '4')),
    );
    informer.start();
    await informer.whenSynced();
    await clock.advance(0);
    expect(api.lists.map((options) => [options.limit, options.continue])).toEqual([
      [500, undefined],
      [500, 'more'],
      [undefined, undefined],
    ]);
    expect(informer.list().map((object) => object.metadata.name)).toEqual(['b']);
    expect(api.watch.options.resourceVersion).toBe('60');
    await informer.stop();
  });

  const SOON = Array.from({ length: 8 }, () => 1500);

  it.each([
    ['1.5 s apart while the server is away', 0, [800, ...SOON]],
    ['1.5 s apart while it is not up yet', 503, [800, ...SOON]],
    ['1.5 s apart while rights are missing', 403, [800, ...SOON]],
    ['1.5 s apart while it does not know us', 401, [800, ...SOON]],
    ['30 s apart while it lacks the kind', 404, [800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]],
  ])('tries for ever, from 0.8 s to %s, and then syncs', async (_name, code, expected) => {
    const informer = informerWith();
    for (let i = 0; i < 9; i++) api.answers.push(refused(code, 'Reason'));
    api.answers.push(listOf('10', pod('a', '3')));
    informer.start();
    const at: number[] = [];
    let seen = 0;
    for (let elapsed = 0; elapsed < 200_000; elapsed += 100) {
      await clock.advance(elapsed === 0 ? 0 : 100);
      if (api.lists.length > seen) at.push(clock.monotonic());
      seen = api.lists.length;
    }
    const gaps = at.slice(1, 10).map((time, index) => time - at[index]!);
    expect(gaps).toEqual(expected);
    expect(errors.slice(0, 9).every((error) => error === 'list: Reason')).toBe(true);
    expect(recoveries).toBe(1);
    expect(informer.hasSynced).toBe(true);
    await informer.stop();
  });

  it('tries soon again when an outage turns into a refusal, as in the first moments of a server', async () => {
    const informer = informerWith();
    for (let i = 0; i < 6; i++) api.answers.push(refused(0, 'ConnectionFailed'));
    api.answers.push(refused(404, 'NotFound'), listOf('10'));
    informer.start();
    await clock.advance(800 + 5 * 1500);
    expect(errors.at(-1)).toBe('list: NotFound');
    await clock.advance(800);
    expect(informer.hasSynced).toBe(true);
    await informer.stop();
  });

  it('tells of its recovery once: at the first event of a watch that failed, at a list that failed', async () => {
    const informer = await watching([]);
    expect(recoveries).toBe(0);
    // Given a watch that is refused, though lists are not
    api.answers.push(listOf('20'), listOf('30'));
    api.watch.fail(refused(403, 'Forbidden'));
    await clock.advance(800);
    api.watch.fail(refused(403, 'Forbidden'));
    await clock.advance(1600);
    // Then the lists in between are no recovery
    expect([api.lists.length, recoveries]).toEqual([3, 0]);
    // But an event is
    api.watch.bookmark('31');
    api.watch.bookmark('32');
    await clock.advance(0);
    expect(recoveries).toBe(1);
    await informer.stop();
  });

  it('waits as long as a busy server asks, within reason', async () => {
    const informer = informerWith();
    api.answers.push(refused(429, 'TooManyRequests', 5), refused(503, 'ServiceUnavailable', 86_400));
    informer.start();
    await clock.advance(4999);
    expect(api.lists).toHaveLength(1);
    await clock.advance(1);
    expect(api.lists).toHaveLength(2);
    await clock.advance(60_000);
    expect(api.lists).toHaveLength(3);
    await informer.stop();
  });

  it('keeps what it knows while the server is away, and takes the watch up where it broke', async () => {
    const informer = await watching([pod('a', '3')]);
    api.watch.fail(refused(0, 'ConnectionFailed'));
    await clock.advance(800);
    expect(errors).toEqual(['watch: ConnectionFailed']);
    expect(informer.list()).toHaveLength(1);
    expect(api.lists).toHaveLength(1);
    expect(api.watches).toHaveLength(2);
    expect(api.watch.options.resourceVersion).toBe('10');
    // After an event the next failure counts as the first again
    api.watch.bookmark('11');
    api.watch.fail(refused(0, 'ConnectionFailed'));
    await clock.advance(800);
    expect(api.watches).toHaveLength(3);
    await informer.stop();
  });

  it('lists again where the watch is refused', async () => {
    const informer = await watching([pod('a', '3')]);
    api.answers.push(listOf('20', pod('a', '15')));
    api.watch.fail(new ApiError(403, 'Forbidden', 'pods is forbidden'));
    await clock.advance(800);
    expect(errors).toEqual(['watch: pods is forbidden']);
    expect(log).toEqual(['updated 3 to a@15']);
    expect(api.watch.options.resourceVersion).toBe('20');
    await informer.stop();
  });

  it('gives a silent watch up, though not one that sends bookmarks', async () => {
    const informer = await watching([]);
    const first = api.watch;
    for (let i = 0; i < 3; i++) {
      await clock.advance(149_999);
      first.bookmark(`${20 + i}`);
      await clock.advance(0);
    }
    expect(first.closed).toBe(false);
    expect(informer.silentMs).toBe(0);
    await clock.advance(150_000);
    expect(first.closed).toBe(true);
    expect(errors).toEqual(['watch: watch pods: nothing was heard for 150 s']);
    await informer.stop();
  });

  it('opens the watch anew where it is told that the connection may be dead, from the last version', async () => {
    const informer = await watching([pod('a', '3')]);
    const first = api.watch;
    first.send('ADDED', pod('b', '11'));
    await clock.advance(0);
    informer.rewatch();
    informer.rewatch();
    await clock.advance(0);
    expect(first.closed).toBe(true);
    expect(api.watches).toHaveLength(2);
    expect(api.watch.options.resourceVersion).toBe('11');
    api.watch.send('ADDED', pod('c', '12'));
    await clock.advance(0);
    expect(informer.list()).toHaveLength(3);
    expect([errors, api.lists.length]).toEqual([[], 1]);
    await informer.stop();
    // Without a watch there is nothing to open
    informer.rewatch();
    await clock.advance(1000);
    expect(api.watches).toHaveLength(2);
  });

  it('lists after silence: a server that was restored from a backup says nothing of a version to come', async () => {
    const informer = await watching([pod('a', '300')]);
    api.answers.push(listOf('7', pod('a', '5')));
    await clock.advance(150_800);
    expect(log).toEqual(['updated 300 to a@5']);
    expect(api.watch.options.resourceVersion).toBe('7');
    await informer.stop();
  });

  it('does not storm a server that ends every watch at once', async () => {
    const informer = await watching([]);
    for (let i = 0; i < 4; i++) {
      api.watch.end();
      await clock.advance(i === 0 ? 800 : 1500);
    }
    expect(api.watches).toHaveLength(5);
    expect(errors).toHaveLength(4);
    await informer.stop();
  });

  it('lists now and then even though all seems well', async () => {
    const informer = await watching([pod('a', '3')]);
    api.answers.push(listOf('70'));
    for (let minute = 1; minute <= 30; minute++) {
      expect(api.lists).toHaveLength(1);
      await clock.advance(60_000);
      api.watch.bookmark('15');
      await clock.advance(0);
    }
    expect(api.lists).toHaveLength(2);
    expect(log).toEqual(['deleted a@3']);
    expect(api.watch.options.resourceVersion).toBe('70');
    await informer.stop();
  });

  it('reports what a handler throws, and goes on with the next', async () => {
    const informer = await watching([]);
    informer.addHandlers({
      added: () => {
        throw new Error('broken');
      },
    });
    const seen: string[] = [];
    informer.addHandlers({ added: (object) => seen.push(object.metadata.name) });
    api.watch.send('ADDED', pod('b', '11'));
    api.watch.send('ADDED', pod('c', '12'));
    await clock.advance(0);
    expect(errors).toEqual(['handler: broken', 'handler: broken']);
    expect(seen).toEqual(['b', 'c']);
    await informer.stop();
  });

  it('shows late handlers what is there, finds by index, transforms, and freezes where asked', async () => {
    const informer = await watching([pod('a', '3'), pod('b', '4')], {
      indexers: { app: (object) => [object.metadata.labels?.['app'] ?? ''] },
      transform: (object) => ({ ...object, metadata: { ...object.metadata, annotations: { seen: 'yes' } } }),
    });
    const seen: string[] = [];
    informer.addHandlers({ added: (object) => seen.push(object.metadata.name) });
    expect(seen).toEqual(['a', 'b']);
    const [found] = informer.byIndex('app', 'b');
    expect(found?.metadata).toMatchObject({ name: 'b', annotations: { seen: 'yes' } });
    expect(() => {
      found!.metadata.name = 'x';
    }).toThrow(TypeError);
    await informer.stop();
  });
});

describe('stopping an informer leaves nothing running', () => {
  it('while it watches', async () => {
    const informer = await watching([]);
    await informer.stop();
    expect(api.watch.closed).toBe(true);
    await clock.advance(3_600_000);
    expect(api.watches).toHaveLength(1);
    expect(api.lists).toHaveLength(1);
    expect(errors).toEqual([]);
    expect(() => {
      informer.start();
    }).toThrow('was stopped');
  });

  it('while it lists, and those who wait for it hear of it', async () => {
    const informer = informerWith();
    informer.start();
    await clock.advance(0);
    const waiting = expect(informer.whenSynced()).rejects.toThrow('stopped before its first list');
    await informer.stop();
    await waiting;
    expect(errors).toEqual([]);
  });

  it('while it backs off', async () => {
    const informer = informerWith();
    api.answers.push(refused(500, 'InternalError'));
    informer.start();
    await clock.advance(0);
    await informer.stop();
    await clock.advance(3_600_000);
    expect(api.lists).toHaveLength(1);
  });
});
