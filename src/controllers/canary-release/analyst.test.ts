import { beforeEach, describe, expect, it } from 'vitest';
import type { Counts } from '../../analysis/telemetry.ts';
import type { AnalysisStatus, CanaryReleaseObject } from '../../api/index.ts';
import type { KubeObject } from '../../kube/types.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { deploymentOf } from '../../workloads/index.ts';
import { aRelease } from '../../workloads/testing.ts';
import { Analyst } from './analyst.ts';
import { cachesOf } from './caches.testing.ts';
import { gather } from './observe.ts';

const KEY = 'bookinfo/reviews';
const START = Date.UTC(2030, 0, 1);
const at = (second: number) => new Date(START + second * 1000).toISOString();

const events = { bad: 'lost{v="{{ revision }}"}', all: 'orders{v="{{ revision }}"}', max: '1%' };
const TEMPLATE = {
  apiVersion: 'songbird.dev/v1alpha1',
  kind: 'AnalysisTemplate',
  metadata: { name: 'shop', namespace: 'bookinfo' },
  spec: {
    metrics: [
      { name: 'orders', events },
      { name: 'queue', prometheus: { query: 'queue' }, max: 1, interval: '5s' },
    ],
  },
} as KubeObject;

let clock: VirtualClock;
let analyst: Analyst;
let analysis: AnalysisStatus | undefined;
/** From when on orders were asked for, in seconds since the start. */
let asked: number[];

beforeEach(() => {
  clock = new VirtualClock(START);
  analysis = undefined;
  asked = [];
  const forget = () => undefined;
  analyst = new Analyst(
    {
      sources: {
        proxies: { read: async ({ from, now }) => counted('errors', from, now), forget },
        prometheus: { read: async ({ from, now }) => counted('errors', from, now), forget },
      },
      events: {
        read: async ({ from, now }) => {
          asked.push((from - START) / 1000);
          return counted('shop/orders', from, now);
        },
        forget,
      },
      values: {
        prometheus: async () => ({ outcome: 'value', result: 0 }),
        web: async () => ({ outcome: 'error', message: 'nobody asked' }),
      },
      prometheusAddress: 'http://prometheus',
    },
    clock,
    () => undefined,
  );
});

/** A hundred requests a second, of which the candidate gets ten, and one percent fail on both sides. */
function counted(name: string, from: number, to: number) {
  const seconds = (to - from) / 1000;
  const counts = (all: number, bad: number): Record<string, Counts> => ({ [name]: { all, bad } });
  const interval = {
    from,
    to,
    since: { new: from, old: from },
    counts: {
      new: counts(10 * seconds, Math.floor(seconds / 10)),
      old: counts(90 * seconds, 9 * Math.floor(seconds / 10)),
    },
  };
  return { ok: true as const, intervals: [interval], completeThrough: { new: to, old: to } };
}

/** A pass 10 seconds later, in a release that has been observed at its weight since the start. */
async function pass(
  objects: readonly KubeObject[],
  watched: object,
  observedAt = at(0),
): Promise<AnalysisStatus> {
  await clock.advance(10_000);
  const status = {
    stableRevision: 'old',
    candidateRevision: 'new',
    attempt: { number: 1, startedAt: at(0) },
    step: {
      index: 1,
      of: 2,
      weight: 10,
      observedWeight: 10,
      startedAt: at(0),
      progressAt: at(0),
      observedAt,
    },
    ...(analysis === undefined ? {} : { analysis }),
  };
  const release = {
    ...aRelease({ analysis: { ...watched, templates: [{ name: 'shop' }] } }),
    status,
  } as CanaryReleaseObject;
  const deployment = deploymentOf(aRelease(), 'new', 1);
  const labels = { 'songbird.dev/release': 'reviews', 'songbird.dev/revision': 'new' };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'bookinfo', uid: 'uid-p', labels },
    status: { conditions: [{ type: 'Ready', status: 'True' }], podIP: '10.0.0.1' },
  };
  const caches = cachesOf([release, deployment, pod, ...objects]);
  const gathered = gather(release, caches, undefined, () => ({ unneeded: true }));
  if (!('observed' in gathered)) throw new Error(JSON.stringify(gathered.problems));
  const seen = await analyst.analyse(KEY, gathered, clock.now());
  if (seen.analysis === undefined) throw new Error('nothing was analysed');
  analysis = seen.analysis;
  return analysis;
}

const knownOf = ({ metrics, values, queriedThrough }: AnalysisStatus) => ({
  orders: metrics.find(({ name }) => name === 'shop/orders'),
  values,
  queriedThrough,
});

describe.each([
  ['beside errors', { errorRate: { max: '50%' } }],
  ['alone', {}],
])('metrics of a template that is gone for a moment, %s', (_, watched) => {
  it('keep what is known of them, and go on from there', async () => {
    for (let i = 0; i < 5; i++) await pass([TEMPLATE], watched);
    const before = await pass([TEMPLATE], watched);
    expect(knownOf(before)).toMatchObject({
      orders: { candidate: { all: 600, bad: 6 } },
      queriedThrough: at(60),
    });

    const without = await pass([], watched);
    expect(knownOf(without)).toEqual(knownOf(before));
    expect(without.verdict).toBe('Inconclusive');
    expect(without.message).toContain('there is no AnalysisTemplate shop in namespace bookinfo');
    expect(without.message.split('there is no AnalysisTemplate shop')).toHaveLength(2);

    const after = await pass([TEMPLATE], watched);
    expect(asked.at(-1)).toBe(60);
    expect(knownOf(after)).toMatchObject({
      orders: { candidate: { all: 800, bad: 8 } },
      queriedThrough: at(80),
    });
  });

  it('count nothing for a weight that is observed meanwhile', async () => {
    await pass([TEMPLATE], watched);
    const without = await pass([], watched, at(15));
    expect(knownOf(without).orders).toMatchObject({
      candidate: { all: 100, bad: 1 },
      window: { all: 0, bad: 0 },
    });
  });
});

it('a release whose metrics were never resolved does not pass by the others', async () => {
  for (let i = 0; i < 30; i++) {
    const { verdict, metrics } = await pass([], { errorRate: { max: '50%' } });
    expect(verdict).toBe('Inconclusive');
    expect(metrics.map(({ name }) => name)).toEqual(['errors']);
  }
});

it('metrics that were removed from spec are forgotten once the rest is known', async () => {
  await pass([TEMPLATE], { errorRate: { max: '50%' } });
  const [, queue] = (TEMPLATE as unknown as { spec: { metrics: object[] } }).spec.metrics;
  const { metrics, queriedThrough } = await pass(
    [{ ...TEMPLATE, spec: { metrics: [queue] } } as KubeObject],
    {
      errorRate: { max: '50%' },
    },
  );
  expect(metrics.map(({ name }) => name)).toEqual(['errors']);
  expect(queriedThrough).toBeUndefined();
});
