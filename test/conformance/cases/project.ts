import { cases } from './case.ts';
import type { Conversation } from '../conversation.ts';
import { isRecord } from '../normalize.ts';

type Manifest = Record<string, unknown> & { spec: Record<string, unknown> };

const release: Manifest = {
  apiVersion: 'songbird.dev/v1alpha1',
  kind: 'CanaryRelease',
  metadata: { name: 'reviews' },
  spec: {
    replicas: 3,
    template: {
      metadata: { labels: { team: 'shop' }, annotations: { note: 'x' } },
      spec: {
        containers: [{ name: 'reviews', image: 'example.org/reviews:1', ports: [{ containerPort: 9080 }] }],
      },
    },
    version: 'v1',
    service: { name: 'reviews', port: 9080, portName: 'http', targetPort: 'web' },
    traffic: { istio: { hosts: ['reviews'], gateways: ['mesh', 'istio-system/public'] } },
    steps: [{ weight: 5, for: '2m' }, { weight: 40, for: '5m', pause: true }, { weight: 100 }],
    analysis: {
      source: 'prometheus',
      prometheus: {
        address: 'http://prometheus.istio-system:9090',
        headers: [{ name: 'X-Scope-OrgID', value: 'a' }],
        bearerTokenSecretRef: { name: 'prometheus', key: 'token' },
        caSecretRef: { name: 'prometheus', key: 'ca.crt' },
        insecureSkipVerify: false,
      },
      minRequests: 20,
      errorRate: { max: '1%' },
      latency: { p99: '500ms' },
      templates: [{ kind: 'ClusterAnalysisTemplate', name: 'conversion', args: { shop: 'eu' } }],
      metrics: [{ name: 'queue', prometheus: { query: 'sum(queue)' }, max: 100 }],
      score: { pass: 80, marginal: 50 },
      onInconclusive: 'pause',
    },
    progressDeadline: '30m',
    scaleDownDelay: '10s',
    revisionHistoryLimit: 2,
  },
};

/** A template of one metric, which is measured in this way. */
function template(metric: Record<string, unknown>, args: unknown[] = [{ name: 'shop' }]): Manifest {
  return {
    apiVersion: 'songbird.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: 'conversion' },
    spec: { args, metrics: [{ name: 'conversion', ...metric }] },
  };
}

const limits = {
  interval: '30s',
  count: 3,
  initialDelay: '1m',
  failureLimit: 1,
  inconclusiveLimit: 1,
  consecutiveErrorLimit: 0,
  dryRun: true,
  weight: 2,
  critical: true,
};
const templates: Record<string, Manifest> = {
  Prometheus: template({ prometheus: { query: 'sum(queue)' }, min: 0.5, max: 100, ...limits }, [
    { name: 'least', description: 'x', type: 'number', default: '0.5' },
  ]),
  JSON: template(
    {
      web: {
        url: 'https://shop.example.com/health',
        method: 'POST',
        headers: [{ name: 'Accept', value: 'x' }],
        body: '{}',
        jsonPath: '$.ok',
        timeout: '3s',
      },
      success: 'result == true',
      failure: 'result == false',
    },
    [{ name: 'token', valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } }],
  ),
  'a Job': template(
    { job: { spec: { backoffLimit: 0, template: { spec: { containers: [{ name: 'a' }] } } } } },
    [{ name: 'team', valueFrom: { field: "metadata.labels['team']" } }],
  ),
  events: template({ events: { bad: 'bad_total', all: 'all_total', max: '1%' } }, [
    { name: 'new', valueFrom: { revision: 'candidate' } },
  ]),
};

const command: Manifest = {
  apiVersion: 'songbird.dev/v1alpha1',
  kind: 'ReleaseCommand',
  metadata: { name: 'abort-it' },
  spec: { release: 'reviews', revision: '7d9f8c', action: 'abort', ttl: '1h' },
};

const virtualService: Manifest = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews' },
  spec: {
    hosts: ['reviews'],
    gateways: ['mesh'],
    http: [
      {
        name: 'primary',
        match: [{ uri: { prefix: '/' }, headers: { end: { exact: 'x' } }, sourceLabels: { app: 'web' } }],
        route: [
          { destination: { host: 'reviews', subset: 'v1', port: { number: 9080 } }, weight: 60 },
          { destination: { host: 'reviews', subset: 'v2' }, weight: 40 },
        ],
        timeout: '5s',
        retries: { attempts: 2, perTryTimeout: '1s', retryOn: '5xx' },
        mirror: { host: 'shadow' },
        fault: { delay: { percentage: { value: 0.5 }, fixedDelay: '1s' } },
      },
    ],
    tcp: [{ match: [{ port: 27017 }], route: [{ destination: { host: 'mongo' }, weight: 100 }] }],
  },
};

const destinationRule: Manifest = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'reviews' },
  spec: {
    host: 'reviews',
    trafficPolicy: {
      loadBalancer: { simple: 'ROUND_ROBIN' },
      connectionPool: { tcp: { maxConnections: 5 }, http: { http1MaxPendingRequests: 10 } },
      outlierDetection: { consecutive5xxErrors: 7, interval: '5m', baseEjectionTime: '15m' },
      tls: { mode: 'ISTIO_MUTUAL' },
    },
    subsets: [
      { name: 'v1', labels: { version: 'v1' } },
      { name: 'v2', labels: { version: 'v2' } },
    ],
  },
};

const ODD_VALUES: readonly unknown[] = [
  null,
  '',
  'Odd Value!',
  -1,
  0.5,
  1_000_000,
  true,
  {},
  [],
  { odd: 1 },
  ['odd'],
];

export const projectCases = cases('manifests', {
  'a CanaryRelease, each field mutated': (c) => mutateEach(c, 'canaryreleases', release),
  ...Object.fromEntries(
    Object.entries(templates).map(([name, manifest]) => [
      `an AnalysisTemplate by ${name}, each field mutated`,
      (c: Conversation) => mutateEach(c, 'analysistemplates', manifest),
    ]),
  ),
  'a ReleaseCommand, each field mutated': (c) => mutateEach(c, 'releasecommands', command),
  "Istio's VirtualService, each field mutated": (c) => mutateEach(c, 'virtualservices', virtualService),
  "Istio's DestinationRule, each field mutated": (c) => mutateEach(c, 'destinationrules', destinationRule),
  'steps that a person would get wrong': async (c) => {
    const path = c.at('songbird.dev/v1alpha1', 'canaryreleases');
    const attempts: unknown[] = [
      [{ weight: 40 }, { weight: 5 }, { weight: 100 }],
      [{ weight: 5 }, { weight: 5 }, { weight: 100 }],
      [{ weight: 5 }, { weight: 40 }],
      [],
      [{ weight: 0 }, { weight: 100 }],
      [{ weight: 5, for: '5 minutes' }, { weight: 100 }],
      [{ for: '5m' }, { weight: 100 }],
      [{ weight: '5%' }, { weight: 100 }],
      [{ weight: 100 }, { weight: 101 }],
    ];
    for (const steps of attempts) {
      await c.post(`${path}?dryRun=All`, { ...release, spec: { ...release.spec, steps } });
    }
  },
  'a release and its status': async (c) => {
    const path = c.at('songbird.dev/v1alpha1', 'canaryreleases');
    await c.post(path, release);
    const at = `${path}/reviews`;
    const time = '2030-01-01T00:00:00Z';
    const conditions = [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Healthy',
        message: 'fine',
        lastTransitionTime: time,
        observedGeneration: 1,
      },
    ];
    await c.patch(`${at}/status`, 'merge', {
      status: { phase: 'Healthy', observedGeneration: 1, conditions },
    });
    await c.patch(`${at}/status`, 'merge', { status: { phase: 'Odd' } });
    await c.patch(`${at}/scale`, 'merge', { spec: { replicas: 4 } });
    await c.patch(at, 'merge', { spec: { template: { spec: { containers: [] } } } });
    await c.patch(`${at}?fieldManager=gitops&force=true`, 'apply', release);
    await c.send(
      { method: 'GET', path: at, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      { only: cells },
    );
  },
  'a command stays as it is': async (c) => {
    const path = c.at('songbird.dev/v1alpha1', 'releasecommands');
    await c.post(path, command);
    await c.patch(`${path}/abort-it`, 'merge', { spec: { action: 'promote' } });
    await c.patch(`${path}/abort-it`, 'merge', { metadata: { labels: { a: 'b' } } });
    await c.patch(`${path}/abort-it/status`, 'merge', { status: { phase: 'Executed' } });
  },
  'weights of a VirtualService, moved by JSON Patch with tests': async (c) => {
    const path = c.at('networking.istio.io/v1', 'virtualservices');
    await c.post(path, virtualService);
    const move = (from: number, to: number) => [
      { op: 'test', path: '/spec/http/0/name', value: 'primary' },
      { op: 'test', path: '/spec/http/0/route/1/weight', value: from },
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 100 - to },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: to },
    ];
    await c.patch(`${path}/reviews`, 'json', move(40, 60));
    await c.patch(`${path}/reviews`, 'json', move(40, 60), { anyMessage: true });
    await c.patch(`${path}/reviews?fieldManager=songbird&force=true`, 'apply', virtualService);
    await c.get(c.at('networking.istio.io/v1beta1', 'virtualservices', 'reviews'), { only: versionless });
  },
});

/**
 * Posts, as dry runs, the manifest with each field of its spec (and of each part of it) taken out or replaced by odd
 * values: a real server's answers show what is refused, pruned or defaulted, and in which words.
 */
async function mutateEach(c: Conversation, plural: string, manifest: Manifest): Promise<void> {
  const path = `${c.at(String(manifest['apiVersion']), plural)}?dryRun=All`;
  await c.post(path, manifest);
  for (const where of pathsIn(manifest.spec, ['spec'])) {
    await c.post(path, changed(manifest, where, undefined));
    for (const value of ODD_VALUES) await c.post(path, changed(manifest, where, value));
  }
}

function pathsIn(value: unknown, at: readonly string[]): string[][] {
  const here = [[...at]];
  // What lies inside a pod is Kubernetes' own affair.
  if (at.includes('containers') && at.length > 5) return here;
  if (Array.isArray(value))
    return [...here, ...value.slice(0, 1).flatMap((item) => pathsIn(item, [...at, '0']))];
  if (!isRecord(value)) return here;
  return [...here, ...Object.entries(value).flatMap(([key, item]) => pathsIn(item, [...at, key]))];
}

function changed(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  if (Array.isArray(value)) {
    const items = value as unknown[];
    return items
      .map((item, i) => (String(i) === key ? changed(item, rest, to) : item))
      .filter((x) => x !== undefined);
  }
  return isRecord(value) ? { ...value, [key]: changed(value[key], rest, to) } : value;
}

function cells(body: unknown): unknown {
  const table = body as { columnDefinitions?: { name: string }[]; rows?: { cells: unknown[] }[] };
  return { columns: table.columnDefinitions?.map((x) => x.name), rows: table.rows?.map((x) => x.cells) };
}

/** managedFields keep the versions of their writers. */
function versionless(body: unknown): unknown {
  const { apiVersion, kind, spec } = body as Manifest;
  return { apiVersion, kind, spec };
}
