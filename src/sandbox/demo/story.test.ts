import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CanaryReleaseStatus } from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import * as kinds from '../../kube/well-known.ts';
import { Cluster, type InProcessClient } from '../index.ts';
import type { DemoEvent, DemoResult } from './events.ts';
import type { Count, Period } from './load.ts';
import { readCrds, readShop } from './manifests.ts';
import { CANARY_RELEASES } from './release-watch.ts';
import { Story } from './story.ts';

const REF = { namespace: 'demo', name: 'shop' };

/** Requests that a test makes up. */
class FakePeriod implements Period {
  requests = 0;
  failed = 0;
  readonly versions = new Map<string, Count>();
  readonly causes = new Map<string, number>();
  firstFailureAt: number | undefined;

  answer(version: string, requests: number, failed: number, at: number): void {
    this.requests += requests;
    this.failed += failed;
    this.versions.set(version, { requests, failed });
    if (failed === 0) return;
    this.causes.set('500', failed);
    this.firstFailureAt ??= at;
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }
}

let clock: VirtualClock;
let cluster: Cluster;
let client: InProcessClient;
let periods: FakePeriod[];
let started: boolean;
let weights: Map<string, number>;
let meshListener: () => void;
let operatorDied: (error: Error) => void;
let events: DemoEvent[];
let story: Story;
let interrupt: AbortController;
let ended: Promise<DemoResult | Error>;

beforeEach(async () => {
  clock = new VirtualClock();
  cluster = new Cluster({ clock, controllers: false });
  client = cluster.client();
  for (const crd of await readCrds()) await client.create(kinds.customResourceDefinitions, crd);
  await client.create<KubeObject>(kinds.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'demo' },
  });
  periods = [];
  events = [];
  started = false;
  weights = new Map();
  meshListener = () => undefined;
  interrupt = new AbortController();
  const died = Promise.withResolvers<never>();
  died.promise.catch(() => undefined);
  operatorDied = died.reject;
  story = new Story({
    client,
    clock,
    manifest: await readShop(),
    perSecond: 200,
    operatorFailed: died.promise,
    load: {
      start: () => (started = true),
      begin: () => {
        const period = new FakePeriod();
        periods.push(period);
        return period;
      },
      recent: () => new Map([['v1', { requests: 190, failed: 0 }]]),
    },
    mesh: {
      weights: () => weights,
      onChange: (listener) => {
        meshListener = listener;
      },
    },
    onError: (error) => {
      throw error;
    },
    tell: (event) => events.push(event),
  });
  ended = story.play(interrupt.signal).catch((error: unknown) => error as Error);
  await clock.advance(0);
});

afterEach(async () => {
  interrupt.abort();
  await clock.advance(0);
  await ended;
  cluster.stop();
});

/** What the operator would write. */
async function report(status: Partial<CanaryReleaseStatus>): Promise<void> {
  const { generation } = (await client.get(CANARY_RELEASES, REF)).metadata;
  const patch = { status: { observedGeneration: generation, ...status } };
  await client.patch(CANARY_RELEASES, REF, 'merge', patch, { subresource: 'status' });
  await clock.advance(0);
}

async function route(shares: Record<string, number>): Promise<void> {
  weights = new Map(Object.entries(shares));
  meshListener();
  await clock.advance(0);
}

/** The version that the demo has applied last. */
async function applied(): Promise<unknown> {
  const { spec } = await client.get<KubeObject & { spec?: { version?: string } }>(CANARY_RELEASES, REF);
  return spec?.version;
}

async function goodRelease(failed = 0): Promise<void> {
  await report({ phase: 'Healthy' });
  await clock.advance(1500);
  await route({ v1: 95, v2: 5 });
  await clock.advance(5000);
  await route({ v1: 40, v2: 60 });
  periods.at(-1)?.answer('v2', 700, failed, clock.monotonic());
  await clock.advance(5000);
  await route({ v2: 100 });
  await report({ phase: 'Healthy', message: 'revision b serves all traffic' });
}

describe('the plot', () => {
  test('v1 first; the load begins once it is healthy; then v2, then v3; and both are told as they ended', async () => {
    expect(await applied()).toBe('v1');
    await report({ phase: 'Initializing' });
    expect(started).toBe(false);
    await report({ phase: 'Healthy' });
    expect([started, await applied()]).toEqual([true, 'v1']);
    await goodRelease();
    expect(await applied()).toBe('v3');

    await route({ v2: 95, v3: 5 });
    await clock.advance(1000);
    periods.at(-1)?.answer('v3', 12, 4, clock.monotonic());
    await clock.advance(1250);
    await route({ v2: 100 });
    await report({
      phase: 'RolledBack',
      rejected: { revision: 'c', reason: 'AnalysisFailed', message: '4 of 12', at: '2030-01-01T00:00:00Z' },
    });
    await clock.advance(1500);

    expect(await ended).toEqual({
      good: {
        version: 'v2',
        errorRate: 0,
        outcome: 'Healthy',
        weights: [5, 60, 100],
        requests: 700,
        failed: 0,
        causes: {},
        ms: 10_000,
        rollbackMs: undefined,
        reason: 'revision b serves all traffic',
      },
      bad: {
        version: 'v3',
        errorRate: 0.3,
        outcome: 'RolledBack',
        weights: [5, 0],
        requests: 12,
        failed: 4,
        causes: { 500: 4 },
        ms: 2250,
        rollbackMs: 1250,
        reason: '4 of 12',
      },
    });
    expect(story.snapshot().acts.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  });

  test('a good version that is taken back is told as such, and the bad one is tried against v1', async () => {
    await report({ phase: 'Healthy' });
    await clock.advance(1500);
    await route({ v1: 95, v2: 5 });
    await route({ v1: 100 });
    await report({ phase: 'RolledBack', message: 'revision b was rolled back: no verdict' });
    expect(story.snapshot().acts[1]?.state).toBe('wrong');
    expect(events.at(-2)).toMatchObject({ event: 'ended', outcome: 'RolledBack', weights: [5, 0] });
    expect(story.snapshot().versions.map(({ version, role }) => `${version} ${role}`)).toEqual([
      'v1 stable',
      'v3 new',
    ]);
  });

  test('a failed request of the good version is seen', async () => {
    await goodRelease(1);
    expect(story.snapshot().acts[1]).toMatchObject({ state: 'wrong', detail: '1 of 700 requests failed' });
  });

  test('a status about an earlier manifest ends nothing', async () => {
    await report({ phase: 'Healthy' });
    await clock.advance(1500);
    await route({ v2: 100 });
    expect(await applied()).toBe('v2');
    const { generation = 0 } = (await client.get(CANARY_RELEASES, REF)).metadata;
    await report({ phase: 'Healthy', observedGeneration: generation - 1 });
    expect(await applied()).toBe('v2');
    await report({ phase: 'Healthy' });
    expect(await applied()).toBe('v3');
  });
});

describe('what is shown', () => {
  test('weights, phases and verdicts are told once each', async () => {
    await report({ phase: 'Healthy' });
    await report({ phase: 'Healthy', message: 'the same' });
    await route({ v1: 100 });
    await route({ v1: 100 });
    const told = events.filter(({ event }) => event === 'phase' || event === 'weights');
    expect(told).toEqual([
      { event: 'phase', phase: 'Healthy', message: '' },
      { event: 'weights', weights: { v1: 100 } },
    ]);
  });

  test('the picture has the step, the verdict on its own line, and every version that answered', async () => {
    await report({ phase: 'Healthy' });
    await clock.advance(1500);
    await route({ v1: 95, v2: 5 });
    periods.at(-1)?.answer('v2', 20, 0, 0);
    const at = '2030-01-01T00:00:00Z';
    await report({
      phase: 'Progressing',
      message: '5% for 5s: errors: 0 of 20',
      candidateRevision: 'b',
      step: { index: 1, of: 4, weight: 5, observedWeight: 5, startedAt: at, progressAt: at },
      analysis: { revision: 'b', through: at, verdict: 'Pass', message: 'errors: 0 of 20', metrics: [] },
    });
    expect(story.snapshot()).toMatchObject({
      steps: [5, 40, 60, 100],
      phase: 'Progressing',
      message: 'step 1 of 4, 5% for 5s',
      verdict: 'Pass',
      verdictMessage: 'errors: 0 of 20',
      versions: [
        { version: 'v1', role: 'stable', weight: 95, perSecond: 190, requests: 0 },
        { version: 'v2', role: 'new', weight: 5, requests: 20 },
      ],
    });
  });
});

describe('what hangs or dies', () => {
  test('a part that takes too long ends the demo with what it waited for and the last that was heard', async () => {
    await report({ phase: 'Initializing', message: '0 of 2 pods are ready' });
    await clock.advance(60_000);
    expect(await ended).toMatchObject({
      message:
        "waited 60 s for v1 to be Healthy, in vain. The release's last word: Initializing: 0 of 2 pods are ready",
    });
  });

  test('the end of the operator ends it at once', async () => {
    operatorDied(new Error('the operator ended with exit status 1'));
    await clock.advance(0);
    expect(await ended).toMatchObject({ message: 'the operator ended with exit status 1' });
  });

  test('so does an interruption', async () => {
    interrupt.abort();
    await clock.advance(0);
    expect(await ended).toMatchObject({ message: 'interrupted' });
  });
});
