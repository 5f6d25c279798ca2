import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { CanaryReleaseStatus } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { atWeight } from './changes.ts';
import { type Context, type Scenario, expect, isTrue } from './context.ts';
import { HealthApi } from './health-api.ts';
import { eventsOf, expectEvent, expectExplained } from './why.ts';

const TOKEN = 'open-sesame-4711';
const SECRETS_ROLE = join(import.meta.dirname, '../../../config/secrets/cluster-role.yaml');
const CLUSTER_TEMPLATE = 'failed-share';
const SONGBIRD = { apiVersion: 'songbird.dev/v1alpha1' };
const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1' };

/** Metrics that a platform team wrote, from a real Prometheus and a real HTTP server. */
export const templates: Scenario = {
  name: 'metrics of a template',
  async run(context) {
    const api = await HealthApi.start(TOKEN);
    const { kube } = context.bed;
    try {
      const spec = specOf(context);
      await kube.apply(failedShare());
      await kube.apply(secret(context));
      await context.healthy({ steps: spec.steps });

      await context.apply(context.manifest('v2', {}, spec));
      await stalled(
        context,
        'TemplateNotFound',
        `there is no AnalysisTemplate health in namespace ${context.namespace}`,
      );
      await kube.apply(health(context, api.url));
      await stalled(context, 'SecretUnreadable', 'kubectl apply -k config/secrets');
      expect('no traffic was touched', context.weights.list().length === 0, context.weights.list());
      for (const object of await mayReadSecrets(context)) await kube.apply(object);
      const promoted = await context.until(
        'v2 goes on by itself and is promoted',
        ({ phase, history }) => phase === 'Healthy' && history?.[0]?.version === 'v2',
        120_000,
      );
      expectMeasured(promoted);
      const asked = [`/services/shop?revision=${promoted.stableRevision ?? ''}`];
      expect('the server was asked for this release', String(api.asked) === String(asked), api.asked);

      await context.apply(context.manifest('v3', {}, spec));
      await atWeight(context, 60);
      api.say({ status: 'degraded', queue: 250 });
      const saidAt = performance.now();
      const { rejected } = await context.until('v3 is rolled back', ({ phase }) => phase === 'RolledBack');
      const rolledBackMs = Math.round(performance.now() - saidAt);
      const why = rejected?.message ?? '';
      expect(
        "by the server's answer",
        rejected?.reason === 'AnalysisFailed' && why.startsWith('health/queue: {"status":"degraded"'),
        rejected,
      );
      await expectEvent(
        context,
        ({ reason, message }) => reason === 'AnalysisFailed' && message?.includes(why) === true,
      );
      expect('the server knew who asked', api.refused === 0, api.refused);
      await expectSecretKept(context);

      // 404 is no server's fault: only the template counts it.
      api.say({ status: 'ok', queue: 3 });
      await context.apply(context.manifest('v4', { ERROR_RATE: '0.3', ERROR_STATUS: '404' }, spec));
      await context.until(
        'v4 is rolled back',
        ({ phase, history }) => phase === 'RolledBack' && history?.[0]?.version === 'v4',
      );
      await expectExplained(context, `${CLUSTER_TEMPLATE}/not-found`);
      const report = await context.finish({ rolledBackMs, why });
      expect('no request failed', report.failed === 0, report.summary);
      return report;
    } finally {
      await kube.delete('ClusterAnalysisTemplate', '', CLUSTER_TEMPLATE);
      await api.stop();
    }
  },
};

function specOf({ bed, namespace }: Context) {
  return {
    steps: [{ weight: 20, for: '5s' }, { weight: 60, for: '5s' }, { weight: 100 }],
    analysis: {
      errorRate: { max: '1%' },
      prometheus: { address: bed.prometheus.url },
      templates: [
        { kind: 'ClusterAnalysisTemplate', name: CLUSTER_TEMPLATE, args: { namespace } },
        { name: 'health' },
      ],
    },
  };
}

/** Requests as Prometheus has them: a value, one that never decides, and events of both sides without a limit. */
function failedShare(): KubeObject & { spec: object } {
  const of = (workload: string, more = '') =>
    `istio_requests_total{destination_workload_namespace="{{ args.namespace }}",destination_workload="{{ ${workload} }}"${more}}`;
  const rate = (selector: string) => `sum(rate(${selector}[{{ window }}]))`;
  const failed = ',response_code=~"5.."';
  const times = { interval: '2s', initialDelay: '3s' };
  return {
    ...SONGBIRD,
    kind: 'ClusterAnalysisTemplate',
    metadata: { name: CLUSTER_TEMPLATE },
    spec: {
      args: [
        { name: 'namespace', description: 'Where the workload runs.' },
        { name: 'most', type: 'number', default: '0.1' },
      ],
      metrics: [
        {
          name: 'share',
          prometheus: {
            query: `(${rate(of('candidate.workload', failed))} or vector(0)) / ${rate(of('candidate.workload'))}`,
          },
          success: 'result <= args.most',
          ...times,
        },
        {
          name: 'idle',
          prometheus: { query: rate(of('candidate.workload')) },
          max: 0,
          dryRun: true,
          ...times,
        },
        { name: 'not-found', events: { bad: of('workload', ',response_code="404"'), all: of('workload') } },
      ],
    },
  };
}

/** A health check with a token that nobody may see. */
function health({ namespace }: Context, url: string): KubeObject & { spec: object } {
  return {
    ...SONGBIRD,
    kind: 'AnalysisTemplate',
    metadata: { name: 'health', namespace },
    spec: {
      args: [
        { name: 'token', valueFrom: { secretKeyRef: { name: 'health-api', key: 'token' } } },
        { name: 'service', valueFrom: { field: 'spec.service.name' } },
        { name: 'most', type: 'number', default: '100' },
      ],
      metrics: [
        {
          name: 'queue',
          web: {
            url: `${url}/services/{{ args.service }}?revision={{ candidate.revision }}`,
            headers: [{ name: 'Authorization', value: 'Bearer {{ args.token }}' }],
            timeout: '3s',
          },
          interval: '1s',
          success: 'result.status == "ok" && result.queue < args.most',
        },
      ],
    },
  };
}

function secret({ namespace }: Context): KubeObject & { stringData: object } {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'health-api', namespace },
    stringData: { token: TOKEN },
  };
}

/** Lets the operator read Secrets of this namespace alone, by the rules of config/secrets. Goes with the namespace. */
async function mayReadSecrets({ namespace }: Context): Promise<KubeObject[]> {
  const { rules } = parse(await readFile(SECRETS_ROLE, 'utf8')) as { rules: object[] };
  const metadata = { name: 'songbird-secrets', namespace };
  const role = { ...RBAC, kind: 'Role', metadata, rules };
  const binding = {
    ...RBAC,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'songbird', namespace: 'songbird-system' }],
  };
  return [role, binding];
}

async function stalled(context: Context, reason: string, sentence: string): Promise<void> {
  const { message } = await context.until(
    `Stalled by ${reason}`,
    ({ conditions }) =>
      isTrue(conditions, 'Stalled') &&
      conditions?.some((condition) => condition.type === 'Stalled' && condition.reason === reason) === true,
    30_000,
  );
  expect(`it says "${sentence}"`, message?.includes(sentence) === true, message);
}

/** Checks what status says of the metrics of both templates after a good release. */
function expectMeasured({ analysis }: CanaryReleaseStatus): void {
  const value = (name: string) => analysis?.values?.find((entry) => entry.name === name);
  expect('Prometheus gave a value', value('failed-share/share')?.verdict === 'Pass', analysis?.values);
  expect('the server gave a value', value('health/queue')?.verdict === 'Pass', analysis?.values);
  const idle = value('failed-share/idle');
  expect('the dry run failed, and did not decide', idle?.dryRun === true && idle.verdict === 'Fail', idle);
  const counted = analysis?.metrics.find(({ name }) => name === 'failed-share/not-found');
  expect(
    'events of both sides were counted, without a limit',
    counted?.verdict === 'Pass' &&
      counted.limit === undefined &&
      counted.candidate.all > 0 &&
      counted.stable.all > 0,
    counted,
  );
}

/** The token is nowhere to be read. */
async function expectSecretKept(context: Context): Promise<void> {
  const places = {
    release: JSON.stringify(await context.release()),
    Events: JSON.stringify(await eventsOf(context)),
    log: await context.operator.log(),
    metrics: await context.operator.metrics(),
  };
  for (const [place, text] of Object.entries(places)) {
    expect(`the token is not in ${place}`, !text.includes(TOKEN), place);
  }
}
