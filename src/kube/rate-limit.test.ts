import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { RateLimitedClient, TokenBucket } from './rate-limit.ts';
import type { RateLimitedClientOptions } from './rate-limit.ts';
import { ScriptedApi } from './scripted-api.ts';
import type { ApiClient, KubeObject } from './types.ts';
import { VirtualClock } from './virtual-clock.ts';
import { pods, services } from './well-known.ts';

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

describe('a token bucket', () => {
  it('lets a burst through, then so many a second, in turn', async () => {
    const bucket = new TokenBucket(clock, { perSecond: 2, burst: 3 });
    const served: string[] = [];
    for (let i = 0; i < 6; i++) void bucket.take().then(() => served.push(`${i} at ${clock.monotonic()}`));
    await clock.advance(10_000);
    expect(served).toEqual(['0 at 0', '1 at 0', '2 at 0', '3 at 500', '4 at 1000', '5 at 1500']);
  });

  it('gives nothing to who will not wait while others do', async () => {
    const bucket = new TokenBucket(clock, { perSecond: 1, burst: 1 });
    expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false]);
    void bucket.take();
    await clock.advance(999);
    expect(bucket.tryTake()).toBe(false);
    await clock.advance(1001);
    expect(bucket.tryTake()).toBe(true);
  });

  it('gives on credit to who must not wait, and the others wait longer for it', async () => {
    const bucket = new TokenBucket(clock, { perSecond: 1, burst: 1 });
    for (let i = 0; i < 3; i++) bucket.force();
    const served: number[] = [];
    void bucket.take().then(() => served.push(clock.monotonic()));
    await clock.advance(60_000);
    expect(served).toEqual([3000]);
    expect(bucket.isFull).toBe(true);
  });

  it.each([
    { perSecond: 0, burst: 1 },
    { perSecond: 1, burst: 0 },
    { perSecond: NaN, burst: 1 },
  ])('refuses the rate $perSecond, $burst, which would let nothing through', (rate) => {
    expect(() => new TokenBucket(clock, rate)).toThrow('lets nothing through');
  });

  it('never serves more than burst + rate × time, and everybody in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(300), { maxLength: 40 }),
        async (perSecond, burst, gaps) => {
          const time = new VirtualClock();
          const bucket = new TokenBucket(time, { perSecond, burst });
          const served: number[] = [];
          for (const gap of gaps) {
            await time.advance(gap);
            void bucket.take().then(() => served.push(time.monotonic()));
          }
          await time.advance((gaps.length / perSecond + 1) * 1000);
          expect(served).toHaveLength(gaps.length);
          served.forEach((first, i) => {
            served.slice(i).forEach((last, j) => {
              expect(j + 1).toBeLessThanOrEqual(burst + ((last - first) / 1000) * perSecond + 1e-6);
            });
          });
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a rate-limited client', () => {
  let sent: string[];
  const pod = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'shop', name },
  });

  function clientWith(options: Partial<RateLimitedClientOptions> = {}): RateLimitedClient {
    sent = [];
    const say = (what: string) => sent.push(`${what} at ${clock.monotonic()}`);
    const inner: ApiClient = {
      ...new ScriptedApi().client,
      get: async () => {
        say('get');
        throw new Error('not there');
      },
      create: async (_type, object) => {
        say(`create ${object.metadata.name}`);
        return object;
      },
      update: async (_type, object) => {
        say(`update ${object.metadata.name}`);
        return object;
      },
      patch: async <T extends KubeObject>(_type: unknown, ref: { name: string }) => {
        say(`patch ${ref.name}`);
        return pod(ref.name) as T;
      },
      delete: async (_type, ref) => {
        say(`delete ${ref.name}`);
      },
    };
    return new RateLimitedClient(inner, {
      clock,
      overall: { perSecond: 10, burst: 3 },
      perObject: { perSecond: 1, burst: 2 },
      ...options,
    });
  }

  it('limits all writes together, of whatever kind, and no read', async () => {
    const client = clientWith();
    void client.create(pods, pod('a'));
    void client.update(pods, pod('b'));
    void client.delete(pods, { namespace: 'shop', name: 'c' });
    void client.patch(pods, { namespace: 'shop', name: 'd' }, 'merge', {});
    client.get(pods, { namespace: 'shop', name: 'e' }).catch(() => undefined);
    await clock.advance(1000);
    expect(sent).toEqual(['get at 0', 'create a at 0', 'update b at 0', 'delete c at 0', 'patch d at 100']);
  });

  it('limits the writes to one object, without holding up others', async () => {
    const client = clientWith({ overall: { perSecond: 10, burst: 10 } });
    for (let i = 0; i < 4; i++) void client.update(pods, pod('busy'));
    void client.update(pods, pod('calm'));
    void client.update(services, pod('busy'));
    await clock.advance(5000);
    expect(sent).toEqual([
      'update busy at 0',
      'update busy at 0',
      'update calm at 0',
      'update busy at 0',
      'update busy at 1000',
      'update busy at 2000',
    ]);
  });

  it('lets urgent writes pass those that wait', async () => {
    const client = clientWith({ overall: { perSecond: 1, burst: 1 } });
    await client.update(pods, pod('a'));
    void client.update(pods, pod('b'));
    void client.patch(pods, { namespace: 'shop', name: 'rollback' }, 'json', [], { urgent: true });
    await clock.advance(5000);
    expect(sent).toEqual(['update a at 0', 'patch rollback at 0', 'update b at 2000']);
  });

  it('asks the guard after all waiting, and sends nothing that it refuses', async () => {
    let leading = true;
    const asked: string[] = [];
    const client = clientWith({
      overall: { perSecond: 1, burst: 1 },
      beforeWrite: ({ verb, type, key }) => {
        asked.push(`${verb} ${type.plural} ${key}`);
        if (!leading) throw new Error('not the leader');
      },
    });
    await client.update(pods, pod('a'));
    const late = expect(client.delete(pods, { namespace: 'shop', name: 'b' })).rejects.toThrow(
      'not the leader',
    );
    leading = false;
    await clock.advance(1000);
    await late;
    const urgent = client.patch(pods, { namespace: 'shop', name: 'c' }, 'json', [], { urgent: true });
    await expect(urgent).rejects.toThrow('not the leader');
    expect(asked).toEqual(['update pods shop/a', 'delete pods shop/b', 'patch pods shop/c']);
    expect(sent).toEqual(['update a at 0']);
  });

  it('still knows a busy object after thousands of others', async () => {
    const client = clientWith({
      overall: { perSecond: 1e6, burst: 1e6 },
      perObject: { perSecond: 1, burst: 1 },
    });
    void client.update(pods, pod('busy'));
    void client.update(pods, pod('busy'));
    for (let i = 0; i < 3000; i++) void client.update(pods, pod(`other-${i}`));
    void client.update(pods, pod('busy'));
    await clock.advance(3000);
    expect(sent.filter((line) => line.includes('busy'))).toEqual([
      'update busy at 0',
      'update busy at 1000',
      'update busy at 2000',
    ]);
  });
});
