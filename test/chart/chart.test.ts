import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { installManifest } from '../../scripts/install-manifest.ts';
import { parseFlags } from '../../src/controllers/flags.ts';
import { findTools } from './helm/build.ts';
import { CHART, CONFIG, type Manifest, helm, kustomized, objectsIn, rendered } from './tools.ts';

// Helm is built once; who has no Go reads what to do.
beforeAll(() => findTools());

/** Labels that only say who installed something. */
const HELMS_OWN = [
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
];

/** What an object means, by kind and name: without what only Helm adds, and what Helm cannot make. */
function meaning(objects: readonly Manifest[]): Record<string, unknown> {
  const kept = objects.filter(({ kind }) => kind !== 'Namespace');
  return Object.fromEntries(
    kept.map((object) => {
      const { namespace = '', name, labels = {}, annotations, ...metadata } = object.metadata;
      const others = { ...annotations };
      delete others['helm.sh/resource-policy'];
      const told = Object.entries(labels).filter(([key]) => !HELMS_OWN.includes(key));
      return [
        `${object.kind} ${namespace}/${name}`,
        { ...object, metadata: { ...metadata, labels: Object.fromEntries(told), annotations: others } },
      ];
    }),
  );
}

/** The defaults that an API server fills in: what one of the two says and the other leaves out. */
function explicit(objects: readonly Manifest[]): Manifest[] {
  return objects.map((object) => {
    if (object.kind !== 'Deployment') return object;
    const copy = structuredClone(object) as Manifest & Deployment;
    for (const container of copy.spec.template.spec.containers) container.imagePullPolicy ??= 'IfNotPresent';
    return copy;
  });
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: { imagePullPolicy?: string; args: string[]; image: string; env: unknown[] }[];
      };
    };
  };
}

function containerOf(objects: readonly Manifest[]) {
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as Deployment;
  return deployment.spec.template.spec.containers[0]!;
}

const rbac = (objects: readonly Manifest[]) => objects.filter(({ kind }) => /Role|ServiceAccount/.test(kind));
const names = (objects: readonly Manifest[], kind: string) =>
  objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);

describe('the chart', () => {
  it('has nothing that helm lint finds, in its defaults and with everything on', async () => {
    for (const set of [[], EVERYTHING]) {
      const { status, out } = await helm('lint', '--strict', CHART, ...set.flatMap((one) => ['--set', one]));
      expect(status, out).toBe(0);
    }
  });

  it('makes by default what kubectl apply -k config/ makes, the namespace apart', async () => {
    const [chart, config] = await Promise.all([rendered(), kustomized(['.'])]);
    expect(meaning(explicit(chart))).toEqual(meaning(explicit(config)));
  });

  it('makes of secrets, monitoring and the dashboard what the directories of config/ make', async () => {
    const all = ['prometheusRule', 'serviceMonitor', 'grafanaDashboard'].map(
      (one) => `monitoring.${one}=true`,
    );
    const cases: [values: string[], directories: string[], components?: string[]][] = [
      [['secrets.cluster=true'], ['secrets']],
      [all, ['monitoring']],
      [['dashboard.enabled=true'], [], ['dashboard']],
    ];
    for (const [values, directories, components] of cases) {
      const config = await kustomized(['.', ...directories], components);
      expect(meaning(explicit(await rendered(...values))), values[0]).toEqual(meaning(explicit(config)));
    }
  });

  it('has the version of the operator', async () => {
    const chart = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, string>;
    const { version } = JSON.parse(await readFile(join(CONFIG, '../package.json'), 'utf8')) as {
      version: string;
    };
    expect(chart).toMatchObject({ version, appVersion: version });
  });
});

/** Every value, at something other than its default. */
const EVERYTHING = [
  'image.repository=registry.example.com/songbird',
  `image.digest=sha256:${'a'.repeat(64)}`,
  'image.pullPolicy=Always',
  'imagePullSecrets[0].name=registry',
  'replicas=3',
  'logLevel=debug',
  'prometheusAddress=https://prometheus.example.com',
  'namespace=shop',
  'workers=16',
  'writesPerSecond=100',
  'extraEnv[0].name=NODE_OPTIONS',
  'extraEnv[0].value=--max-old-space-size=400',
  'dashboard.enabled=true',
  'dashboard.port=9090',
  'clusterName=eu-1',
  'dashboard.url=https://songbird.example.com',
  'tracing.enabled=true',
  'tracing.endpoint=http://collector.observability:4318',
  'secrets.namespaces={shop,bookinfo}',
  'monitoring.prometheusRule=true',
  'monitoring.serviceMonitor=true',
  'monitoring.grafanaDashboard=true',
  'monitoring.labels.release=kube-prometheus-stack',
  'crds.install=false',
  'userRoles=false',
  'serviceAccount.annotations.team=platform',
  'podAnnotations.team=platform',
  'podLabels.team=platform',
  'nodeSelector.disk=ssd',
  'tolerations[0].operator=Exists',
  'affinity.podAntiAffinity.x=y',
  'priorityClassName=system-cluster-critical',
  'nameOverride=bird',
];

describe('its values', () => {
  it('become flags that the operator understands', async () => {
    const { args, image, env } = containerOf(await rendered(...EVERYTHING));
    expect(parseFlags(args)).toEqual({
      metricsAddress: '0.0.0.0:8080',
      healthAddress: '0.0.0.0:8081',
      dashboardAddress: '0.0.0.0:9090',
      tracing: true,
      clusterName: 'eu-1',
      dashboardUrl: 'https://songbird.example.com',
      leaderElect: true,
      leaderElectionNamespace: 'songbird-system',
      logLevel: 'debug',
      prometheusAddress: 'https://prometheus.example.com',
      namespace: 'shop',
      workers: 16,
      writesPerSecond: 100,
    });
    expect(image).toBe(`registry.example.com/songbird@sha256:${'a'.repeat(64)}`);
    const endpoint = 'http://collector.observability:4318';
    expect(env).toContainEqual({ name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: endpoint });
    expect(env).toContainEqual({ name: 'NODE_OPTIONS', value: '--max-old-space-size=400' });
  });

  it('with nothing but a single replica may do without leader election, and only then', async () => {
    const alone = await rendered('replicas=1', 'leaderElect=false', 'prometheusAddress=');
    expect(containerOf(alone).args).not.toContain('--leader-elect');
    expect(containerOf(alone).args.join(' ')).not.toContain('prometheus');
    expect(names(alone, 'Role')).toEqual([]);
    await expect(rendered('leaderElect=false')).rejects.toThrow(
      /leaderElect must be true with several replicas/,
    );
  });

  it('give rights in one namespace alone, where one is named', async () => {
    const objects = rbac(await rendered('namespace=shop'));
    const bindings = objects.filter(({ kind }) => kind.endsWith('Binding'));
    expect(
      bindings.map(({ kind, metadata, roleRef }) => [
        kind,
        metadata.namespace,
        (roleRef as { name: string }).name,
      ]),
    ).toEqual([
      ['ClusterRoleBinding', undefined, 'songbird-cluster-templates'],
      ['RoleBinding', 'shop', 'songbird'],
      ['RoleBinding', 'songbird-system', 'songbird-leader-election'],
    ]);
  });

  it('let Secrets be read nowhere, in some namespaces or in all', async () => {
    const of = async (...values: string[]) =>
      rbac(await rendered(...values)).filter(
        ({ kind, metadata }) => metadata.name === 'songbird-secrets' && kind.endsWith('Binding'),
      );
    expect(await of()).toEqual([]);
    const some = await of('secrets.namespaces={shop,bookinfo}');
    expect(some.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`)).toEqual([
      'RoleBinding shop',
      'RoleBinding bookinfo',
    ]);
    expect((await of('secrets.cluster=true')).map(({ kind }) => kind)).toEqual(['ClusterRoleBinding']);
  });

  it.each([
    ['logLevel=loud', 'logLevel'],
    ['replicas=-1', 'replicas'],
    ['imag.tag=v1', 'imag'],
    ['image.digest=sha256:1', 'digest'],
    ['prometheusAddress=prometheus:9090', 'prometheusAddress'],
    ['namespace=Shop', 'namespace'],
    ['workers=0', 'workers'],
    ['dashboard.port=8081', 'port'],
    ['secrets.cluster=maybe', 'cluster'],
  ])('are refused where they are wrong: %s', async (value, field) => {
    await expect(rendered(value)).rejects.toThrow(field);
  });

  it('are all in the schema', async () => {
    const values = parse(await readFile(join(CHART, 'values.yaml'), 'utf8')) as object;
    const schema = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8')) as {
      properties: object;
    };
    expect(Object.keys(schema.properties).sort()).toEqual([...Object.keys(values), 'global'].sort());
  });
});

describe('dist/install.yaml', () => {
  it('is what kustomize makes', async () => {
    const ours = objectsIn(await installManifest(CONFIG));
    const theirs = await kustomized(['.']);
    const key = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;
    const sorted = (objects: Manifest[]) => objects.sort((a, b) => key(a).localeCompare(key(b)));
    expect(sorted(ours)).toEqual(sorted(theirs));
  });

  it('has the image that is asked for', async () => {
    const objects = objectsIn(await installManifest(CONFIG, 'registry.example.com/songbird:1.2.3'));
    expect(containerOf(objects).image).toBe('registry.example.com/songbird:1.2.3');
  });

  it('is not made of what it does not understand', async () => {
    await expect(installManifest(join(CONFIG, 'dashboard'))).rejects.toThrow(
      /has patches, which only kustomize understands/,
    );
  });
});
