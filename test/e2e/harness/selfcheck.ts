/**
 * Checks the harness itself, without the operator: two versions behind a VirtualService, real traffic, a shift under load
 * without a failed request, a version that fails, and the same counts at the clients, the proxies and Prometheus.
 * `node test/e2e/harness/selfcheck.ts`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { STATS_PORT } from './envoy.ts';
import { acrossNetwork, enterNetwork } from './network.ts';
import { isReady } from './objects.ts';
import type { Pod } from './objects.ts';
import { installTools, startTestbed } from './testbed.ts';
import type { Testbed } from './testbed.ts';

const NAMESPACE = 'bookinfo';
const HOST = `reviews.${NAMESPACE}`;
const FQDN = `${HOST}.svc.cluster.local`;
const RATE = 200;
const metadata = (name: string) => ({ name, namespace: NAMESPACE });

function expect(what: string, ok: boolean, seen: unknown): void {
  if (!ok) throw new Error(`${what}: saw ${JSON.stringify(seen)}`);
}

function deployment(
  version: string,
  image: string,
  env: Record<string, string> = {},
  replicas = 2,
): Manifest {
  const labels = {
    app: 'reviews',
    version,
    'songbird.dev/release': 'reviews',
    'songbird.dev/revision': version,
  };
  const container = {
    name: 'reviews',
    image,
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    ports: [{ name: 'http', containerPort: 9080 }],
    readinessProbe: { httpGet: { path: '/readyz', port: 9080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata(`reviews-${version}`), labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec?: object;
}

const service: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('reviews'),
  spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080, targetPort: 'http' }] },
};

function destinationRule(...versions: string[]): Manifest {
  const subsets = versions.map((name) => ({ name, labels: { version: name } }));
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: metadata('reviews'),
    spec: { host: 'reviews', subsets },
  };
}

function virtualService(weights: Record<string, number>): Manifest {
  const route = Object.entries(weights).map(([subset, weight]) => ({
    destination: { host: 'reviews', subset, port: { number: 9080 } },
    weight,
  }));
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: metadata('reviews'),
    spec: { hosts: ['reviews'], gateways: ['mesh'], http: [{ name: 'primary', route }] },
  };
}

async function readyPods(bed: Testbed, version: string, count: number): Promise<Pod[]> {
  return bed.eventually(`${count} ready pods of ${version}`, 60_000, async () => {
    const pods = await bed.kube.list<Pod>('Pod', NAMESPACE, `version=${version}`);
    const ready = pods.filter(isReady);
    return ready.length === count && ready;
  });
}

async function shift(bed: Testbed, weights: Record<string, number>): Promise<number> {
  const started = performance.now();
  await bed.kube.apply(virtualService(weights));
  await bed.eventually(`weights ${JSON.stringify(weights)} in Envoy`, 10_000, async () => {
    const seen = (await bed.mesh.effectiveWeights(HOST)) ?? {};
    return Object.entries(weights).every(([subset, weight]) => (seen[subset] ?? 0) === weight);
  });
  return Math.round(performance.now() - started);
}

async function splitAndShift(bed: Testbed, say: (line: string) => void): Promise<void> {
  await bed.kube.apply(service);
  await bed.kube.apply(deployment('v1', 'demo-app:v1'));
  await bed.kube.apply(deployment('v2', 'demo-app:v2'));
  const v1 = await readyPods(bed, 'v1', 2);
  await readyPods(bed, 'v2', 2);
  say('two Deployments with two ready pods each');

  const plain = bed.load({ host: HOST, rate: RATE });
  await delay(1_500);
  const without = await plain.stop();
  expect('without a VirtualService every pod serves', without.failed === 0, without);
  const half = (without.byVersion['v2']?.requests ?? 0) / without.requests;
  expect('without a VirtualService half goes to each', half > 0.35 && half < 0.65, without.byVersion);

  await bed.kube.apply(destinationRule('v1', 'v2'));
  say(`weights 90/10 in Envoy ${await shift(bed, { v1: 90, v2: 10 })} ms after the write`);
  const load = bed.load({ host: HOST, rate: RATE });
  await delay(10_000);
  const split = load.summary();
  const share = (split.byVersion['v2']?.requests ?? 0) / split.requests;
  say(`v2 got ${(100 * share).toFixed(1)}% of ${split.requests} requests`);
  expect('v2 gets about 10%', share > 0.06 && share < 0.14, split.byVersion);

  say(`weights 0/100 in Envoy ${await shift(bed, { v1: 0, v2: 100 })} ms after the write`);
  await bed.kube.patch('Deployment', NAMESPACE, 'reviews-v1', { spec: { replicas: 0 } });
  await bed.eventually('the pods of v1 are gone', 30_000, async () => {
    const pods = await bed.kube.list<Pod>('Pod', NAMESPACE, 'version=v1');
    return pods.length === 0;
  });
  say('v1 scaled to 0 under load');
  await bed.kube.delete('Pod', NAMESPACE, (await readyPods(bed, 'v2', 2))[0]!.metadata.name);
  await delay(3_000);
  await readyPods(bed, 'v2', 2);
  say('a pod of v2 deleted and replaced under load');
  const shifted = await load.stop();
  say(
    `${shifted.requests} requests, ${shifted.failed} failed, latency ${JSON.stringify(shifted.latencyMs)} ms`,
  );
  expect('no request failed', shifted.failed === 0, [shifted, await bed.mesh.failures()]);
  await delay(2_000);
  const counted = await bed.prometheus.query(
    'sum by (destination_workload) (last_over_time(istio_requests_total[1m]))',
  );
  const workloads = counted.map(({ metric }) => metric['destination_workload']).sort();
  say(`Prometheus: ${JSON.stringify(counted)}`);
  expect('Prometheus has both workloads', String(workloads) === 'reviews-v1,reviews-v2', counted);
  expect('the pods of v1 had addresses of their own', new Set(v1.map((p) => p.status?.podIP)).size === 2, v1);
}

async function badVersion(bed: Testbed, say: (line: string) => void): Promise<void> {
  await bed.kube.apply(deployment('v3', 'demo-app:v3', { ERROR_RATE: '0.3', LATENCY_MS: '120' }, 1));
  const [pod] = await readyPods(bed, 'v3', 1);
  await bed.kube.apply(destinationRule('v2', 'v3'));
  const load = bed.load({ host: HOST, rate: RATE, slowMs: 110 });
  await shift(bed, { v2: 50, v3: 50 });
  const started = Date.now();
  await bed.eventually('a bad answer', 10_000, async () => load.summary().firstBadAt);
  say(`first bad answer ${(load.summary().firstBadAt ?? 0) - started} ms after the weight was in Envoy`);
  await delay(4_000);
  await shift(bed, { v2: 100, v3: 0 });
  const { byVersion, byStatus, samples } = await load.stop();
  const tally = byVersion['v3']!;
  const rate = tally.failed / tally.requests;
  say(`v3 failed ${tally.failed} of ${tally.requests}, ${tally.slow} slow; ${JSON.stringify(byStatus)}`);
  expect('v3 fails 30%', rate > 0.2 && rate < 0.4, samples);
  expect('v3 is slow', tally.slow === tally.requests, tally);
  expect('v2 is not hurt', byVersion['v2']?.failed === 0, byVersion);

  const stats = await (await fetch(`http://${pod!.status!.podIP!}:${STATS_PORT}/stats/prometheus`)).text();
  const lines = stats.split('\n').filter((line) => line.includes('inbound|9080||'));
  const of = (code: string) =>
    lines.find((line) => line.startsWith('envoy_cluster_upstream_rq{') && line.includes(`"${code}"`));
  say(`proxy of v3: ${of('200') ?? ''}; ${of('500') ?? ''}; ${stats.length} bytes`);
  expect(
    'proxy and clients count the same failures',
    of('500')?.endsWith(` ${tally.failed}`) === true,
    lines,
  );
  const slow = lines.find(
    (l) => l.startsWith('envoy_cluster_upstream_rq_time_bucket') && l.includes('le="100"'),
  );
  expect('the proxy has latency buckets', slow?.endsWith(' 0') === true, lines);

  // A new pod is found by Prometheus within its discovery interval; then its counters are as the proxies'.
  const selector =
    '{destination_workload="reviews-v3",destination_workload_namespace="bookinfo",response_code="500"}';
  await bed.eventually('Prometheus counts the failures of v3', 15_000, async () => {
    const [series] = await bed.prometheus.query(`istio_requests_total${selector}`);
    return series?.value === tally.failed;
  });
  const buckets = await bed.prometheus.query(
    'sum by (le) (istio_request_duration_milliseconds_bucket{destination_workload="reviews-v3"})',
  );
  expect('Prometheus has latency buckets', buckets.length > 5, buckets);
  say('clients, proxy and Prometheus agree on v3');
}

async function brokenRoutes(bed: Testbed, say: (line: string) => void): Promise<void> {
  await bed.kube.apply(destinationRule('v2', 'v3', 'empty'));
  await shift(bed, { empty: 50, nowhere: 50 });
  const load = bed.load({ host: HOST, rate: 50 });
  await delay(1_500);
  const summary = await load.stop();
  await delay(1_000);
  const flags = new Set((await bed.mesh.failures()).slice(-40).map((failure) => failure.flags));
  say(
    `unknown and empty subsets: ${JSON.stringify(summary.byStatus)}, flags ${[...flags].sort().join(', ')}`,
  );
  expect('all are 503', summary.byStatus['503'] === summary.requests, summary);
  expect('flags are NC and UH', flags.has('NC') && flags.has('UH') && flags.size === 2, [...flags]);
  await shift(bed, { v2: 100 });
  expect(
    'the gateway has two endpoints of v2',
    (await bed.mesh.endpoints(FQDN))['v2'] === 2,
    bed.mesh.problems,
  );
}

async function specialRoutes(bed: Testbed, say: (line: string) => void): Promise<void> {
  const to = (subset: string) => ({ host: 'reviews', subset, port: { number: 9080 } });
  const plain = virtualService({ v2: 100 });
  const conditional = {
    name: 'testers',
    match: [{ headers: { 'x-tester': { exact: 'yes' } }, uri: { prefix: '/reviews' } }],
    route: [{ destination: to('v3') }],
  };
  const mirrored = {
    name: 'primary',
    route: [{ destination: to('v2') }],
    mirrors: [{ destination: to('v3') }],
  };
  const write = (http: object[]) => bed.kube.apply({ ...plain, spec: { ...plain.spec, http } });
  const [pod] = await readyPods(bed, 'v3', 1);
  await bed.node.behave([pod!], { errorRate: 0, latencyMs: 0 });
  const served = async () => {
    const stats = await bed.node
      .runner(NAMESPACE, pod!.metadata.name)!
      .sidecar!.stats('upstream_rq_completed');
    return Number(stats[0]?.value);
  };

  await write([conditional, mirrored]);
  await bed.eventually('the header leads to v3', 5_000, async () => {
    const load = bed.load({ host: HOST, rate: 20, path: '/reviews/1', headers: { 'x-tester': 'yes' } });
    await delay(300);
    return Object.keys((await load.stop()).byVersion).join() === 'v3';
  });
  const before = await served();
  const load = bed.load({ host: HOST, rate: 50, path: '/reviews/1' });
  await delay(1_000);
  const { requests, byVersion } = await load.stop();
  expect('only v2 answers without the header', Object.keys(byVersion).join() === 'v2', byVersion);
  await bed.eventually('v3 gets a copy of each', 3_000, async () => (await served()) === before + requests);

  await write([{ ...mirrored, fault: { abort: { httpStatus: 418, percentage: { value: 100 } } } }]);
  await bed.eventually('an unknown field is a problem', 5_000, async () => bed.mesh.problems.length === 1);
  await write([mirrored]);
  await shift(bed, { v2: 100 });

  bed.mesh.pause();
  await bed.kube.apply(virtualService({ v2: 30, v3: 70 }));
  await delay(500);
  const stale = await bed.mesh.effectiveWeights(HOST);
  expect('a paused mesh keeps its weights', stale?.['v2'] === 100, stale);
  bed.mesh.resume();
  await shift(bed, { v2: 30, v3: 70 });
  await shift(bed, { v2: 100 });
  say('conditions, mirrors and a mesh that stands still');
}

async function brokenPods(bed: Testbed, say: (line: string) => void): Promise<void> {
  await bed.kube.apply(deployment('v4', 'registry.invalid/nginx:4', {}, 1));
  await bed.kube.apply(deployment('v5', 'demo-app:v5', { CRASH_AFTER_MS: '200' }, 1));
  await bed.kube.apply(deployment('v6', 'demo-app:v6', { NEVER_READY: '1' }, 1));
  const waiting = async (version: string) => {
    const [pod] = await bed.kube.list<Pod>('Pod', NAMESPACE, `version=${version}`);
    const status = pod?.status?.containerStatuses?.[0];
    return {
      ...status?.state.waiting,
      restarts: status?.restartCount ?? 0,
      ready: pod !== undefined && isReady(pod),
    };
  };
  const pull = await bed.eventually('v4 cannot be pulled', 15_000, async () => {
    const seen = await waiting('v4');
    return seen.reason === 'ImagePullBackOff' && seen;
  });
  const crash = await bed.eventually('v5 crashes again and again', 20_000, async () => {
    const seen = await waiting('v5');
    return seen.reason === 'CrashLoopBackOff' && seen.restarts >= 2 && seen;
  });
  expect('v6 is never ready', !(await waiting('v6')).ready, 'ready');
  say(`${pull.message ?? ''}; v5 restarted ${crash.restarts} times`);
}

async function outages(bed: Testbed, say: (line: string) => void): Promise<void> {
  const pods = await readyPods(bed, 'v2', 2);
  await bed.node.behave(pods, { errorRate: 1 });
  const load = bed.load({ host: HOST, rate: 50 });
  await delay(500);
  await bed.node.behave(pods, { errorRate: 0 });
  const { failed, requests } = await load.stop();
  expect('apps fail when told to', failed > 0.8 * requests, { failed, requests });
  const silent = () =>
    bed.prometheus.query('up', 1_000).then(
      () => false,
      () => true,
    );
  bed.prometheus.pause();
  expect('a paused Prometheus does not answer', await silent(), 'an answer');
  bed.prometheus.resume();
  expect('it answers again', !(await silent()), 'nothing');
  await bed.prometheus.stop();
  expect('a stopped Prometheus does not answer', await silent(), 'an answer');
  await bed.prometheus.start();
  expect('it keeps its data', (await bed.prometheus.query('last_over_time(up[5m])')).length > 0, 'nothing');
  await bed.plane.restartApiServer();
  await shift(bed, { v2: 60, v3: 40 });
  await shift(bed, { v2: 100, v3: 0 });
  await bed.kube.patch('Deployment', NAMESPACE, 'reviews-v2', { spec: { replicas: 3 } });
  await readyPods(bed, 'v2', 3);
  say('apps, Prometheus and the API server failed and came back');
}

async function main(): Promise<number> {
  const started = performance.now();
  const say = (line: string) => {
    process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  const bed = await startTestbed();
  process.once('SIGINT', () => void bed.stop().then(() => process.exit(130)));
  try {
    say('API server, mesh, node and Prometheus are up');
    await bed.kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await splitAndShift(bed, say);
    await badVersion(bed, say);
    await brokenRoutes(bed, say);
    await specialRoutes(bed, say);
    await brokenPods(bed, say);
    await outages(bed, say);
    await bed.kube.delete('Namespace', '', NAMESPACE);
    await bed.eventually('the namespace is gone with all in it', 60_000, async () => {
      return (await bed.kube.find('Namespace', '', NAMESPACE)) === undefined;
    });
    say('the namespace is gone with all its pods');
  } catch (error) {
    const keep = process.env['SONGBIRD_E2E_LOGS'];
    if (keep !== undefined) await bed.keepLogs(keep);
    throw error;
  } finally {
    await bed.stop();
  }
  say('all is stopped: the harness works');
  return 0;
}

await acrossNetwork({
  outside: async () => {
    await installTools();
    return enterNetwork(import.meta.filename);
  },
  inside: main,
});
