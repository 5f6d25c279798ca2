import type { KubeObject } from '../../../src/kube/types.ts';
import type { Pod } from '../harness/objects.ts';
import { type Context, type Scenario, expect } from './context.ts';
import { expectEvent } from './why.ts';

const STEPS = [{ weight: 5, for: '2s' }, { weight: 40, for: '2s' }, { weight: 100 }];
const GONE_MS = 60_000;

/** Asks as a client would until the version that is meant has answered, and ends with 0 when it answered 200, else with 1. */
const SMOKE_TEST = `
const { get } = require('node:http');
const { GATEWAY, HOST, VERSION } = process.env;
const ask = () =>
  new Promise((resolve, reject) => {
    const answered = (answer) => answer.resume().on('end', () => resolve(answer));
    get(GATEWAY, { headers: { host: HOST } }, answered).on('error', reject);
  });
(async () => {
  for (let tries = 0; tries < 2000; tries++) {
    const { statusCode, headers } = await ask();
    if (headers['x-version'] !== VERSION) continue;
    console.log(VERSION + ' answered ' + statusCode);
    process.exit(statusCode === 200 ? 0 : 1);
  }
  console.log(VERSION + ' never answered');
  process.exit(1);
})();
`;

interface Job extends KubeObject {
  status?: { ready?: number; conditions?: { type: string; status: string }[] };
}

/** A Job of the cluster's own Job controller, whose pods really run. */
export const jobs: Scenario = {
  name: 'measured by a Job',
  async run(context) {
    await context.bed.kube.apply(smokeTest(context));
    const spec = {
      steps: STEPS,
      analysis: { errorRate: { max: '1%' }, templates: [{ name: 'smoke-test' }] },
    };
    await context.healthy({ steps: STEPS });

    await context.apply(context.manifest('v2', {}, spec));
    const { stableRevision: good } = await context.until(
      'v2 is promoted',
      ({ phase, history }) => phase === 'Healthy' && history?.[0]?.version === 'v2',
      90_000,
    );
    const passed = await jobsOf(context);
    expect('one Job ran at each weight', passed.length === STEPS.length, passed);
    expect(
      'each of them completed',
      passed.every((job) => ended(job) === 'Complete'),
      passed,
    );
    expect(
      'they belong to the release and name the revision',
      passed.every(
        ({ metadata: { labels = {}, ownerReferences = [] } }) =>
          labels['songbird.dev/revision'] === good && ownerReferences[0]?.kind === 'CanaryRelease',
      ),
      passed,
    );

    // 404 is no server's fault: errorRate sees nothing of it.
    await context.apply(context.manifest('v3', { ERROR_RATE: '1', ERROR_STATUS: '404' }, spec));
    const { rejected } = await context.until('v3 is rolled back', ({ phase }) => phase === 'RolledBack');
    const why = rejected?.message ?? '';
    expect(
      'by the Job',
      rejected?.reason === 'AnalysisFailed' &&
        /^smoke-test\/smoke: failed, Job \S+ failed: BackoffLimitExceeded/.test(why),
      rejected,
    );
    await expectEvent(
      context,
      ({ reason, message }) => reason === 'AnalysisFailed' && message?.includes(why) === true,
    );
    const failed = (await jobsOf(context)).filter((job) => ended(job) === 'Failed');
    expect('its Job is kept for its logs', failed.length === 1, failed);

    const soaked = {
      steps: [{ weight: 5, for: '1m' }, { weight: 100 }],
      analysis: { errorRate: { max: '1%' }, metrics: [soak()] },
    };
    await context.apply(context.manifest('v4', {}, soaked));
    await context.bed.eventually('a Job runs that does not end', GONE_MS, async () =>
      (await jobsOf(context)).some(({ status }) => status?.ready === 1),
    );
    const pods = await context.bed.kube.list<Pod>('Pod', context.namespace, 'version=v4');
    await context.bed.node.behave(pods, { errorRate: 0.3 });
    await context.until(
      'v4 is rolled back',
      ({ phase, history }) => phase === 'RolledBack' && history?.[0]?.version === 'v4',
    );
    await context.bed.eventually('the Job that still ran is deleted', GONE_MS, async () =>
      (await jobsOf(context)).every((job) => ended(job) !== undefined),
    );
    const report = await context.finish({ why });
    const { byVersion } = report.summary;
    expect('only v4 failed', report.failed === (byVersion['v4']?.failed ?? 0), report.summary);

    await context.clear();
    await context.bed.eventually('Jobs and their pods go with the release', GONE_MS, async () => {
      const pods = await context.bed.kube.list('Pod', context.namespace);
      return (await jobsOf(context)).length + pods.length === 0;
    });
    return report;
  },
};

function smokeTest({ bed, host, namespace }: Context): KubeObject & { spec: object } {
  const container = {
    name: 'smoke',
    image: 'demo-app:smoke-test',
    command: ['node', '--eval', SMOKE_TEST],
    env: [
      { name: 'GATEWAY', value: bed.mesh.url },
      { name: 'HOST', value: host },
      { name: 'VERSION', value: '{{ candidate.version }}' },
    ],
  };
  const template = {
    metadata: { labels: { 'sidecar.istio.io/inject': 'false' } },
    spec: { containers: [container] },
  };
  return {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: 'smoke-test', namespace },
    spec: {
      metrics: [{ name: 'smoke', job: { spec: { backoffLimit: 0, activeDeadlineSeconds: 60, template } } }],
    },
  };
}

/** A Job that outlives its release. */
function soak(): object {
  const container = { name: 'soak', image: 'demo-app:soak', command: ['sleep', '600'] };
  return { name: 'soak', job: { spec: { template: { spec: { containers: [container] } } } } };
}

function jobsOf({ bed, namespace }: Context): Promise<Job[]> {
  return bed.kube.list<Job>('Job', namespace);
}

/** How a Job ended; undefined while it runs. */
function ended({ status }: Job): string | undefined {
  const conditions = status?.conditions ?? [];
  return conditions.find((it) => it.status === 'True' && ['Complete', 'Failed'].includes(it.type))?.type;
}
