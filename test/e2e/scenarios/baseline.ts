import type { KubeObject } from '../../../src/kube/types.ts';
import type { Pod } from '../harness/objects.ts';
import { type Context, type Env, type Scenario, expect, isTrue } from './context.ts';

/** A service whose pods are slow for a while after their first request. */
const YOUNG: Env = { WARM_UP_MS: '15000', WARM_UP_LATENCY_MS: '300', WARM_UP_RATE: '0.3' };
const SLOW_MS = 250;
const CALM_MS = 4000;
const SPEC = {
  steps: [{ weight: 10, for: '6s' }, { weight: 50, for: '6s' }, { weight: 100 }],
  progressDeadline: '30s',
};
const LATENCY = { source: 'proxies', latency: { p95: `${SLOW_MS}ms` } };
const FRESH = { ...LATENCY, freshBaseline: true };

/** Comparison with pods of the stable version that are as young as the candidate's. */
export const baseline: readonly Scenario[] = [
  {
    name: 'young pods are slow: fresh baseline',
    async run(context) {
      await context.healthy({ ...SPEC, analysis: LATENCY }, 200, { env: YOUNG, slowMs: SLOW_MS });
      await context.bed.eventually('the pods of v1 are warm', 60_000, async () => {
        const { lastBadAt } = context.load.summary();
        return lastBadAt !== undefined && Date.now() - lastBadAt > CALM_MS;
      });

      // Beside warm pods, a version that is as good as stable looks bad.
      await context.apply(context.manifest('v2', YOUNG, { ...SPEC, analysis: LATENCY }));
      const { rejected } = await context.until('v2 is rolled back', ({ phase }) => phase === 'RolledBack');
      expect('by latency', rejected?.reason === 'AnalysisFailed', rejected);

      await context.apply(context.manifest('v3', YOUNG, { ...SPEC, analysis: FRESH }));
      const { stableRevision = '' } = await context.until(
        'v3 has traffic',
        ({ step }) => step?.observedWeight === 10,
      );
      const own = (await stablePods(context, stableRevision)).filter((pod) => !isFresh(pod));
      const fresh = (await stablePods(context, stableRevision)).filter(isFresh);
      expect('as many new pods as the candidate has', fresh.length === 1, fresh.map(nameOf));
      expect('beside the pods of v1', own.length === 2, own.map(nameOf));
      const status = await context.until(
        'v3 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.version === 'v3',
        180_000,
      );
      await context.bed.eventually('its pods are gone with it', 20_000, async () => {
        return !(await stablePods(context, stableRevision)).some(isFresh);
      });
      const [metric] = status.analysis?.metrics ?? [];
      expect('the baseline was slow, too', (metric?.stable.bad ?? 0) > 0, metric);
      const report = await context.finish();
      expect('no request failed', report.failed === 0, report.summary);
      const weights = report.weights.slice(report.weights.indexOf(0) + 1);
      expect('every step was taken', String(weights) === '10,50,100', report.weights);
      return { ...report, notes: { without: rejected?.message ?? '', with: metric?.message ?? '' } };
    },
  },
  {
    name: 'fresh baseline that no quota allows',
    async run(context) {
      const { kube } = context.bed;
      await context.healthy({ analysis: FRESH });
      const quota = { name: 'pods', namespace: context.namespace };
      // Two of v1 and one of v2.
      await kube.create({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: quota,
        spec: { hard: { pods: '3' } },
      });
      await context.bed.eventually('the quota is counted', 20_000, async () => {
        const { status } = await kube.get<Quota>('ResourceQuota', context.namespace, 'pods');
        return status?.used?.['pods'] === '2';
      });
      await context.apply(context.manifest('v2', {}, { analysis: FRESH }));
      const { candidateRevision = '', message = '' } = await context.until(
        'it is stalled',
        ({ conditions }) => isTrue(conditions, 'Stalled'),
      );
      expect('it says for what it waits', message.startsWith('0 of 1 pods of the fresh baseline'), message);
      expect('and why that does not come', message.includes('exceeded quota'), message);
      await kube.create({
        apiVersion: 'songbird.dev/v1alpha1',
        kind: 'ReleaseCommand',
        metadata: { name: 'stop', namespace: context.namespace },
        spec: { release: 'shop', revision: candidateRevision, action: 'abort' },
      });
      await context.until('it is taken back', ({ phase }) => phase === 'RolledBack', 10_000);
      await context.bed.eventually('the baseline is gone', 10_000, async () => {
        const deployments = await kube.list('Deployment', context.namespace, BASELINE);
        return deployments.length === 0;
      });
      const report = await context.finish();
      expect('no traffic went to v2', report.weights.length === 0 && report.failed === 0, report);
      return { ...report, notes: { message } };
    },
  },
];

const BASELINE = 'songbird.dev/baseline';

type Quota = KubeObject & { readonly status?: { readonly used?: Readonly<Record<string, string>> } };

function stablePods(context: Context, revision: string): Promise<Pod[]> {
  return context.bed.kube.list<Pod>('Pod', context.namespace, `songbird.dev/revision=${revision}`);
}

function isFresh({ metadata }: Pod): boolean {
  return metadata.labels?.[BASELINE] !== undefined && metadata.deletionTimestamp === undefined;
}

function nameOf({ metadata }: Pod): string {
  return metadata.name;
}
