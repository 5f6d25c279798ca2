import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { LeaderElector } from './leader-election.ts';
import type { LeaderElectorOptions } from './leader-election.ts';
import type { Lease } from './lease.ts';
import { ScriptedApi } from './scripted-api.ts';
import { ApiError } from './types.ts';
import type { ApiClient, KubeObject } from './types.ts';
import { VirtualClock } from './virtual-clock.ts';

/** The one lease, kept as an API server keeps it: creation once, stale updates refused. */
class LeaseServer {
  lease: Lease | undefined;
  writes = 0;
  /** What happens to a request of this candidate before (`refuse`) or after (`lose`) the server has dealt with it. */
  fault: (identity: string) => 'none' | 'refuse' | 'lose' | 'hang' = () => 'none';
  #version = 0;

  clientOf(identity: string): ApiClient {
    const request = async <T>(deal: () => T): Promise<T> => {
      const fault = this.fault(identity);
      if (fault === 'refuse') throw new ApiError(500, 'InternalError', 'etcd is away');
      if (fault === 'hang') return new Promise<never>(() => undefined);
      const answer = deal();
      if (fault === 'lose') throw new ApiError(0, 'Timeout', 'no answer');
      return answer;
    };
    return {
      ...new ScriptedApi().client,
      get: <T extends KubeObject>() =>
        request(() => {
          if (this.lease === undefined) throw new ApiError(404, 'NotFound', 'no lease');
          return this.lease as KubeObject as T;
        }),
      create: (_type, object) =>
        request(() => {
          if (this.lease !== undefined) throw new ApiError(409, 'AlreadyExists', 'there is a lease');
          return this.write(object);
        }),
      update: (_type, object) =>
        request(() => {
          if (this.lease === undefined) throw new ApiError(404, 'NotFound', 'no lease');
          if (object.metadata.resourceVersion !== this.lease.metadata.resourceVersion)
            throw new ApiError(409, 'Conflict', 'the object has been modified');
          return this.write(object);
        }),
    };
  }

  write<T extends KubeObject>(object: T): T {
    this.writes++;
    const metadata = { ...object.metadata, resourceVersion: `${++this.#version}` };
    const written = { ...object, metadata };
    this.lease = written;
    return written;
  }
}

let clock: VirtualClock;
let server: LeaseServer;
let log: string[];
let errors: string[];

beforeEach(() => {
  clock = new VirtualClock(Date.UTC(2030, 0, 1));
  server = new LeaseServer();
  log = [];
  errors = [];
});

interface Candidate {
  elector: LeaderElector;
  stop: AbortController;
  outcome: Promise<string>;
}

function candidate(identity: string, options: Partial<LeaderElectorOptions> = {}): Candidate {
  const elector = new LeaderElector({
    client: server.clientOf(identity),
    clock,
    namespace: 'songbird-system',
    name: 'songbird',
    identity,
    random: () => 0,
    onStartedLeading: async (signal) => {
      log.push(`${identity} starts`);
      signal.addEventListener('abort', () => log.push(`${identity} is told to stop`));
    },
    onStoppedLeading: (why) => log.push(`${identity} stopped: ${why}`),
    onError: (error) => errors.push(`${identity}: ${error instanceof Error ? error.message : ''}`),
    ...options,
  });
  const stop = new AbortController();
  const outcome = elector.run(stop.signal).catch((error: unknown) => `failed: ${String(error)}`);
  return { elector, stop, outcome };
}

describe('one candidate', () => {
  it('creates the lease, leads, and renews it every 2 s with the times that others read', async () => {
    const { elector } = candidate('a');
    expect(elector.isLeader()).toBe(false);
    await clock.advance(0);
    expect([elector.isLeader(), elector.leader, log]).toEqual([true, 'a', ['a starts']]);
    expect(server.lease).toMatchObject({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'songbird-system', name: 'songbird' },
      spec: {
        holderIdentity: 'a',
        leaseDurationSeconds: 15,
        acquireTime: '2030-01-01T00:00:00.000000Z',
        renewTime: '2030-01-01T00:00:00.000000Z',
        leaseTransitions: 0,
      },
    });
    await clock.advance(60_500);
    expect(server.lease?.spec).toMatchObject({
      acquireTime: '2030-01-01T00:00:00.000000Z',
      renewTime: '2030-01-01T00:01:00.000000Z',
      leaseTransitions: 0,
    });
    expect(server.writes).toBe(31);
    expect([elector.isLeader(), errors]).toEqual([true, []]);
  });

  it('keeps what others put on the lease object', async () => {
    candidate('a');
    await clock.advance(0);
    const lease = server.lease!;
    server.write({ ...lease, metadata: { ...lease.metadata, labels: { team: 'x' } } });
    await clock.advance(4000);
    expect(server.lease?.metadata.labels).toEqual({ team: 'x' });
    expect(server.lease?.spec?.renewTime).toBe('2030-01-01T00:00:04.000000Z');
    expect(log).toEqual(['a starts']);
  });

  it('on stop finishes its work as leader, then gives the lease back', async () => {
    const work = Promise.withResolvers<undefined>();
    const { elector, stop, outcome } = candidate('a', {
      onStartedLeading: async (signal) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        log.push('finishing');
        await work.promise;
        log.push(`finished, leading: ${elector.isLeader()}`);
      },
    });
    await clock.advance(0);
    stop.abort();
    await clock.advance(30_000);
    expect([log, elector.isLeader(), server.lease?.spec?.holderIdentity]).toEqual([['finishing'], true, 'a']);
    work.resolve(undefined);
    expect(await outcome).toBe('released');
    expect(log).toEqual(['finishing', 'finished, leading: true', 'a stopped: released']);
    expect(elector.isLeader()).toBe(false);
    expect(server.lease?.spec).toMatchObject({
      holderIdentity: '',
      leaseDurationSeconds: 1,
      leaseTransitions: 0,
    });
    const { writes } = server;
    await clock.advance(60_000);
    expect(server.writes).toBe(writes);
  });

  it('whose work fails gives the lease back and says why', async () => {
    const { outcome } = candidate('a', {
      onStartedLeading: async () => {
        throw new Error('no informer');
      },
    });
    await clock.advance(0);
    expect(await outcome).toBe('failed: Error: no informer');
    expect(server.lease?.spec?.holderIdentity).toBe('');
    expect(log).toEqual(['a stopped: released']);
  });

  it('stopped before it led leaves no trace', async () => {
    const { stop, outcome } = candidate('a');
    stop.abort();
    expect(await outcome).toBe('never led');
    expect(log).toEqual([]);
    expect(server.lease?.spec?.holderIdentity ?? '').toBe('');
  });

  it.each([
    [{ leaseDurationMs: 10_000 }, /lease duration \(10000 ms\) must be longer/],
    [{ retryPeriodMs: 12_000 }, /longer than the retry period/],
    [{ identity: '' }, /identity must not be empty/],
  ])('is refused with the options %j', (options, message) => {
    expect(() => candidate('a', options)).toThrow(message);
  });
});

describe('a leader whose renewals fail', () => {
  it('survives failures shorter than the renew deadline, also writes whose answers were lost', async () => {
    const { elector } = candidate('a');
    await clock.advance(0);
    server.fault = () => 'refuse';
    await clock.advance(5000);
    server.fault = () => 'lose';
    await clock.advance(2000);
    server.fault = () => 'none';
    await clock.advance(60_000);
    expect([elector.isLeader(), log]).toEqual([true, ['a starts']]);
    expect(errors.length).toBeGreaterThan(0);
    expect(server.lease?.spec?.leaseTransitions).toBe(0);
  });

  it.each(['refuse', 'hang'] as const)('stops leading at the renew deadline (%s)', async (fault) => {
    const { elector, outcome } = candidate('a');
    await clock.advance(0);
    server.fault = () => fault;
    await clock.advance(9999);
    expect([elector.isLeader(), log]).toEqual([true, ['a starts']]);
    await clock.advance(1);
    expect(elector.isLeader()).toBe(false);
    expect(log).toEqual(['a starts', 'a is told to stop', 'a stopped: lost']);
    expect(await outcome).toBe('lost');
    expect(server.lease?.spec?.holderIdentity).toBe('a');
  });

  it('is no leader from the moment a long pause ends, before any timer has fired', async () => {
    const { elector, outcome } = candidate('a');
    await clock.advance(1000);
    clock.stall(20_000);
    expect([elector.isLeader(), log]).toEqual([false, ['a starts']]);
    await clock.advance(0);
    expect(await outcome).toBe('lost');
    expect(log).toEqual(['a starts', 'a is told to stop', 'a stopped: lost']);
  });

  it('counts from before the renewal was sent: a slow answer prolongs nothing', async () => {
    // Given an answer that takes 4 s
    const client = server.clientOf('a');
    const slow: ApiClient = {
      ...client,
      update: async (type, object) => {
        const answer = await client.update(type, object);
        await new Promise<void>((resolve) => clock.after(4000, resolve));
        return answer;
      },
    };
    const { elector } = candidate('a', { client: slow });
    await clock.advance(6000);
    expect(elector.isLeader()).toBe(true);
    // sent at 2 s, answered at 6 s: valid until 12 s, not 16 s
    server.fault = () => 'hang';
    await clock.advance(5999);
    expect(elector.isLeader()).toBe(true);
    await clock.advance(1);
    expect(elector.isLeader()).toBe(false);
  });

  it.each([
    ['taken by force', 'b'],
    ['freed by force', ''],
  ])('stops at once when the lease was %s', async (_how, holderIdentity) => {
    const { elector, outcome } = candidate('a');
    await clock.advance(1000);
    server.write({ ...server.lease!, spec: { ...server.lease!.spec, holderIdentity } });
    await clock.advance(1000);
    expect(elector.isLeader()).toBe(false);
    expect(await outcome).toBe('lost');
    expect(server.lease?.spec?.holderIdentity).toBe(holderIdentity);
  });

  it('stops at once when the lease was deleted', async () => {
    const { outcome } = candidate('a');
    await clock.advance(1000);
    server.lease = undefined;
    await clock.advance(1000);
    expect(await outcome).toBe('lost');
  });
});

describe('two candidates', () => {
  it('the second takes over when the first has said nothing for the lease duration, as it saw it', async () => {
    candidate('a');
    await clock.advance(1000);
    const b = candidate('b');
    await clock.advance(20_000);
    expect([b.elector.isLeader(), b.elector.leader]).toEqual([false, 'a']);
    // When a dies at 21 s; its last renewal was at 20 s, and b saw it at 21 s at the latest
    server.fault = (identity) => (identity === 'a' ? 'hang' : 'none');
    await clock.advance(13_999);
    expect(b.elector.isLeader()).toBe(false);
    await clock.advance(4000);
    expect(b.elector.isLeader()).toBe(true);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    expect(log).toEqual(['a starts', 'a is told to stop', 'a stopped: lost', 'b starts']);
  });

  it('the second takes over at once when the first gives the lease back', async () => {
    const a = candidate('a');
    await clock.advance(0);
    const b = candidate('b');
    await clock.advance(500);
    a.stop.abort();
    await clock.advance(2000);
    expect(b.elector.isLeader()).toBe(true);
    expect(server.lease?.spec?.leaseTransitions).toBe(1);
  });

  it('clocks that disagree by years change nothing', async () => {
    candidate('a');
    await clock.advance(0);
    const skewed: Clock = {
      now: () => clock.now() + 10 * 365 * 86_400_000,
      monotonic: () => clock.monotonic() + 12_345,
      after: (ms, callback) => clock.after(ms, callback),
    };
    const b = candidate('b', { clock: skewed });
    await clock.advance(120_000);
    expect(b.elector.isLeader()).toBe(false);
    clock.jump(-86_400_000);
    await clock.advance(60_000);
    expect(b.elector.isLeader()).toBe(false);
    expect(log).toEqual(['a starts']);
  });

  it('hear of every new leader once', async () => {
    const heard: string[] = [];
    const a = candidate('a');
    await clock.advance(0);
    candidate('b', { onNewLeader: (identity) => heard.push(identity) });
    await clock.advance(10_000);
    a.stop.abort();
    await clock.advance(10_000);
    expect(heard).toEqual(['a', 'b']);
  });

  it('never lead at the same time, whatever happens to requests and processes, and one leads in the end', async () => {
    const fault = fc.constantFrom('none' as const, 'refuse' as const, 'lose' as const, 'hang' as const);
    const step = fc.record({
      ms: fc.integer({ min: 1, max: 9000 }),
      faults: fc.tuple(fault, fault, fault),
      pause: fc.constantFrom(undefined, undefined, 0, 1, 2),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 20 }),
        fc.infiniteStream(fc.nat(999)),
        async (steps, randoms) => {
          const time = new VirtualClock();
          const shared = new LeaseServer();
          const random = () => randoms.next().value / 1000;
          // A paused process sees its own time go on and hears of nothing; its timers fire late.
          const paused = new Set<string>();
          const late: (() => void)[] = [];
          const clockOf = (identity: string): Clock => ({
            now: () => time.now(),
            monotonic: () => time.monotonic(),
            after: (ms, callback) =>
              time.after(ms, () => {
                if (paused.has(identity)) late.push(callback);
                else callback();
              }),
          });
          const names = ['a', 'b', 'c'];
          const end = new AbortController();
          const electors = names.map((identity) => {
            const elector = new LeaderElector({
              client: shared.clientOf(identity),
              clock: clockOf(identity),
              namespace: 'n',
              name: 'l',
              identity,
              random,
              onStartedLeading: async () => undefined,
              onError: () => undefined,
            });
            const forever = async () => {
              while (!end.signal.aborted) await elector.run(end.signal);
            };
            void forever();
            return elector;
          });
          const leaders = () => electors.filter((elector) => elector.isLeader()).length;
          for (const { ms, faults, pause } of steps) {
            shared.fault = (identity) => faults[names.indexOf(identity)] ?? 'none';
            paused.clear();
            if (pause !== undefined) paused.add(names[pause]!);
            for (const callback of late.splice(0)) callback();
            for (let passed = 0; passed < ms; passed += 500) {
              await time.advance(Math.min(500, ms - passed));
              expect(leaders()).toBeLessThanOrEqual(1);
            }
          }
          shared.fault = () => 'none';
          paused.clear();
          for (const callback of late.splice(0)) callback();
          await time.advance(60_000);
          expect(leaders()).toBe(1);
          end.abort();
          await time.advance(60_000);
          expect(leaders()).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
