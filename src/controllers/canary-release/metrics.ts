import type { Facts, SecretValue, Side } from '../../analysis/templates/arguments.ts';
import {
  type Resolution,
  type TemplateLookup,
  resolveMetrics,
  secretsOf,
} from '../../analysis/templates/resolve.ts';
import type { PrometheusAddress } from '../../analysis/telemetry.ts';
import { baselineOf } from '../../core/baseline.ts';
import {
  type AnalysisTemplateObject,
  type CanaryRelease,
  type Checked,
  type AnalysisTemplateSpec,
  type Deployment,
  LABELS,
  type Problem,
  type SecretKeyRef,
  parseTemplate,
  workloadName,
} from '../../api/index.ts';
import type { Caches } from './caches.ts';

/** Reads a Secret's key as far as it is known; see secrets.ts. */
export type SecretLookup = (namespace: string, ref: SecretKeyRef) => SecretValue;

/** The metrics of a release beside the built-in ones, and what measuring them takes. */
export interface Metrics extends Resolution {
  readonly facts: Facts;
  /** Undefined where the release names none: then the operator's own setting holds. */
  readonly prometheus: PrometheusAddress | undefined;
  /** Names of the Secrets that must be known. */
  readonly secrets: readonly string[];
}

/** The metrics of a release by what is in the caches. Secrets are needed once a release goes out or is about to. */
export function metricsOf(
  release: CanaryRelease,
  target: string,
  deployments: Readonly<Record<string, Deployment>>,
  caches: Caches,
  lookup: SecretLookup,
): Metrics {
  const { metadata, spec, status } = release;
  const namespace = metadata.namespace ?? '';
  const isNeeded =
    status.candidateRevision !== undefined ||
    (status.stableRevision !== target && status.rejected?.revision !== target);
  const baseline = baselineOf(status, { name: metadata.name, spec, workloads: deployments });
  const facts: Facts = {
    release,
    candidate: sideOf(release, status.candidateRevision ?? target, target, deployments),
    stable: {
      ...sideOf(release, status.stableRevision ?? target, target, deployments),
      ...(baseline === undefined ? {} : { workload: baseline.name }),
    },
    secret: (ref) => (isNeeded ? lookup(namespace, ref) : { unneeded: true }),
  };
  const templates = templatesIn(namespace, caches);
  const resolution = resolveMetrics(facts, templates);
  const asksPrometheus =
    spec.analysis.source === 'prometheus' ||
    resolution.events.length > 0 ||
    resolution.values.some((metric) => metric.spec.prometheus !== undefined);
  const prometheus = asksPrometheus ? prometheusOf(facts) : { address: undefined, problems: [], secrets: [] };
  return {
    ...resolution,
    problems: [...resolution.problems, ...prometheus.problems],
    facts,
    prometheus: prometheus.address,
    secrets: isNeeded ? [...secretsOf(facts, templates).map(({ name }) => name), ...prometheus.secrets] : [],
  };
}

function sideOf(
  { metadata, spec }: CanaryRelease,
  revision: string,
  target: string,
  deployments: Readonly<Record<string, Deployment>>,
): Side {
  const labels = deployments[revision]?.metadata.labels;
  // What is not deployed yet will be as spec says.
  const planned = revision === target ? (spec.version ?? revision) : revision;
  return {
    revision,
    workload: workloadName(metadata.name, revision),
    version: labels?.[LABELS.version] ?? planned,
  };
}

const parsed = new WeakMap<AnalysisTemplateObject, Checked<AnalysisTemplateSpec>>();

function templatesIn(namespace: string, caches: Caches): TemplateLookup {
  return ({ kind, name }) => {
    const object =
      kind === 'ClusterAnalysisTemplate'
        ? caches.clusterAnalysisTemplates.get(name)
        : caches.analysisTemplates.get(`${namespace}/${name}`);
    if (object === undefined) return undefined;
    const known = parsed.get(object) ?? parseTemplate({ ...object, kind });
    parsed.set(object, known);
    return known;
  };
}

/** Where and how the release says that its Prometheus is asked. */
function prometheusOf({ release, secret }: Facts): {
  address: PrometheusAddress | undefined;
  problems: Problem[];
  secrets: string[];
} {
  const { prometheus } = release.spec.analysis;
  if (prometheus === undefined) return { address: undefined, problems: [], secrets: [] };
  const { address, headers = [], bearerTokenSecretRef, caSecretRef, insecureSkipVerify } = prometheus;
  const problems: Problem[] = [];
  const read = (ref: SecretKeyRef | undefined, field: string): string | undefined => {
    const value = ref === undefined ? { unneeded: true as const } : secret(ref);
    if ('problem' in value) {
      const message = `spec.analysis.prometheus.${field}: ${value.problem.message}`;
      problems.push({ reason: value.problem.reason, message });
    }
    return 'text' in value ? value.text : undefined;
  };
  const token = read(bearerTokenSecretRef, 'bearerTokenSecretRef');
  const ca = read(caSecretRef, 'caSecretRef');
  const sent = [
    ...headers.map(({ name, value }): [string, string] => [name.toLowerCase(), value]),
    ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] satisfies [string, string]]),
  ];
  const insecure = insecureSkipVerify === true;
  return {
    address: {
      address,
      ...(sent.length === 0 ? {} : { headers: Object.fromEntries(sent) }),
      ...(ca === undefined && !insecure ? {} : { tls: { ca, insecure } }),
    },
    problems,
    secrets: [bearerTokenSecretRef, caSecretRef].flatMap((ref) => ref?.name ?? []),
  };
}
