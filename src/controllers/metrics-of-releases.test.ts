import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus, Job } from '../api/index.ts';
import { ApiError, type KubeObject } from '../kube/types.ts';
import { jobs, secrets } from '../kube/well-known.ts';
import type { Found } from '../telemetry/index.ts';
import { TestCluster, healthy } from './cluster.testing.ts';
import { analysisTemplates, clusterAnalysisTemplates, releaseCommands } from '../api/resources.ts';

let test: TestCluster;

beforeEach(async () => {
  test = await TestCluster.start();
});

afterEach(async () => {
  await test.stop();
});

const CONVERSION = {
  args: [{ name: 'shop' }, { name: 'least', type: 'number', default: '0.02' }],
  metrics: [
    {
      name: 'rate',
      prometheus: { query: 'conversion{shop="{{ args.shop }}",version="{{ candidate.revision }}"}' },
      interval: '1s',
      success: 'result >= args.least',
    },
  ],
};
const NAMED = {
  errorRate: { max: '1%' },
  templates: [{ kind: 'ClusterAnalysisTemplate', name: 'conversion', args: { shop: 'eu' } }],
};

const found = (result: unknown): Found => ({ outcome: 'value', result });
const error = (message: string): Found => ({ outcome: 'error', message });
const value = ({ analysis }: CanaryReleaseStatus, name: string) =>
  analysis?.values?.find((one) => one.name === name);

function template(spec: unknown, name = 'conversion', kind = 'ClusterAnalysisTemplate'): Promise<KubeObject> {
  const type = kind === 'AnalysisTemplate' ? analysisTemplates : clusterAnalysisTemplates;
  const namespace = kind === 'AnalysisTemplate' ? { namespace: 'shop' } : {};
  const object = { apiVersion: 'songbird.dev/v1alpha1', kind, metadata: { name, ...namespace }, spec };
  return test.admin.patch(type, object.metadata, 'apply', object, { fieldManager: 'platform', force: true });
}

/** The first version serves, and the second goes out with this analysis. */
async function release(analysis: unknown, spec: Record<string, unknown> = {}): Promise<CanaryReleaseStatus> {
  await test.operate();
  await test.apply('cart:1', { analysis, ...spec });
  const status = await test.until(healthy);
  await test.apply('cart:2', { analysis, ...spec });
  return status;
}

const over = ({ history }: CanaryReleaseStatus) => history?.[0]?.outcome !== 'Initial';

describe('a release with a template', () => {
  beforeEach(() => template(CONVERSION));

  it('goes out while its metric succeeds, measured at each weight with its arguments', async () => {
    const queries = new Set<string>();
    test.values = (query) => {
      queries.add(query);
      return found(0.03);
    };
    await release(NAMED);
    const status = await test.until(over);
    expect(status.history?.[0]?.outcome).toBe('Promoted');
    expect([...queries]).toEqual([`conversion{shop="eu",version="${status.stableRevision ?? ''}"}`]);
    expect(value(status, 'conversion/rate')).toMatchObject({
      verdict: 'Pass',
      failures: 0,
      last: { value: '0.03' },
    });
    expect(test.errors).toEqual([]);
  });

  it('comes back when the metric fails, and says why', async () => {
    test.values = () => found(0.01);
    const first = await release(NAMED);
    const status = await test.until(({ phase }) => phase === 'RolledBack', 15);
    expect(status.rejected).toMatchObject({
      reason: 'AnalysisFailed',
      message: 'conversion/rate: 0.01, result >= args.least is false; 1 failure, 0 tolerated',
    });
    expect(await test.weights()).toEqual({ [first.stableRevision ?? '']: 100 });
    expect(test.events.some((event) => event.includes('conversion/rate: 0.01'))).toBe(true);
  });

  it('is held while the metric has no value, never passes on errors, and goes on afterwards', async () => {
    test.values = () => error('Prometheus does not answer');
    await release(NAMED);
    const status = await test.until((now) => (value(now, 'conversion/rate')?.errors ?? 0) > 4);
    expect(value(status, 'conversion/rate')?.message).toContain(
      'errors, 4 tolerated in a row: Prometheus does not',
    );
    await test.clock.advance(60_000);
    expect((await test.status()).step?.observedWeight).toBe(20);
    expect((await test.status()).message).toContain('Prometheus does not answer');
    test.values = () => found(0.03);
    expect((await test.until(over)).history?.[0]?.outcome).toBe('Promoted');
  });

  it('is given up at its deadline when there never is a value', async () => {
    test.values = () => found(NaN);
    await release(NAMED, { progressDeadline: '20s' });
    const status = await test.until(({ phase }) => phase === 'RolledBack');
    expect(status.rejected).toMatchObject({ reason: 'Inconclusive' });
    expect(status.rejected?.message).toContain('the result is NaN');
  });

  it('measures afresh when the template changes in mid-release', async () => {
    test.values = () => found(0.03);
    await release(NAMED, { steps: [{ weight: 20, for: '20s' }, { weight: 100 }] });
    await test.until((now) => (value(now, 'conversion/rate')?.measured ?? 0) > 3);
    await template({
      ...CONVERSION,
      args: [{ name: 'shop' }, { name: 'least', type: 'number', default: '0.05' }],
    });
    const status = await test.until(({ phase }) => phase === 'RolledBack');
    expect(value(status, 'conversion/rate')).toMatchObject({ measured: 1, failures: 1 });
  });

  it('never lets a dry run decide, and shows it', async () => {
    test.values = () => found(0);
    await template({ ...CONVERSION, metrics: [{ ...CONVERSION.metrics[0], dryRun: true }] });
    await release(NAMED);
    const status = await test.until(over);
    expect(status.history?.[0]?.outcome).toBe('Promoted');
    expect(value(status, 'conversion/rate')).toMatchObject({ verdict: 'Fail', dryRun: true });
  });
});

describe('a release by values alone', () => {
  const metrics = [
    { name: 'queue', prometheus: { query: 'queue' }, max: 10, interval: '1s', weight: 1 },
    { name: 'sales', web: { url: 'http://sales/now' }, success: 'result.ok', interval: '1s', weight: 3 },
  ];

  it('goes out without counting requests', async () => {
    test.traffic.down = true;
    test.values = (query) => found(query === 'queue' ? 5 : { ok: true });
    await release({ metrics });
    expect((await test.until(over)).history?.[0]?.outcome).toBe('Promoted');
  });

  it('weighs them into a score when it is to', async () => {
    test.values = (query) => found(query === 'queue' ? 50 : { ok: true });
    await release({ metrics, score: { pass: 70 } });
    expect(await test.until(over)).toMatchObject({
      history: [{ outcome: 'Promoted' }, {}],
      analysis: { score: 75 },
    });
  });

  it('comes back at the end of the step when the score is too low', async () => {
    test.values = (query) => found(query === 'queue' ? 5 : { ok: false });
    await release({ metrics, score: { pass: 70 } });
    const status = await test.until(({ phase }) => phase === 'RolledBack');
    expect(status.rejected?.message).toMatch(/^score 25 of 100, below 70; sales: /);
  });
});

describe('what is wrong stalls a release before it starts, and mending it is enough', () => {
  async function stalled(analysis: unknown): Promise<CanaryReleaseStatus> {
    await test.operate();
    await test.apply('cart:1');
    await test.until(healthy);
    test.values = () => found(1);
    await test.apply('cart:2', { analysis });
    const status = await test.until(
      ({ conditions }) => conditions?.some(({ type }) => type === 'Stalled') === true,
    );
    await test.clock.advance(30_000);
    expect((await test.status()).candidateRevision).toBeUndefined();
    expect(await test.weights()).toEqual({ [status.stableRevision ?? '']: 100 });
    return status;
  }
  const promoted = () => test.until(({ history }) => history?.[0]?.outcome === 'Promoted');

  it('a missing template', async () => {
    const status = await stalled(NAMED);
    expect(status.message).toBe(
      'spec.analysis.templates[0]: there is no ClusterAnalysisTemplate conversion: make it, or mend kind and name',
    );
    await template(CONVERSION);
    await promoted();
  });

  it('a template of the namespace, with a wrong query', async () => {
    const query = (text: string) => ({
      metrics: [{ name: 'm', prometheus: { query: text }, max: 1, interval: '1s' }],
    });
    await template(query('up{a="{{ args.x }}"}'), 'mine', 'AnalysisTemplate');
    const status = await stalled({ templates: [{ name: 'mine' }] });
    expect(status.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
      reason: 'TemplateInvalid',
    });
    await template(query('up'), 'mine', 'AnalysisTemplate');
    await promoted();
  });

  it('a missing argument', async () => {
    await template(CONVERSION);
    const {
      templates: [named],
    } = NAMED;
    const status = await stalled({ templates: [{ ...named, args: {} }] });
    expect(status.message).toContain('spec.analysis.templates[0].args.shop is missing');
    await test.apply('cart:2', { analysis: NAMED });
    await promoted();
  });

  it('a Secret that is not there, or may not be read', async () => {
    const args = [{ name: 'token', valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } }];
    const web = {
      url: 'http://shop/',
      headers: [{ name: 'Authorization', value: 'Bearer {{ args.token }}' }],
    };
    await template({ args, metrics: [{ name: 'm', web, success: 'result == 1', interval: '1s' }] });
    test.cluster.intercept({
      before: ({ verb, plural, user }) => {
        if (forbidden && user === 'songbird' && plural === 'secrets' && verb === 'get') {
          throw new ApiError(403, 'Forbidden', 'secrets is forbidden');
        }
      },
    });
    let forbidden = true;
    const status = await stalled({ templates: [{ kind: 'ClusterAnalysisTemplate', name: 'conversion' }] });
    expect(status.message).toContain('kubectl apply -k config/secrets');
    forbidden = false;
    const missing = await test.until(({ message }) => message?.includes('does not exist') === true);
    expect(missing.message).toContain('Secret api does not exist in namespace shop');
    await test.admin.create<KubeObject & { stringData: unknown }>(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'api', namespace: 'shop' },
      stringData: { token: 's3cret' },
    });
    await promoted();
    expect(JSON.stringify([await test.status(), test.events])).not.toContain('s3cret');
  });
});

describe('a metric by a Job', () => {
  const metrics = [
    {
      name: 'smoke',
      job: {
        spec: {
          template: {
            spec: {
              containers: [{ name: 'smoke', image: 'smoke:1', args: ['--new={{ candidate.revision }}'] }],
            },
          },
        },
      },
    },
  ];

  async function jobsOf(): Promise<Job[]> {
    return (await test.admin.list<Job>(jobs, { namespace: 'shop' })).items;
  }

  /** What a Job controller writes when the pods are done. */
  async function end(type: 'Complete' | 'Failed'): Promise<void> {
    for (const job of await jobsOf()) {
      if (job.status?.conditions !== undefined) continue;
      const condition = {
        type,
        status: 'True',
        ...(type === 'Failed' ? { reason: 'BackoffLimitExceeded' } : {}),
      };
      const patch = { status: { conditions: [condition] } };
      await test.admin.patch(jobs, job.metadata, 'merge', patch, { subresource: 'status' });
    }
  }

  async function started(count: number): Promise<CanaryReleaseStatus> {
    for (let i = 0; i < 60 && (await jobsOf()).length < count; i++) await test.clock.advance(1000);
    expect(await jobsOf()).toHaveLength(count);
    return test.status();
  }

  it('runs once at each weight, and passes when it completes', async () => {
    await release({ metrics });
    const { candidateRevision: revision = '' } = await started(1);
    const [job] = await jobsOf();
    expect(job?.spec).toMatchObject({
      template: { spec: { restartPolicy: 'Never', containers: [{ args: [`--new=${revision}`] }] } },
    });
    await test.clock.advance(30_000);
    expect((await test.status()).step?.observedWeight).toBe(20);
    await end('Complete');
    await started(2);
    await end('Complete');
    await started(3);
    await end('Complete');
    const status = await test.until(over);
    expect(status.history?.[0]?.outcome).toBe('Promoted');
    expect(value(status, 'smoke')).toMatchObject({ measured: 3, failures: 0 });
    expect(await jobsOf()).toHaveLength(3);
    expect(test.errors).toEqual([]);
  });

  it('rolls back when it fails', async () => {
    await release({ metrics });
    await started(1);
    await end('Failed');
    const status = await test.until(({ phase }) => phase === 'RolledBack', 15);
    expect(status.rejected?.message).toMatch(
      /^smoke: failed, Job cart-smoke-\w+ failed: BackoffLimitExceeded; /,
    );
  });

  it('that is refused is told of, tried now and then, and holds up no rollback', async () => {
    let tries = 0;
    test.cluster.intercept({
      before: ({ verb, plural, user }) => {
        if (user !== 'songbird' || plural !== 'jobs' || verb !== 'patch') return;
        tries++;
        throw new ApiError(403, 'Forbidden', 'jobs is forbidden: exceeded quota');
      },
    });
    await release({ metrics, errorRate: { max: '1%' } });
    const status = await test.until(({ message }) => message?.includes('exceeded quota') === true);
    expect(status.conditions?.some(({ type }) => type === 'Stalled')).toBe(true);
    const before = tries;
    await test.clock.advance(30_000);
    expect(tries - before).toBeLessThanOrEqual(6);
    test.traffic.bad.add('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack', 6);
  });

  it('ends with its release: no Job runs for a candidate that was taken back', async () => {
    await release({ metrics, errorRate: { max: '1%' } });
    await started(1);
    test.traffic.bad.add('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack', 15);
    await test.clock.advance(5000);
    expect(await jobsOf()).toEqual([]);
  });

  it('is not run twice for one measurement by an operator that crashed', async () => {
    await release({ metrics });
    await started(1);
    await test.stop();
    await test.operate();
    await test.clock.advance(10_000);
    expect(await jobsOf()).toHaveLength(1);
  });
});

describe('events by queries of the release', () => {
  const orders = {
    name: 'orders',
    events: { bad: 'bad{v="{{ version }}"}', all: 'all{v="{{ version }}"}', max: '1%' },
  };

  it('go beside the requests, and both must pass', async () => {
    await release({ errorRate: { max: '1%' }, metrics: [orders] });
    const status = await test.until(over);
    expect(status.history?.[0]?.outcome).toBe('Promoted');
    expect(status.analysis?.metrics.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['errors', 'Pass'],
      ['orders', 'Pass'],
    ]);
    expect(test.errors).toEqual([]);
  });

  it('roll a release back alone', async () => {
    test.traffic.bad.add('cart:2');
    await release({ metrics: [orders] });
    const status = await test.until(({ phase }) => phase === 'RolledBack', 15);
    expect(status.rejected?.message).toMatch(
      /^orders: \d+ of \d+ on the candidate, 0 of \d+ on stable; .* over the limit of 1%/,
    );
  });

  it('that cannot be read hold a release, and no rollback', async () => {
    test.countsQueried = () => ({ ok: false, code: 'TelemetryUnreachable', message: 'Prometheus is away' });
    await release({ errorRate: { max: '1%' }, metrics: [orders] });
    await test.clock.advance(30_000);
    const held = await test.status();
    expect(held).toMatchObject({ step: { observedWeight: 0 }, message: 'Prometheus is away' });
    test.countsQueried = undefined;
    await test.until(({ step }) => step?.observedWeight === 20);
    test.countsQueried = () => ({ ok: false, code: 'TelemetryUnreachable', message: 'Prometheus is away' });
    test.traffic.bad.add('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack', 10);
  });
});

describe('a Prometheus that hangs', () => {
  const hanging = [{ name: 'queue', prometheus: { query: 'queue' }, max: 10, interval: '1s' }];

  it('does not hold up a rollback by what was counted', async () => {
    test.values = () => new Promise<Found>(() => undefined);
    await release({ errorRate: { max: '1%' }, metrics: hanging });
    await test.until(({ step }) => step?.observedWeight === 20);
    test.traffic.bad.add('cart:2');
    await test.until(({ phase }) => phase === 'RolledBack', 5);
  });

  it('where requests are counted, does not hold up an abort', async () => {
    const first = await release({ errorRate: { max: '1%' } });
    const { candidateRevision: revision = '' } = await test.until(({ step }) => step?.observedWeight === 20);
    test.traffic.read = () => new Promise(() => undefined);
    await test.clock.advance(2000);
    await test.admin.create<KubeObject & { spec: unknown }>(releaseCommands, {
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: { name: 'stop', namespace: 'shop' },
      spec: { release: 'cart', revision, action: 'abort' },
    });
    await test.clock.advance(500);
    expect(await test.weights()).toEqual({ [first.stableRevision ?? '']: 100 });
  });

  it('lets a release go on once it answers, with what it answered late', async () => {
    const answers: ((found: Found) => void)[] = [];
    test.values = () => new Promise<Found>((resolve) => answers.push(resolve));
    await release({ metrics: hanging });
    await test.until(({ step }) => step?.observedWeight === 20);
    await test.clock.advance(20_000);
    expect(answers).toHaveLength(1);
    test.values = () => found(1);
    answers[0]?.(found(1));
    expect((await test.until(over)).history?.[0]?.outcome).toBe('Promoted');
  });
});
