import { setTimeout as delay } from 'node:timers/promises';
import { Refused } from '../harness/kube.ts';
import { type Context, type Release, type Scenario, expect, isTrue } from './context.ts';

const RESTING = 50;
const REST_MS = 60_000;

/** Manifests that can't work, and many that do. */
export const manifests: readonly Scenario[] = [
  {
    name: 'bad manifests are refused at admission',
    async run(context) {
      const refused = async (spec: Record<string, unknown>, sentence: string) => {
        const answer = await context.apply(context.manifest('v1', {}, spec)).then(
          () => 'accepted',
          (error: unknown) => (error instanceof Refused ? error.message : String(error)),
        );
        expect(`refused with "${sentence}"`, answer.includes(sentence), answer);
      };
      await refused({ steps: [{ weight: 40 }, { weight: 5 }, { weight: 100 }] }, 'spec.steps must rise');
      await refused({ steps: [{ weight: 5 }, { weight: 60 }] }, 'spec.steps must end at 100');
      await refused({ service: { name: 'shop', portName: 'http' } }, 'spec.service.port is missing');
      await refused({ service: { name: 'shop', port: 9080 } }, 'spec.service.portName is missing');
      await refused(
        { service: { name: 'shop', port: 9080, portName: 'web' } },
        'spec.service.portName must be',
      );
      return nothing();
    },
  },
  {
    name: 'bad manifests stall, touch nothing, and go on when mended',
    async run(context) {
      const stalled = async (spec: Record<string, unknown>, reason: string) => {
        await context.apply(context.manifest('v1', {}, spec));
        const { generation = 0 } = (await context.release()).metadata;
        await context.until(
          `Stalled by ${reason}`,
          ({ conditions, observedGeneration }) =>
            (observedGeneration ?? 0) >= generation &&
            conditions?.some(({ type, reason: seen }) => type === 'Stalled' && seen === reason) === true,
          15_000,
        );
        const routes = await context.virtualService();
        expect('no routes were made', routes === undefined, routes);
      };
      await stalled({ traffic: { istio: { hosts: ['nowhere'] } } }, 'HostNotFound');
      await stalled(
        { traffic: { istio: { hosts: ['shop'], gateways: ['istio-system/none'] } } },
        'GatewayNotFound',
      );
      await context.bed.kube.apply(foreignService(context, 8080));
      await stalled({}, 'ServiceMismatch');
      await context.bed.kube.apply(foreignService(context, 9080));
      await context.until(
        'it goes on by itself',
        ({ phase, conditions }) => phase === 'Healthy' && isTrue(conditions, 'Ready'),
      );
      return nothing();
    },
  },
  {
    name: 'two releases for one workload',
    async run(context) {
      await context.healthy();
      const second = context.manifest('v9');
      await context.apply({ ...second, metadata: { ...second.metadata, name: 'shop-2' } });
      const find = async () => context.bed.kube.find<Release>('CanaryRelease', context.namespace, 'shop-2');
      const stalled = await context.bed.eventually('the younger is stalled', 10_000, async () => {
        const { status } = (await find()) ?? {};
        return isTrue(status?.conditions, 'Stalled') && status;
      });
      expect(
        'it names the other',
        stalled.message?.includes(`${context.namespace}/shop already manages`) === true,
        stalled.message,
      );
      const report = await context.finish();
      expect('traffic was not touched', report.failed === 0 && report.weights.length === 0, report);
      await context.bed.kube.delete('CanaryRelease', context.namespace, 'shop');
      await context.bed.eventually('the younger takes over once the older is gone', 60_000, async () =>
        isTrue((await find())?.status?.conditions, 'Ready'),
      );
      return report;
    },
  },
  {
    name: `${RESTING} healthy releases at rest`,
    async run(context) {
      for (let i = 0; i < RESTING; i++) await context.apply(resting(context, i));
      await context.bed.eventually('all are healthy', 300_000, async () => {
        const all = await context.bed.kube.list<Release>('CanaryRelease', context.namespace);
        return all.filter(({ status }) => isTrue(status?.conditions, 'Ready')).length === RESTING;
      });
      // What earlier scenarios left must be gone, lest it be written for.
      await context.bed.eventually('this is the only scenario', 120_000, async () => {
        const all = await context.bed.kube.list<Release>('CanaryRelease', '');
        return all.length === RESTING;
      });
      await delay(3000);
      const before = await writes(context);
      await delay(REST_MS);
      const after = await writes(context);
      expect('no write by the operator, its lease aside', after.total === before.total, { before, after });
      return {
        ...nothing(),
        notes: { releases: RESTING, seconds: REST_MS / 1000, writes: after.total - before.total },
      };
    },
  },
];

function resting(context: Context, index: number): Release {
  const manifest = context.manifest('v1');
  const name = `rest-${index}`;
  return {
    ...manifest,
    metadata: { ...manifest.metadata, name },
    spec: {
      ...manifest.spec,
      replicas: 1,
      service: { name, port: 9080, portName: 'http' },
      traffic: { istio: { hosts: [name] } },
    },
  };
}

function foreignService(context: Context, port: number) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shop', namespace: context.namespace },
    spec: { selector: { app: 'shop' }, ports: [{ name: 'http', port, targetPort: 9080 }] },
  };
}

/** Writes to the API server so far, as the operator itself counts them; its lease is not among them. */
async function writes(context: Context): Promise<Record<string, number> & { total: number }> {
  const counts: Record<string, number> & { total: number } = { total: 0 };
  for (const line of (await context.operator.metrics()).split('\n')) {
    if (!line.startsWith('songbird_api_writes_total{') || line.includes('resource="leases')) continue;
    const end = line.lastIndexOf(' ');
    const count = Number(line.slice(end + 1));
    counts[line.slice(line.indexOf('{'), end)] = count;
    counts.total += count;
  }
  return counts;
}

function nothing() {
  return { requests: 0, failed: 0, weights: [] };
}
