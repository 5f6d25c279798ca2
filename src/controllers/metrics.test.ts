import { beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus, MetricStatus, Verdict } from '../api/index.ts';
import { OperatorMetrics } from './metrics.ts';

let metrics: OperatorMetrics;

beforeEach(() => {
  metrics = new OperatorMetrics();
});

/** The samples of one metric as Prometheus would scrape them, in order. */
async function samples(name: string): Promise<string[]> {
  const text = await metrics.registry.metrics();
  const isSample = (line: string) => line.startsWith(`${name}{`) || line.startsWith(`${name} `);
  return text.split('\n').filter(isSample).sort();
}

const step = (observedWeight: number, index: number): CanaryReleaseStatus['step'] => ({
  index,
  of: 3,
  weight: observedWeight,
  observedWeight,
  startedAt: '2030-01-01T00:00:00.000Z',
  progressAt: '2030-01-01T00:00:00.000Z',
});

function judged(...verdicts: [string, Verdict][]): Pick<CanaryReleaseStatus, 'analysis'> {
  const none = { all: 0, bad: 0 };
  const of = ([name, verdict]: [string, Verdict]): MetricStatus => ({
    name,
    limit: 0.01,
    verdict,
    message: '',
    candidate: none,
    stable: none,
    window: none,
    evidence: 0,
  });
  return {
    analysis: {
      revision: 'two',
      through: '2030-01-01T00:00:00.000Z',
      verdict: 'Inconclusive',
      message: '',
      metrics: verdicts.map(of),
    },
  };
}

function finished(finishedAt: string, outcome: 'Promoted' | 'RolledBack', reason: string) {
  const entry = { revision: 'two', outcome, reason, message: '', requests: 0, failed: 0 };
  return { history: [{ ...entry, startedAt: '2030-01-01T00:00:00.000Z', finishedAt }] };
}

describe('the evidence of a release', () => {
  const status: CanaryReleaseStatus = {
    analysis: {
      revision: 'two',
      through: '2030-01-01T00:00:00.000Z',
      verdict: 'Fail',
      message: '',
      metrics: [
        {
          name: 'errors',
          verdict: 'Fail',
          message: '',
          candidate: { all: 312, bad: 14 },
          stable: { all: 3120, bad: 3 },
          window: { all: 312, bad: 14 },
          evidence: 5.32,
          needed: 2,
          ratio: { estimate: 46, atLeast: 12 },
        },
      ],
    },
  };

  it('is shown with both sides, the ratio with its interval, and what is needed', async () => {
    metrics.decided('shop/cart', {}, status);
    const labels = 'namespace="shop",release="cart",metric="errors"';
    expect(await samples('songbird_analysis_events')).toEqual([
      `songbird_analysis_events{${labels},side="candidate",kind="all"} 312`,
      `songbird_analysis_events{${labels},side="candidate",kind="bad"} 14`,
      `songbird_analysis_events{${labels},side="stable",kind="all"} 3120`,
      `songbird_analysis_events{${labels},side="stable",kind="bad"} 3`,
    ]);
    expect(await samples('songbird_analysis_bad_ratio')).toEqual([
      `songbird_analysis_bad_ratio{${labels},bound="at_least"} 12`,
      `songbird_analysis_bad_ratio{${labels},bound="estimate"} 46`,
    ]);
    expect(await samples('songbird_analysis_evidence_log10')).toEqual([
      `songbird_analysis_evidence_log10{${labels}} 5.32`,
    ]);
    expect(await samples('songbird_analysis_evidence_needed_log10')).toHaveLength(1);
  });

  it('goes with the analysis, and with the release', async () => {
    const all = async () =>
      (
        await Promise.all(
          ['events', 'bad_ratio', 'evidence_log10'].map((it) => samples(`songbird_analysis_${it}`)),
        )
      ).flat();
    metrics.decided('shop/cart', {}, status);
    metrics.decided('shop/cart', status, {});
    expect(await all()).toEqual([]);
    metrics.decided('shop/cart', {}, status);
    metrics.forget('shop/cart');
    expect(await all()).toEqual([]);
  });
});

describe('the metrics of a release', () => {
  it('show the phase that it is in, and no other', async () => {
    metrics.decided('shop/cart', {}, { phase: 'Healthy' });
    metrics.decided('shop/cart', { phase: 'Healthy' }, { phase: 'Progressing', step: step(20, 1) });
    expect(await samples('songbird_release_phase')).toEqual([
      'songbird_release_phase{namespace="shop",release="cart",phase="Progressing"} 1',
    ]);
    // A pass that leaves the phase as it is changes nothing
    metrics.decided('shop/cart', { phase: 'Progressing' }, { phase: 'Progressing', step: step(20, 1) });
    expect(await samples('songbird_release_phase')).toHaveLength(1);
  });

  it('show weight and step, and 0 at rest', async () => {
    metrics.decided('shop/cart', {}, { phase: 'Progressing', step: step(40, 2) });
    expect(await samples('songbird_release_weight_percent')).toEqual([
      'songbird_release_weight_percent{namespace="shop",release="cart"} 40',
    ]);
    expect(await samples('songbird_release_step')).toEqual([
      'songbird_release_step{namespace="shop",release="cart"} 2',
    ]);
    metrics.decided('shop/cart', {}, { phase: 'Healthy' });
    expect(await samples('songbird_release_weight_percent')).toEqual([
      'songbird_release_weight_percent{namespace="shop",release="cart"} 0',
    ]);
    expect(await samples('songbird_release_step')).toEqual([
      'songbird_release_step{namespace="shop",release="cart"} 0',
    ]);
  });

  it('count each end once, however many passes see it', async () => {
    const end = {
      phase: 'RolledBack' as const,
      ...finished('2030-01-01T00:01:00.000Z', 'RolledBack', 'AnalysisFailed'),
    };
    metrics.decided('shop/cart', {}, end);
    metrics.decided('shop/cart', end, end);
    const again = finished('2030-01-01T00:09:00.000Z', 'RolledBack', 'AnalysisFailed');
    metrics.decided('shop/cart', end, { ...end, ...again });
    metrics.decided('shop/other', {}, finished('2030-01-01T00:01:00.000Z', 'Promoted', 'Promoted'));
    expect(await samples('songbird_releases_total')).toEqual([
      'songbird_releases_total{outcome="Promoted",reason="Promoted"} 1',
      'songbird_releases_total{outcome="RolledBack",reason="AnalysisFailed"} 2',
    ]);
  });

  it('count a verdict when it changes', async () => {
    const waiting = judged(['errors', 'Inconclusive'], ['latency-p99', 'Inconclusive']);
    const mixed = judged(['errors', 'Pass'], ['latency-p99', 'Inconclusive']);
    metrics.decided('shop/cart', {}, waiting);
    metrics.decided('shop/cart', waiting, waiting);
    metrics.decided('shop/cart', waiting, mixed);
    expect(await samples('songbird_verdicts_total')).toEqual([
      'songbird_verdicts_total{metric="errors",verdict="Inconclusive"} 1',
      'songbird_verdicts_total{metric="errors",verdict="Pass"} 1',
      'songbird_verdicts_total{metric="latency-p99",verdict="Inconclusive"} 1',
    ]);
  });

  it('count the verdicts of metrics that give a value, too', async () => {
    const { analysis } = judged(['errors', 'Pass']);
    const status = (verdict: Verdict) => {
      const state = { definition: '', message: '', measured: 1, failures: 0, errors: 0 };
      const values = [{ name: 'queue', verdict, ...state }];
      return { analysis: { ...analysis, values } } as Pick<CanaryReleaseStatus, 'analysis'>;
    };
    metrics.decided('shop/cart', {}, status('Inconclusive'));
    metrics.decided('shop/cart', status('Inconclusive'), status('Fail'));
    expect(await samples('songbird_verdicts_total')).toEqual([
      'songbird_verdicts_total{metric="errors",verdict="Pass"} 1',
      'songbird_verdicts_total{metric="queue",verdict="Fail"} 1',
      'songbird_verdicts_total{metric="queue",verdict="Inconclusive"} 1',
    ]);
  });

  it('go with it, and leave those of others alone', async () => {
    for (const key of ['shop/cart', 'shop/web']) metrics.decided(key, {}, { phase: 'Healthy' });
    metrics.forget('shop/cart');
    for (const name of ['phase', 'weight_percent', 'step']) {
      const left = await samples(`songbird_release_${name}`);
      expect(left).toHaveLength(1);
      expect(left[0]).toContain('release="web"');
    }
    // One that comes back begins anew, and one that nobody knew may go, too
    metrics.decided('shop/cart', {}, { phase: 'Healthy' });
    expect(await samples('songbird_release_phase')).toHaveLength(2);
    metrics.forget('shop/unknown');
  });
});

describe('the metrics of requests', () => {
  it('tell reads from writes, by kind and answer', async () => {
    const request = { resource: 'deployments.apps', code: 200, ms: 3, dryRun: false };
    for (const verb of ['get', 'list', 'watch'] as const) metrics.requested({ ...request, verb });
    for (const verb of ['create', 'update', 'patch', 'apply', 'delete'] as const) {
      metrics.requested({ ...request, verb, code: 409 });
    }
    metrics.requested({ ...request, verb: 'get', code: 0 });
    expect(await samples('songbird_api_reads_total')).toEqual([
      'songbird_api_reads_total{verb="get",resource="deployments.apps",code="0"} 1',
      'songbird_api_reads_total{verb="get",resource="deployments.apps",code="200"} 1',
      'songbird_api_reads_total{verb="list",resource="deployments.apps",code="200"} 1',
      'songbird_api_reads_total{verb="watch",resource="deployments.apps",code="200"} 1',
    ]);
    expect((await samples('songbird_api_writes_total')).map((line) => line.split('"')[1])).toEqual([
      'apply',
      'create',
      'delete',
      'patch',
      'update',
    ]);
  });

  it('of telemetry count how long each took, and the failures by why', async () => {
    metrics.asked('proxies', 'ok', 0.02);
    metrics.asked('proxies', 'timeout', 1);
    metrics.asked('prometheus', '503', 0.1);
    expect(await samples('songbird_telemetry_duration_seconds_count')).toEqual([
      'songbird_telemetry_duration_seconds_count{source="prometheus"} 1',
      'songbird_telemetry_duration_seconds_count{source="proxies"} 2',
    ]);
    expect(await samples('songbird_telemetry_errors_total')).toEqual([
      'songbird_telemetry_errors_total{source="prometheus",reason="503"} 1',
      'songbird_telemetry_errors_total{source="proxies",reason="timeout"} 1',
    ]);
  });
});

it('two sets of metrics do not get in the way of one another', async () => {
  metrics.leader.set(1);
  const { registry } = new OperatorMetrics();
  expect(await registry.metrics()).toContain('songbird_leader 0');
});
