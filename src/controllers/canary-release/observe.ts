import { evaluate, eventMetrics } from '../../analysis/evaluate.ts';
import type { Target, TelemetryQuery, TelemetrySource } from '../../analysis/telemetry.ts';
import {
  ANNOTATIONS,
  type CanaryRelease,
  type CanaryReleaseObject,
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  type Deployment,
  FINALIZER,
  LABELS,
  type Pod,
  type Problem,
  type ReleaseCommand,
  isOwnedBy,
  parseRelease,
  workloadName,
} from '../../api/index.ts';
import {
  type Observed,
  type PendingCommand,
  type TelemetryState,
  type Workload,
  ms,
} from '../../core/model.ts';
import { contains } from '../../kube/contains.ts';
import { keyOf } from '../../kube/types.ts';
import type { IstioLive } from '../../traffic/istio/checks.ts';
import { istioRouter } from '../../traffic/istio/router.ts';
import {
  checkClaims,
  checkDeploymentName,
  checkService,
  claimsOf,
  deploymentOf,
  isReady,
  revisionOf,
  serviceOf,
  startProblem,
} from '../../workloads/index.ts';
import { type Caches, INDEX } from './caches.ts';

/** Port of istio-proxy's own statistics. */
const ISTIO_STATS_PORT = 15_090;

/** A release with the live objects that belong to it, as far as caches know them. */
export interface Gathered {
  readonly release: CanaryRelease;
  /** By revision. */
  readonly deployments: Readonly<Record<string, Deployment>>;
  /** By revision. */
  readonly pods: Readonly<Record<string, readonly Pod[]>>;
  readonly istio: IstioLive;
  readonly observed: Observed;
}

export interface TelemetryAccess {
  readonly sources: Readonly<Record<'proxies' | 'prometheus', TelemetrySource>>;
  /** The operator's own setting, for releases that name no Prometheus. */
  readonly prometheusAddress: string | undefined;
}

/**
 * Everything about one release that is in the caches: no I/O, so that a pass sees one moment.
 * @returns the problems of the object, where it breaks a rule that the installed CRD does not check
 */
export function gather(
  object: CanaryReleaseObject,
  caches: Caches,
  refusedWrite: Problem | undefined,
): Gathered | { problems: readonly Problem[]; status: CanaryReleaseStatus } {
  const parsed = parseRelease(object);
  if (!parsed.ok) return { problems: parsed.problems, status: parsed.status };
  const release: CanaryRelease = { ...object, spec: parsed.spec, status: parsed.status };
  const { metadata, spec, status } = release;
  const key = keyOf(metadata);
  const namespace = metadata.namespace ?? '';
  // Of the object as the user wrote it: what a newer schema adds to the parsed one must not start a release.
  const target = revisionOf(object.spec as Pick<CanaryReleaseSpec, 'template' | 'version'>);
  const deployments = byRevision(
    caches.deployments.byIndex(INDEX.release, key).filter((it) => isOwnedBy(it, release)),
  );
  const pods = Object.groupBy(
    caches.pods.byIndex(INDEX.release, key),
    (pod) => pod.metadata.labels?.[LABELS.revision] ?? '',
  ) as Record<string, Pod[]>;
  const istio: IstioLive = {
    installed: caches.virtualServices.hasSynced && caches.destinationRules.hasSynced,
    virtualService: caches.virtualServices.get(key),
    destinationRule: caches.destinationRules.get(key),
    hasService: (name, inNamespace) => caches.services.get(`${inNamespace}/${name}`) !== undefined,
    hasGateway: (name, inNamespace) => caches.gateways.get(`${inNamespace}/${name}`) !== undefined,
  };
  const service = caches.services.get(`${namespace}/${spec.service.name}`);
  const rivals = claimsOf(release).flatMap((claim) => caches.releases.byIndex(INDEX.claim, claim));
  const sameName = caches.deployments.get(`${namespace}/${workloadName(metadata.name, target)}`);
  const observed: Observed = {
    name: metadata.name,
    generation: metadata.generation ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    hasFinalizer: metadata.finalizers?.includes(FINALIZER) === true,
    spec,
    status,
    target,
    workloads: Object.fromEntries(
      Object.entries(deployments).map(([revision, deployment]) => [
        revision,
        workloadView(release, revision, target, deployment, pods[revision] ?? []),
      ]),
    ),
    service:
      service === undefined
        ? 'absent'
        : !isOwnedBy(service, release)
          ? 'foreign'
          : contains(serviceOf(release), service)
            ? 'ok'
            : 'drifted',
    traffic: istioRouter.read(release, istio),
    problems: [
      ...checkClaims(release, rivals),
      ...istioRouter.check(release, istio),
      ...checkService(release, service, target),
      ...checkDeploymentName(release, target, sameName),
    ],
    refusedWrite,
    commands: caches.commands
      .byIndex(INDEX.release, key)
      .map(commandView)
      .filter((command) => command !== undefined),
    telemetry: { state: 'unused' },
  };
  return { release, deployments, pods, istio, observed };
}

/** Reads what the candidate's requests experienced since status last counted, and judges it. */
export async function readTelemetry(
  gathered: Gathered,
  access: TelemetryAccess,
  now: number,
): Promise<Observed> {
  const { observed } = gathered;
  const { candidateRevision: candidate, stableRevision: stable, attempt, ending, analysis } = observed.status;
  if (candidate === undefined || stable === undefined || attempt === undefined) return observed;
  const served = (observed.workloads[candidate]?.ready ?? 0) > 0;
  if (!served || ending !== undefined || observed.deleting) return observed;
  const { analysis: spec } = observed.spec;
  const address = spec.prometheus?.address ?? access.prometheusAddress;
  if (spec.source === 'prometheus' && address === undefined) return failing(observed, NO_ADDRESS);
  const from = ms(analysis?.revision === candidate ? analysis.through : attempt.startedAt);
  const reading = await access.sources[spec.source].read(
    query(gathered, candidate, stable, from, now, address),
  );
  if (!reading.ok) return failing(observed, { reason: reading.code, message: reading.message });
  const windowFrom = observed.status.step?.observedAt;
  const judged = evaluate({ spec, candidate, stable, previous: analysis, windowFrom, reading, from });
  const telemetry: TelemetryState = {
    state: 'readable',
    counted: ms(judged.through) > ms(attempt.startedAt),
  };
  return { ...observed, telemetry, analysis: judged };
}

const NO_ADDRESS: Problem = {
  reason: 'TelemetryUnreachable',
  message:
    'spec.analysis.source is prometheus, but no address is known: set spec.analysis.prometheus.address, or start the operator with --prometheus-address',
};

function failing(observed: Observed, problem: Problem): Observed {
  return { ...observed, telemetry: { state: 'failing', problem } };
}

function query(
  { release, observed, pods }: Gathered,
  candidate: string,
  stable: string,
  from: number,
  now: number,
  address: string | undefined,
): TelemetryQuery {
  return {
    namespace: release.metadata.namespace ?? '',
    release: release.metadata.name,
    targets: [
      target(release, candidate, true, pods[candidate] ?? []),
      target(release, stable, false, pods[stable] ?? []),
    ],
    metrics: eventMetrics(observed.spec.analysis),
    from,
    now,
    ...(address === undefined ? {} : { prometheus: { address } }),
  };
}

function target(release: CanaryRelease, revision: string, fresh: boolean, pods: readonly Pod[]): Target {
  return {
    revision,
    workload: workloadName(release.metadata.name, revision),
    fresh,
    pods: pods.filter(isReady).flatMap((pod) =>
      pod.status?.podIP === undefined
        ? []
        : [
            {
              name: pod.metadata.name,
              uid: pod.metadata.uid ?? '',
              ip: pod.status.podIP,
              statsPort: Number(pod.metadata.annotations?.[ANNOTATIONS.statsPort] ?? ISTIO_STATS_PORT),
            },
          ],
    ),
  };
}

function byRevision(deployments: readonly Deployment[]): Record<string, Deployment> {
  return Object.fromEntries(
    deployments.map((deployment) => [deployment.metadata.labels?.[LABELS.revision] ?? '', deployment]),
  );
}

function workloadView(
  release: CanaryRelease,
  revision: string,
  target: string,
  deployment: Deployment,
  pods: readonly Pod[],
): Workload {
  const replicas = deployment.spec.replicas ?? 1;
  return {
    replicas,
    ready: pods.filter(isReady).length,
    pods: pods.length,
    // The template of an earlier revision is known from its Deployment alone, so only the present one can drift.
    drifted: revision === target && !contains(deploymentOf(release, revision, replicas), deployment),
    problem: startProblem(pods, deployment),
  };
}

function commandView(command: ReleaseCommand): PendingCommand | undefined {
  const { metadata, spec, status } = command;
  if (metadata.uid === undefined || metadata.deletionTimestamp !== undefined) return undefined;
  return {
    name: metadata.name,
    uid: metadata.uid,
    spec,
    createdAt: ms(metadata.creationTimestamp ?? new Date(0).toISOString()),
    ...(status?.phase === undefined
      ? {}
      : { finishedAt: ms(status.finishedAt ?? metadata.creationTimestamp ?? '') }),
  };
}
