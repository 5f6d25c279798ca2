import { beforeEach, describe, expect, it } from 'vitest';
import { EventRecorder } from './events.ts';
import type { EventDetails, EventObject, EventRecorderOptions } from './events.ts';
import { ScriptedApi } from './scripted-api.ts';
import { ApiError, keyOf } from './types.ts';
import type { ApiClient, KubeObject } from './types.ts';
import { VirtualClock } from './virtual-clock.ts';

let clock: VirtualClock;
let stored: Map<string, EventObject>;
let writes: string[];
let errors: string[];
let fault: ApiError | undefined;

beforeEach(() => {
  clock = new VirtualClock(Date.UTC(2030, 0, 1));
  stored = new Map();
  writes = [];
  errors = [];
  fault = undefined;
});

const missing = () => new ApiError(404, 'NotFound', 'not found');

/** Keeps Events as an API server does. */
const client: ApiClient = {
  ...new ScriptedApi().client,
  get: async <T extends KubeObject>(
    _type: unknown,
    ref: { name: string; namespace?: string | undefined },
  ) => {
    const event = stored.get(keyOf(ref));
    if (event === undefined) throw missing();
    return event as KubeObject as T;
  },
  create: async (_type, object) => {
    writes.push(`create ${object.metadata.name}`);
    if (fault !== undefined) throw fault;
    const key = keyOf(object.metadata);
    if (stored.has(key)) throw new ApiError(409, 'AlreadyExists', 'there');
    stored.set(key, object as KubeObject as EventObject);
    return object;
  },
  patch: async <T extends KubeObject>(
    _type: unknown,
    ref: { name: string; namespace?: string | undefined },
    _patchType: unknown,
    patch: unknown,
  ) => {
    writes.push(`patch ${ref.name}`);
    if (fault !== undefined) throw fault;
    const event = stored.get(keyOf(ref));
    if (event === undefined) throw missing();
    const patched = { ...event, ...(patch as Partial<EventObject>) };
    stored.set(keyOf(ref), patched);
    return patched as KubeObject as T;
  },
};

function recorderWith(options: Partial<EventRecorderOptions> = {}): EventRecorder {
  return new EventRecorder({
    client,
    clock,
    reportingController: 'songbird.dev/operator',
    reportingInstance: 'songbird-0',
    onError: (error) => errors.push(error instanceof Error ? error.message : ''),
    ...options,
  });
}

const release = (name = 'reviews'): KubeObject => ({
  apiVersion: 'songbird.dev/v1alpha1',
  kind: 'CanaryRelease',
  metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '7' },
});
const raised = (note = 'weight 5 → 40'): EventDetails => ({
  type: 'Normal',
  reason: 'WeightRaised',
  action: 'ShiftTraffic',
  note,
});
const only = () => {
  expect([...stored.values()]).toHaveLength(1);
  return [...stored.values()][0]!;
};

describe('an event', () => {
  it('says what happened to what, as events.k8s.io/v1 wants it', async () => {
    const recorder = recorderWith();
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'p' } };
    recorder.record(release(), { ...raised(), related: pod });
    expect(writes).toEqual([]);
    await recorder.flush();
    const { name } = only().metadata;
    expect(name).toMatch(/^reviews\.[0-9a-f]{16}$/);
    expect(only()).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'shop', name },
      eventTime: '2030-01-01T00:00:00.000000Z',
      type: 'Normal',
      reason: 'WeightRaised',
      action: 'ShiftTraffic',
      note: 'weight 5 → 40',
      reportingController: 'songbird.dev/operator',
      reportingInstance: 'songbird-0',
      regarding: {
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'CanaryRelease',
        namespace: 'shop',
        name: 'reviews',
        uid: 'uid-reviews',
        resourceVersion: '7',
      },
      related: { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'p' },
    });
  });

  it('of a cluster-scoped object is in the namespace default', async () => {
    const recorder = recorderWith();
    recorder.record({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, raised());
    await recorder.flush();
    expect(only().metadata.namespace).toBe('default');
    expect(only().regarding.namespace).toBeUndefined();
  });

  it('is cut to what the API server takes, not through a character', async () => {
    const recorder = recorderWith({ reportingInstance: 'i'.repeat(200) });
    recorder.record(release('n'.repeat(253)), { ...raised('→'.repeat(600)), reason: 'R'.repeat(200) });
    await recorder.flush();
    const event = only();
    expect(event.metadata.name).toHaveLength(253);
    expect(event.reason).toHaveLength(128);
    expect(event.reportingInstance).toHaveLength(128);
    expect(Buffer.byteLength(event.note)).toBeLessThanOrEqual(1024);
    expect(event.note).toMatch(/^→{340}…$/);
  });
});

describe('the same event again', () => {
  it('is one Event with a series, written once a minute at most', async () => {
    const recorder = recorderWith();
    for (let i = 0; i < 30; i++) {
      recorder.record(release(), raised());
      await clock.advance(10_000);
    }
    await clock.advance(60_000);
    expect(only().series).toEqual({ count: 30, lastObservedTime: '2030-01-01T00:04:50.000000Z' });
    expect(writes.length).toBeLessThanOrEqual(7);
    expect(recorder.dropped).toBe(0);
  });

  it('within one moment is a series from the start', async () => {
    const recorder = recorderWith();
    for (let i = 0; i < 3; i++) recorder.record(release(), raised());
    await recorder.flush();
    expect(only().series?.count).toBe(3);
    expect(writes).toHaveLength(1);
  });

  it('after a restart of the operator goes on with the series', async () => {
    const before = recorderWith();
    before.record(release(), raised());
    await before.stop();
    await clock.advance(5000);
    const after = recorderWith({ reportingInstance: 'songbird-1' });
    after.record(release(), raised());
    await after.stop();
    expect(only().series).toEqual({ count: 2, lastObservedTime: '2030-01-01T00:00:05.000000Z' });
    expect(errors).toEqual([]);
  });

  it('begins anew when the Event has expired', async () => {
    const recorder = recorderWith();
    recorder.record(release(), raised());
    await clock.advance(3_600_000);
    stored.clear();
    recorder.record(release(), raised());
    await recorder.flush();
    expect(only().series).toBeUndefined();
    expect(errors).toEqual([]);
  });

  it('is another Event where the note, the reason or the object differ', async () => {
    const recorder = recorderWith();
    recorder.record(release(), raised());
    recorder.record(release(), raised('weight 40 → 60'));
    recorder.record(release(), { ...raised(), reason: 'Other' });
    recorder.record(release('ratings'), raised());
    await recorder.flush();
    expect(stored.size).toBe(4);
  });
});

describe('best effort', () => {
  it('drops what one object says too fast, and counts it; others are not touched', async () => {
    const recorder = recorderWith({ perObject: { perSecond: 1, burst: 5 } });
    for (let i = 0; i < 20; i++) recorder.record(release(), raised(`note ${i}`));
    recorder.record(release('ratings'), raised());
    await recorder.flush();
    expect(stored.size).toBe(6);
    expect(recorder.dropped).toBe(15);
    await clock.advance(1000);
    recorder.record(release(), raised('later'));
    await recorder.flush();
    expect(stored.size).toBe(7);
  });

  it('drops what the server refuses, says so, and goes on', async () => {
    const recorder = recorderWith();
    fault = new ApiError(403, 'Forbidden', 'namespace shop is being terminated');
    recorder.record(release(), raised());
    await recorder.flush();
    expect([errors, recorder.dropped]).toEqual([['namespace shop is being terminated'], 1]);
    fault = undefined;
    recorder.record(release('ratings'), raised());
    await recorder.flush();
    expect(only().regarding.name).toBe('ratings');
  });

  it('does not try again later what was refused, not even what repeated itself meanwhile', async () => {
    const refusal = Promise.withResolvers<never>();
    let tries = 0;
    const create = () => {
      tries++;
      return refusal.promise;
    };
    const recorder = recorderWith({ client: { ...client, create } });
    recorder.record(release(), raised());
    await clock.advance(0);
    recorder.record(release(), raised());
    refusal.reject(new ApiError(404, 'NotFound', 'there is no namespace shop'));
    await recorder.flush();
    await clock.advance(600_000);
    expect([tries, recorder.dropped]).toEqual([1, 2]);
  });

  it('never waits for a server that hangs, nor piles up more than its queue', async () => {
    const recorder = recorderWith({
      client: { ...client, create: () => new Promise<never>(() => undefined) },
      maxQueued: 10,
    });
    for (let i = 0; i < 100; i++) recorder.record(release(`r${i}`), raised());
    await clock.advance(0);
    expect(recorder.dropped).toBe(90);
    const stopping = recorder.stop();
    await clock.advance(5000);
    await stopping;
    // One request hangs; the other nine were never tried.
    expect(recorder.dropped).toBe(99);
  });

  it('writes what waits when it is stopped, and nothing after', async () => {
    const recorder = recorderWith();
    recorder.record(release(), raised());
    await recorder.flush();
    recorder.record(release(), raised());
    expect(only().series).toBeUndefined();
    await recorder.stop();
    expect(only().series?.count).toBe(2);
    recorder.record(release(), raised());
    await clock.advance(3_600_000);
    expect(writes).toHaveLength(2);
    expect(recorder.dropped).toBe(1);
  });

  it('forgets old events instead of growing for ever', async () => {
    const recorder = recorderWith({ maxQueued: 10_000 });
    for (let i = 0; i < 3000; i++) recorder.record(release(`r${i}`), raised());
    await recorder.flush();
    expect(stored.size).toBe(3000);
    // The first is no longer known, and found on the server.
    recorder.record(release('r0'), raised());
    await recorder.flush();
    expect([...stored.values()][0]?.series?.count).toBe(2);
  });
});
