import { beforeEach, describe, expect, it } from 'vitest';
import type { InProcessClient } from '../sandbox/index.ts';
import { Cluster } from '../sandbox/index.ts';
import { VirtualClock } from '../kube/virtual-clock.ts';
import { ApiError } from '../kube/types.ts';
import { leases, namespaces } from '../kube/well-known.ts';
import type { Lease } from '../kube/lease.ts';
import { type Identity, type Leadership, lead, newIdentity } from './lead.ts';
import { OperatorMetrics } from './metrics.ts';

let clock: VirtualClock;
let cluster: Cluster;
let admin: InProcessClient;
let errors: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  cluster = new Cluster({ clock });
  admin = cluster.client({ user: 'admin' });
  errors = [];
  await admin.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ops' } });
});

interface Candidate {
  readonly name: string;
  readonly leadership: Leadership;
  readonly metrics: OperatorMetrics;
  readonly stop: AbortController;
  /** What its work went through. */
  readonly log: string[];
  readonly outcome: Promise<string>;
}

function candidate(who: string | Identity, leaderElect = true): Candidate {
  const own = typeof who === 'string' ? { identity: who } : who;
  const metrics = new OperatorMetrics();
  const stop = new AbortController();
  const log: string[] = [];
  const leadership = lead({
    flags: { leaderElect, leaderElectionNamespace: 'ops' },
    client: cluster.client({ user: own.identity }),
    clock,
    ...own,
    metrics,
    onError: (error, where) => errors.push(`${where}: ${String(error)}`),
    random: () => 0,
  });
  const outcome = leadership.run(stop.signal, async (signal) => {
    log.push('works');
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    // The last write of a leader that is asked to stop is still one of a leader.
    log.push(mayWrite(leadership) ? 'ends as leader' : 'ends');
  });
  return { name: own.identity, leadership, metrics, stop, log, outcome };
}

function mayWrite({ assertLeader }: Leadership): boolean {
  try {
    assertLeader();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 0, reason: 'NotLeader' });
    expect(error).toBeInstanceOf(ApiError);
    return false;
  }
}

const gauge = async ({ metrics }: Candidate) => (await metrics.leader.get()).values[0]?.value;

describe('with --leader-elect', () => {
  it('one of two works and may write; when it stops, the other follows within seconds', async () => {
    const first = candidate('first');
    await clock.advance(1000);
    const second = candidate('second');
    await clock.advance(30_000);
    expect([first.log, second.log]).toEqual([['works'], []]);
    expect([mayWrite(first.leadership), mayWrite(second.leadership)]).toEqual([true, false]);
    expect([await gauge(first), await gauge(second)]).toEqual([1, 0]);
    const lease = await admin.get<Lease>(leases, { namespace: 'ops', name: 'songbird' });
    expect(lease.spec?.holderIdentity).toBe('first');

    first.stop.abort();
    await clock.advance(5000);
    expect(await first.outcome).toBe('released');
    expect([first.log, second.log]).toEqual([['works', 'ends as leader'], ['works']]);
    expect([mayWrite(first.leadership), mayWrite(second.leadership)]).toEqual([false, true]);
    expect([await gauge(first), await gauge(second)]).toEqual([0, 1]);
    second.stop.abort();
    await clock.advance(5000);
    expect(errors).toEqual([]);
  });

  it('nobody may write before the lease is theirs', () => {
    const only = lead({
      flags: { leaderElect: true, leaderElectionNamespace: 'ops' },
      client: admin,
      clock,
      identity: 'only',
      metrics: new OperatorMetrics(),
      onError: () => undefined,
    });
    expect(mayWrite(only)).toBe(false);
  });

  it('one that cannot renew stops writing before another may lead, and its run is over', async () => {
    const first = candidate('first');
    await clock.advance(1000);
    const second = candidate('second');
    cluster.intercept({
      before: ({ user }) => {
        if (user === 'first') throw new ApiError(0, 'ConnectionFailed', 'no route to host');
      },
    });
    // At no moment do both believe that they may write
    for (let i = 0; i < 400 && !mayWrite(second.leadership); i++) await clock.advance(100);
    expect([mayWrite(first.leadership), mayWrite(second.leadership)]).toEqual([false, true]);
    expect(await first.outcome).toBe('lost');
    expect(await gauge(first)).toBe(0);
    expect(first.log).toEqual(['works', 'ends']);
    expect(errors.some((error) => error.startsWith('leader election: ') && error.includes('no route'))).toBe(
      true,
    );
    second.stop.abort();
    await clock.advance(5000);
  });

  it('a container that died and starts again leads at once: its last run has ended', async () => {
    const before = candidate(newIdentity('songbird-1', 'pod-1'));
    await clock.advance(1000);
    expect(before.log).toEqual(['works']);
    const standby = candidate(newIdentity('songbird-2', 'pod-2'));
    await clock.advance(1000);
    cluster.intercept({
      before: ({ user }) => {
        if (user === before.name) throw new ApiError(0, 'ConnectionFailed', 'it is dead');
      },
    });
    const after = candidate(newIdentity('songbird-1', 'pod-1'));
    await clock.advance(0);
    expect([after.log, mayWrite(after.leadership)]).toEqual([['works'], true]);
    await clock.advance(30_000);
    expect([standby.log, mayWrite(after.leadership)]).toEqual([[], true]);
    after.stop.abort();
    standby.stop.abort();
    await clock.advance(5000);
  });

  it.each([
    ['another pod', newIdentity('songbird-2', 'pod-2')],
    ['another pod of the same name', newIdentity('songbird-1', 'pod-12')],
    ['a process that knows of no pod', newIdentity('songbird-1', undefined)],
    ['a process with an empty uid', newIdentity('songbird-1', '')],
  ])('%s waits for the end of a lease', async (_, other) => {
    const holder = newIdentity('songbird-1', other.identity.includes('pod') ? 'pod-1' : undefined);
    const first = candidate(holder);
    await clock.advance(1000);
    const second = candidate(other);
    await clock.advance(10_000);
    expect([first.log, second.log]).toEqual([['works'], []]);
    first.stop.abort();
    second.stop.abort();
    await clock.advance(5000);
  });

  it('one that was told to stop while it stood by never led', async () => {
    const first = candidate('first');
    await clock.advance(1000);
    const second = candidate('second');
    await clock.advance(10_000);
    second.stop.abort();
    await clock.advance(5000);
    expect([await second.outcome, second.log]).toEqual(['never led', []]);
    first.stop.abort();
    await clock.advance(5000);
  });
});

describe('without --leader-elect', () => {
  it('the only process works at once and may always write; no lease is made', async () => {
    const only = candidate('only', false);
    await clock.advance(0);
    expect([only.log, mayWrite(only.leadership), await gauge(only)]).toEqual([['works'], true, 1]);
    expect((await admin.list(leases, { namespace: 'ops' })).items).toEqual([]);
    only.stop.abort();
    await clock.advance(0);
    expect(await only.outcome).toBe('released');
  });
});
