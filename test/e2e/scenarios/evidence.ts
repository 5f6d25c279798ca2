import { setTimeout as delay } from 'node:timers/promises';
import type { CanaryReleaseStatus } from '../../../src/api/index.ts';
import { atWeight } from './changes.ts';
import { type Pod, isReady } from '../harness/objects.ts';
import { type Env, type Scenario, expect } from './context.ts';
import { eventsOf, expectEvent, expectExplained } from './why.ts';

const BAD_RELEASES = 10;
/** The goal at 5% errors: failed requests after the candidate first gets traffic, on average. */
const MOST_FAILED = 15;
/** The demo's. */
const DEMO = {
  steps: [{ weight: 5, for: '5s' }, { weight: 40, for: '4s' }, { weight: 60, for: '4s' }, { weight: 100 }],
  progressDeadline: '45s',
};
/** Requests a second. */
const RATE = 200;
const LONG_STEP_S = 600;
const AWAY_MS = 4000;
/** For so long a pod is not ready after its app crashed: time enough to see what is counted meanwhile. */
const UNREADY_MS = 8000;

/** Verdicts by evidence: how quick they are, and that they are kept. */
export const evidence: readonly Scenario[] = [
  {
    name: 'bad release by 5% errors, ten times',
    async run(context) {
      await context.healthy(DEMO, RATE);
      const versions = Array.from({ length: BAD_RELEASES }, (_, index) => `v${index + 2}`);
      for (const version of versions) {
        await context.apply(context.manifest(version, { ERROR_RATE: '0.05' }, DEMO));
        const { rejected } = await context.until(
          `${version} is rolled back`,
          ({ phase, history: past }) => phase === 'RolledBack' && past?.[0]?.version === version,
          120_000,
        );
        expect(`${version} is rolled back by evidence`, rejected?.reason === 'AnalysisFailed', rejected);
      }
      const report = await context.finish();
      const { byVersion } = report.summary;
      const failed = versions.map((version) => byVersion[version]?.failed ?? 0);
      const sum = failed.reduce((total, count) => total + count, 0);
      const mean = sum / failed.length;
      expect(
        'every candidate got traffic',
        versions.every((version) => (byVersion[version]?.requests ?? 0) > 0),
        byVersion,
      );
      expect('only bad versions failed', report.failed === sum, report.summary);
      expect(`at most ${MOST_FAILED} failed requests on average`, mean <= MOST_FAILED, failed);
      return { ...report, notes: { meanFailed: mean, failed: failed.join(' ') } };
    },
  },
  early('advance on evidence, within a limit', { errorRate: { max: '1%' } }, [
    { weight: 20, for: `${LONG_STEP_S}s` },
    { weight: 50, for: `${LONG_STEP_S}s` },
    { weight: 100, for: `${LONG_STEP_S}s` },
  ]),
  early(
    'advance on evidence, errors on both sides',
    { errorRate: {} },
    [{ weight: 20, for: `${LONG_STEP_S}s` }, { weight: 50, for: `${LONG_STEP_S}s` }, { weight: 100 }],
    { ERROR_RATE: '0.02' },
  ),
  {
    name: 'evidence survives a restart of the operator',
    async run(context) {
      const forMs = 10_000;
      const spec = { steps: [{ weight: 40, for: `${forMs / 1000}s` }, { weight: 100 }] };
      await context.healthy(spec);
      await context.apply(context.manifest('v2', {}, spec));
      await atWeight(context, 40);
      const before = await context.until('100 requests are counted', (status) => counted(status).all >= 100);
      await context.operator.kill();
      await delay(AWAY_MS);
      await context.operator.start();
      const after = await context.until(
        'it counts again',
        (status) => counted(status).all !== counted(before).all,
        20_000,
      );
      expect('what was counted is kept', counted(after).all > counted(before).all, {
        before: counted(before),
        after: counted(after),
      });
      expect(
        'it is the same window',
        after.analysis?.windowFrom === before.analysis?.windowFrom,
        after.analysis,
      );
      const uncounted = after.analysis?.uncountedMs ?? 0;
      expect('the time in which nobody counted is known', uncounted >= AWAY_MS, after.analysis);
      const opened = Date.parse(after.step?.observedAt ?? '');
      await context.until(
        'v2 is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.outcome === 'Promoted',
      );
      const raised = context.weights.firstAt(100) ?? 0;
      expect('the step was watched for its whole time', raised - opened >= forMs + uncounted, {
        tookMs: raised - opened,
        uncounted,
      });
      const report = await context.finish({ uncountedMs: uncounted, stepMs: raised - opened });
      expect('no step was skipped or repeated', String(report.weights) === '40,100', report.weights);
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    },
  },
  {
    name: 'failures of a pod that is no longer ready',
    async run(context) {
      const analysis = { source: 'proxies', errorRate: { max: '50%' } };
      const spec = { steps: [{ weight: 60, for: '1m' }, { weight: 100 }], analysis };
      await context.healthy(spec, RATE);
      await context.apply(context.manifest('v2', { READY_AFTER_MS: String(UNREADY_MS) }, spec));
      await atWeight(context, 60);
      await context.until('500 requests are counted', (status) => counted(status).all >= 500);
      const pods = await context.bed.kube.list<Pod>('Pod', context.namespace, 'version=v2');
      const [victim] = pods;
      expect(
        'two pods serve, and none fails',
        pods.length === 2 && context.load.summary().failed === 0,
        pods,
      );
      // Until everybody knows that the app is gone, its proxy answers requests with 503.
      const app = context.bed.node.runner(context.namespace, victim?.metadata.name ?? '')?.containers[0];
      process.kill(app?.pid ?? NaN, 'SIGKILL');
      const isReadyNow = async () => {
        const pod = await context.bed.kube.find<Pod>('Pod', context.namespace, victim?.metadata.name ?? '');
        return pod !== undefined && isReady(pod);
      };
      await context.bed.eventually('the pod is not ready', 5000, async () => !(await isReadyNow()));
      const { failed } = await context.bed.eventually('requests have failed', 5000, async () => {
        const before = context.load.summary();
        await delay(500);
        return before.failed > 0 && context.load.summary().failed === before.failed && before;
      });
      const status = await context.until(
        'all that failed is counted',
        (seen) => counted(seen).bad >= failed,
        UNREADY_MS,
      );
      expect('while the pod is not ready', !(await isReadyNow()), pods);
      return context.finish({ counted: counted(status).bad });
    },
  },
];

/** Long steps that evidence ends: a good version goes out in a fraction of their time, a bad one goes back. */
function early(
  name: string,
  limits: Readonly<Record<string, unknown>>,
  steps: readonly { weight: number; for?: string }[],
  usual: Env = {},
): Scenario {
  return {
    name,
    async run(context) {
      const spec = {
        steps,
        analysis: { source: 'proxies', advance: 'onEvidence', ...limits },
        progressDeadline: '5m',
      };
      const planned = steps.reduce((sum, step) => sum + (step.for === undefined ? 0 : LONG_STEP_S), 0);
      await context.healthy(spec, RATE, { env: usual });
      const started = performance.now();
      await context.apply(context.manifest('v2', usual, spec));
      await context.until(
        'v2 is promoted early',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.version === 'v2',
        (planned / 10) * 1000,
      );
      const seconds = Math.round((performance.now() - started) / 1000);
      const good = context.weights.list();
      expect('every step was taken', String(good) === String(steps.map(({ weight }) => weight)), good);
      for (const { weight } of steps.slice(0, -1)) {
        await expectEvent(
          context,
          ({ message = '' }) => message.startsWith(`${weight}% passed: `) && message.includes(' on stable'),
        );
      }
      await context.apply(context.manifest('v3', { ERROR_RATE: '0.2' }, spec));
      const { rejected } = await context.until('v3 is rolled back', ({ phase }) => phase === 'RolledBack');
      expect('by evidence', rejected?.reason === 'AnalysisFailed', rejected);
      await expectExplained(context, 'errors');
      const further = (await eventsOf(context)).filter(({ message = '' }) =>
        new RegExp(`revision ${rejected?.revision ?? ''} serves (?!${steps[0]?.weight ?? 0}%)`).test(message),
      );
      expect('it never went beyond the first step', further.length === 0, further);
      const report = await context.finish({ plannedSeconds: planned, seconds, why: rejected?.message ?? '' });
      return report;
    },
  };
}

/** Requests of the candidate that status holds, and errors among them. */
function counted({ analysis }: CanaryReleaseStatus): { all: number; bad: number } {
  return analysis?.metrics.find(({ name }) => name === 'errors')?.candidate ?? { all: 0, bad: 0 };
}
