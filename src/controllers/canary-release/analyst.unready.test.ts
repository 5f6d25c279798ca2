import { beforeEach, describe, expect, it } from 'vitest';
import type { Target, TelemetryQuery } from '../../analysis/telemetry.ts';
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

const TEMPLATE = {
  apiVersion: 'songbird.dev/v1alpha1',
  kind: 'AnalysisTemplate',
  metadata: { name: 'shop', namespace: 'bookinfo' },
  spec: { metrics: [{ name: 'queue', prometheus: { query: 'queue' }, max: 1, interval: '5s' }] },
} as KubeObject;

let clock: VirtualClock;
let analyst: Analyst;
let analysis: AnalysisStatus | undefined;
/** Of the candidate's requests, the share that fails. */
let failing: number;
let targets: readonly Target[] | undefined;
let measured: number;
/** Whether the source tells of stable. */
let knowsStable: boolean;

beforeEach(() => {
  clock = new VirtualClock(START);
  analysis = undefined;
  targets = undefined;
  failing = 0;
  measured = 0;
  knowsStable = true;
  const forget = () => undefined;
  const source = { read: async (query: TelemetryQuery) => counted(query), forget };
  analyst = new Analyst(
    {
      sources: { proxies: source, prometheus: source },
      events: { read: () => Promise.reject(new Error('nobody asked')), forget },
      values: {
        prometheus: async () => {
          measured += 1;
          return { outcome: 'value', result: 0 };
        },
        web: async () => ({ outcome: 'error', message: 'nobody asked' }),
      },
      prometheusAddress: 'http://prometheus',
    },
    clock,
    () => undefined,
  );
});

/** A hundred requests a second, of which the candidate gets ten as long as its pods are asked. */
function counted({ from, now, targets: asked }: TelemetryQuery) {
  targets = asked;
  const seconds = (now - from) / 1000;
  const errors = (all: number, bad: number) => ({ errors: { all, bad } });
  const interval = {
    from,
    to: now,
    since: { new: from, old: from },
    counts: { new: errors(10 * seconds, 10 * seconds * failing), old: errors(90 * seconds, 0) },
  };
  return {
    ok: true as const,
    intervals: [interval],
    completeThrough: { new: now, ...(knowsStable ? { old: now } : {}) },
  };
}

type Status = Record<string, unknown>;

const READY: Status = {
  phase: 'Running',
  podIP: '10.0.0.1',
  conditions: [{ type: 'Ready', status: 'True' }],
};
const UNREADY: Status = { ...READY, conditions: [{ type: 'Ready', status: 'False' }] };

function pod(name: string, status: Status, revision = 'new', metadata: object = {}): KubeObject {
  const labels = { 'songbird.dev/release': 'reviews', 'songbird.dev/revision': revision };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'bookinfo', uid: `uid-${name}`, labels, ...metadata },
    status,
  } as KubeObject;
}

/** A pass 10 seconds later, in a release that has been observed at its weight since the start. */
async function pass(...pods: readonly KubeObject[]) {
  await clock.advance(10_000);
  const status = {
    stableRevision: 'old',
    candidateRevision: 'new',
    attempt: { number: 1, startedAt: at(0) },
    step: {
      ...{ index: 1, of: 2, weight: 10, observedWeight: 10 },
      ...{ startedAt: at(0), progressAt: at(0), observedAt: at(0) },
    },
    ...(analysis === undefined ? {} : { analysis }),
  };
  const spec = { analysis: { errorRate: { max: '50%' }, templates: [{ name: 'shop' }] } };
  const release = { ...aRelease(spec), status } as CanaryReleaseObject;
  const deployments = ['new', 'old'].map((revision) => deploymentOf(aRelease(), revision, 1));
  const caches = cachesOf([release, ...deployments, TEMPLATE, ...pods]);
  const gathered = gather(release, caches, undefined, () => ({ unneeded: true }));
  if (!('observed' in gathered)) throw new Error(JSON.stringify(gathered.problems));
  const seen = await analyst.analyse(KEY, gathered, clock.now());
  analysis = seen.analysis ?? analysis;
  return seen;
}

const good = pod('good', READY);

describe('whose proxies are read', () => {
  const asked = (revision: string) =>
    targets?.find((one) => one.revision === revision)?.pods.map(({ name, ready }) => [name, ready]);

  it('those of pods that are ready or run, and it is told which are ready', async () => {
    await pass(
      good,
      pod('bad', UNREADY),
      pod('leaving', READY, 'new', { deletionTimestamp: at(1) }),
      pod('tired', UNREADY, 'old'),
      pod('fine', READY, 'old'),
    );
    expect(asked('new')).toEqual([
      ['good', true],
      ['bad', false],
      ['leaving', false],
    ]);
    expect(asked('old')).toEqual([
      ['tired', false],
      ['fine', true],
    ]);
  });

  it('not those of pods that have no address, or have not begun to run, or have ended', async () => {
    const { podIP, ...nowhere } = UNREADY;
    await pass(
      good,
      pod('nowhere', nowhere),
      ...['Pending', 'Failed', 'Succeeded'].map((phase) => pod(phase, { ...UNREADY, phase })),
    );
    expect(podIP).toBeDefined();
    expect(asked('new')).toEqual([['good', true]]);
  });
});

describe('a candidate that loses its only ready pod', () => {
  it('goes on being counted, and fails by what its pod did', async () => {
    await pass(good);
    const before = analysis?.metrics[0]?.candidate.all ?? 0;
    failing = 0.9;
    await pass(pod('good', UNREADY));
    const { analysis: after, telemetry } = await pass(pod('good', UNREADY));
    expect(after?.metrics[0]?.candidate).toEqual({ all: before + 200, bad: 180 });
    expect(after?.verdict).toBe('Fail');
    expect(after?.message).toMatch(/^errors: 180 of 300 on the candidate/);
    expect(telemetry).toMatchObject({ state: 'readable' });
  });

  it('does not pass meanwhile, and nothing is measured that gives a value', async () => {
    const { analysis: before } = await pass(good);
    const times = measured;
    expect(before?.verdict).toBe('Pass');
    const { analysis: without } = await pass(pod('good', UNREADY));
    expect(without?.verdict).toBe('Inconclusive');
    expect(without?.message).toBe('no pod of revision new is ready');
    expect(without?.values).toEqual(before?.values);
    expect(without?.windowFrom).toBe(before?.windowFrom);
    expect(measured).toBe(times);
    // When it is ready again
    const { analysis: again } = await pass(good);
    expect(again?.verdict).toBe('Pass');
    expect(again?.metrics[0]?.candidate.all).toBe((before?.metrics[0]?.candidate.all ?? 0) + 200);
    expect(measured).toBeGreaterThan(times);
  });

  it('is not counted any more once it has no pod at all', async () => {
    await pass(good);
    targets = undefined;
    expect((await pass()).analysis).toBeUndefined();
    expect(targets).toBeUndefined();
  });
});

describe('a source that tells nothing of stable', () => {
  it('has not counted while a pod of stable serves', async () => {
    knowsStable = false;
    const { telemetry } = await pass(good, pod('serving', READY, 'old'));
    expect(telemetry).toEqual({ state: 'readable', counted: false });
    knowsStable = true;
    const { telemetry: then } = await pass(good, pod('serving', READY, 'old'));
    expect(then).toEqual({ state: 'readable', counted: true });
  });

  it('keeps no mend from a stable version of which no pod is ready', async () => {
    knowsStable = false;
    const { telemetry } = await pass(good, pod('broken', UNREADY, 'old'));
    expect(telemetry).toEqual({ state: 'readable', counted: true });
  });
});

it('a candidate that was never ready is not counted', async () => {
  const seen = await pass(pod('slow', UNREADY));
  expect(seen).toMatchObject({ telemetry: { state: 'unused' } });
  expect(seen.analysis).toBeUndefined();
  expect(targets).toBeUndefined();
});
