import { type Scenario, expect, isTrue } from './context.ts';
import { expectExplained } from './why.ts';

const GOOD_REQUESTS = 5000;
const DETECTED_MS = 10_000;
/** Envoy brings histograms up to date every 5 s, each proxy at times of its own, and both sides have to be told of. */
const SLOW_DETECTED_MS = 15_000;
/** The goal at 30% errors and 200 requests a second: failed requests after the candidate first gets traffic. */
const MOST_FAILED = 12;

export const releases: readonly Scenario[] = [
  {
    name: 'first deployment',
    async run(context) {
      const status = await context.healthy();
      const summary = await context.bed.eventually('200 requests', 20_000, async () => {
        const seen = context.load.summary();
        return seen.requests >= 200 && seen;
      });
      expect('no request fails', summary.failed === 0, summary);
      expect('the first revision is remembered', status.history?.[0]?.outcome === 'Initial', status.history);
      return context.finish();
    },
  },
  {
    name: 'good release',
    async run(context) {
      await context.healthy({
        steps: [
          { weight: 5, for: '6s' },
          { weight: 40, for: '6s' },
          { weight: 60, for: '6s' },
          { weight: 100, for: '4s' },
        ],
      });
      await context.apply(
        context.manifest(
          'v2',
          {},
          {
            steps: [
              { weight: 5, for: '6s' },
              { weight: 40, for: '6s' },
              { weight: 60, for: '6s' },
              { weight: 100, for: '4s' },
            ],
          },
        ),
      );
      const status = await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
      );
      // The old version goes away under load, too.
      await context.bed.eventually('the old pods are gone', 30_000, async () => {
        const pods = await context.bed.kube.list('Pod', context.namespace);
        return pods.length === 2;
      });
      await context.bed.eventually(
        `${GOOD_REQUESTS} requests`,
        60_000,
        async () => context.load.summary().requests >= GOOD_REQUESTS,
      );
      const report = await context.finish();
      expect('every step was taken', String(report.weights) === '5,40,60,100', report.weights);
      expect('no request failed', report.failed === 0, report.summary);
      expect('Ready', isTrue(status.conditions, 'Ready'), status.conditions);
      return report;
    },
  },
  {
    name: 'bad release by errors',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2', { ERROR_RATE: '0.3' }));
      const status = await context.until('v2 is rolled back', ({ phase }) => phase === 'RolledBack');
      const report = await context.finish();
      const detected = detection(context.weights.firstAt(0), report.summary.firstBadAt);
      expect('weight 0 in time', detected <= DETECTED_MS, detected);
      expect('the reason is the analysis', status.rejected?.reason === 'AnalysisFailed', status.rejected);
      expect(
        'Stalled, not Ready',
        isTrue(status.conditions, 'Stalled') && !isTrue(status.conditions, 'Ready'),
        status.conditions,
      );
      expect(
        'only the bad version failed',
        (report.summary.byVersion['v1']?.failed ?? 0) === 0,
        report.summary,
      );
      expect(`at most ${MOST_FAILED} requests failed`, report.failed <= MOST_FAILED, report.summary);
      await expectExplained(context, 'errors');
      return { ...report, notes: { detectedMs: detected, why: status.rejected?.message ?? '' } };
    },
  },
  {
    name: 'bad release by latency',
    async run(context) {
      const analysis = { source: 'proxies', errorRate: { max: '1%' }, latency: { p99: '250ms' } };
      await context.healthy({ analysis });
      await context.apply(context.manifest('v2', { LATENCY_MS: '400' }, { analysis }));
      const status = await context.until('v2 is rolled back', ({ phase }) => phase === 'RolledBack');
      const firstCandidate = context.weights.firstAt(5);
      const report = await context.finish();
      const detected = detection(context.weights.firstAt(0), firstCandidate);
      expect('weight 0 in time', detected <= SLOW_DETECTED_MS, detected);
      expect('by latency', status.rejected?.message.includes('slower than 250 ms') === true, status.rejected);
      expect('no request failed', report.failed === 0, report.summary);
      return { ...report, notes: { detectedMs: detected, why: status.rejected?.message ?? '' } };
    },
  },
  {
    name: 'bad release by errors, Prometheus',
    async run(context) {
      const analysis = {
        source: 'prometheus',
        errorRate: { max: '1%' },
        prometheus: { address: context.bed.prometheus.url },
      };
      await context.healthy({ analysis });
      await context.apply(context.manifest('v2', { ERROR_RATE: '0.3' }, { analysis }));
      const status = await context.until('v2 is rolled back', ({ phase }) => phase === 'RolledBack', 90_000);
      const report = await context.finish();
      expect('the reason is the analysis', status.rejected?.reason === 'AnalysisFailed', status.rejected);
      expect('it never went beyond the first step', Math.max(...report.weights) === 5, report.weights);
      return {
        ...report,
        notes: { detectedMs: detection(context.weights.firstAt(0), report.summary.firstBadAt) },
      };
    },
  },
  {
    name: 'candidate never ready',
    async run(context) {
      await context.healthy({ progressDeadline: '8s' });
      await context.apply(context.manifest('v2', { NEVER_READY: '1' }, { progressDeadline: '8s' }));
      const waiting = await context.until(
        'it waits for pods',
        ({ phase, message }) => phase === 'Progressing' && message?.includes('pods') === true,
      );
      expect('it says for what', waiting.message?.startsWith('0 of 1 pods') === true, waiting.message);
      const status = await context.until('it is taken back', ({ phase }) => phase === 'RolledBack');
      expect(
        'the reason is the deadline',
        status.rejected?.reason === 'ProgressDeadlineExceeded',
        status.rejected,
      );
      const report = await context.finish();
      expect('no traffic went to it', report.weights.length === 0 && report.failed === 0, report);
      return report;
    },
  },
  {
    name: 'image that does not exist, then mended',
    async run(context) {
      await context.healthy();
      await context.apply(context.manifest('v2', {}, {}, 'registry.invalid/shop:typo'));
      const stalled = await context.until('it is stalled', ({ conditions }) => isTrue(conditions, 'Stalled'));
      expect(
        'image and field are named',
        stalled.message?.includes(
          'spec.template.spec.containers[name=app].image: registry.invalid/shop:typo',
        ) === true,
        stalled.message,
      );
      await context.apply(context.manifest('v2'));
      await context.until(
        'the mended version is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
      );
      const report = await context.finish();
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
];

/** From the first bad request to weight 0 (ms); infinite when one of them was not seen. */
function detection(zeroAt: number | undefined, badAt: number | undefined): number {
  return zeroAt === undefined || badAt === undefined ? Infinity : zeroAt - badAt;
}
