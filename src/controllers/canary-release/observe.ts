import {
  type CanaryRelease,
  type CanaryReleaseObject,
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  type Deployment,
  FINALIZER,
  type Job,
  LABELS,
  type Pod,
  type PodTemplate,
  type Problem,
  type ReleaseCommand,
  baselineName,
  isOwnedBy,
  parseRelease,
  workloadName,
} from '../../api/index.ts';
import { type Baseline, type Observed, type PendingCommand, type Workload, ms } from '../../core/model.ts';
import { contains } from '../../kube/contains.ts';
import { keyOf } from '../../kube/types.ts';
import type { IstioLive } from '../../traffic/istio/checks.ts';
import { istioRouter } from '../../traffic/istio/router.ts';
import {
  baselineDeployment,
  checkClaims,
  checkDeploymentName,
  checkService,
  checkTargetPort,
  claimsOf,
  deploymentOf,
  isReady,
  jobResult,
  reportedIn,
  revisionOf,
  serviceOf,
  startProblem,
} from '../../workloads/index.ts';
import { type Caches, INDEX } from './caches.ts';
import { type Metrics, type SecretLookup, metricsOf } from './metrics.ts';

/** A release with the live objects that belong to it, as far as caches know them. */
export interface Gathered {
  readonly release: CanaryRelease;
  /** By revision, baselines aside. */
  readonly deployments: Readonly<Record<string, Deployment>>;
  /** By revision, those of baselines aside. */
  readonly pods: Readonly<Record<string, readonly Pod[]>>;
  /** Fresh baselines by name of the Deployment. */
  readonly baselines: Readonly<Record<string, LiveBaseline>>;
  readonly istio: IstioLive;
  readonly metrics: Metrics;
  /** Jobs that measure for it, by name. */
  readonly jobs: Readonly<Record<string, Job>>;
  readonly observed: Observed;
}

/** A fresh baseline as it is in the cluster. */
interface LiveBaseline {
  readonly deployment: Deployment;
  readonly pods: readonly Pod[];
}

/**
 * Everything about one release that is in the caches: no I/O, so that a pass sees one moment.
 * @returns the problems of the object, where it breaks a rule that the installed CRD does not check
 */
export function gather(
  object: CanaryReleaseObject,
  caches: Caches,
  refusedWrite: Problem | undefined,
  secrets: SecretLookup,
): Gathered | { problems: readonly Problem[]; status: CanaryReleaseStatus } {
  const parsed = parseRelease(object);
  if (!parsed.ok) return { problems: parsed.problems, status: parsed.status };
  const release: CanaryRelease = { ...object, spec: parsed.spec, status: parsed.status };
  const { metadata, spec, status } = release;
  const key = keyOf(metadata);
  const namespace = metadata.namespace ?? '';
  // Of the object as the user wrote it: what a newer schema adds to the parsed one must not start a release.
  const target = revisionOf(object.spec as Pick<CanaryReleaseSpec, 'template' | 'version'>);
  const { deployments, pods, baselines } = runningOf(release, key, caches);
  // What lies where the operator may not look is for Istio to find or to miss.
  const unseen = (other: string) => caches.namespace !== undefined && caches.namespace !== other;
  const istio: IstioLive = {
    installed: caches.virtualServices.hasSynced && caches.destinationRules.hasSynced,
    virtualService: caches.virtualServices.get(key),
    destinationRule: caches.destinationRules.get(key),
    hasService: (name, other) => unseen(other) || caches.services.get(`${other}/${name}`) !== undefined,
    hasGateway: (name, other) => unseen(other) || caches.gateways.get(`${other}/${name}`) !== undefined,
  };
  const service = caches.services.get(`${namespace}/${spec.service.name}`);
  const rivals = claimsOf(release).flatMap((claim) => caches.releases.byIndex(INDEX.claim, claim));
  const metrics = metricsOf(release, target, deployments, caches, secrets);
  const jobs = Object.fromEntries(
    caches.jobs
      .byIndex(INDEX.release, key)
      .filter((job) => isOwnedBy(job, release))
      .map((job) => [job.metadata.name, job]),
  );
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
    baselines: Object.fromEntries(
      Object.entries(baselines).map(([name, live]) => [name, baselineView(release, live, deployments)]),
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
      ...checkTargetPort(release, templatesOf(release, deployments)),
      ...checkDeploymentName(release, target, sameName),
      ...metrics.problems,
    ],
    refusedWrite,
    commands: commandsOf(key, caches),
    telemetry: { state: 'unused' },
    jobs: Object.fromEntries(Object.entries(jobs).map(([name, job]) => [name, stateOf(job)])),
  };
  return { release, deployments, pods, baselines, istio, metrics, jobs, observed };
}

/** One that is being deleted is as good as gone. */
function stateOf(job: Job): 'running' | 'ended' {
  return jobResult(job) === undefined && job.metadata.deletionTimestamp === undefined ? 'running' : 'ended';
}

/**
 * The release's Deployments and pods. Those of a baseline carry the revision of stable as well: they must not be taken for
 * its own, on which a rollback relies.
 */
function runningOf(
  release: CanaryRelease,
  key: string,
  caches: Caches,
): Pick<Gathered, 'deployments' | 'pods' | 'baselines'> {
  const labelOf = ({ metadata }: Deployment | Pod, label: string) => metadata.labels?.[label];
  const revisionIn = (object: Deployment | Pod) => labelOf(object, LABELS.revision) ?? '';
  const isOwn = (object: Deployment | Pod) => labelOf(object, LABELS.baseline) === undefined;
  const owned = caches.deployments.byIndex(INDEX.release, key).filter((it) => isOwnedBy(it, release));
  const pods = caches.pods.byIndex(INDEX.release, key);
  const podsOf = (baseline: Deployment) =>
    pods.filter(
      (pod) =>
        revisionIn(pod) === revisionIn(baseline) &&
        labelOf(pod, LABELS.baseline) === labelOf(baseline, LABELS.baseline),
    );
  return {
    deployments: Object.fromEntries(owned.filter(isOwn).map((it) => [revisionIn(it), it])),
    pods: Object.groupBy(pods.filter(isOwn), revisionIn) as Record<string, Pod[]>,
    baselines: Object.fromEntries(
      owned
        .filter((it) => !isOwn(it))
        .map((deployment) => [deployment.metadata.name, { deployment, pods: podsOf(deployment) }]),
    ),
  };
}

function baselineView(
  release: CanaryRelease,
  { deployment, pods }: LiveBaseline,
  deployments: Readonly<Record<string, Deployment>>,
): Baseline {
  const { name, labels = {} } = deployment.metadata;
  const revision = labels[LABELS.revision] ?? '';
  const attempt = Number(labels[LABELS.baseline]);
  const replicas = deployment.spec.replicas ?? 1;
  const stable = deployments[revision];
  const isNamed = baselineName(release.metadata.name, revision, attempt) === name;
  return {
    revision,
    replicas,
    ready: pods.filter(isReady).length,
    pods: pods.length,
    drifted:
      stable !== undefined &&
      isNamed &&
      !contains(baselineDeployment(release, stable, { revision, attempt, replicas }), deployment),
    problem: startProblem(pods, deployment),
  };
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
    report: reportedIn(deployment),
  };
}

/** The ReleaseCommands that name the release with this key. */
export function commandsOf(key: string, caches: Caches): PendingCommand[] {
  return caches.commands
    .byIndex(INDEX.release, key)
    .map(commandView)
    .filter((command) => command !== undefined);
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

/** The pod templates of the revisions that the Service may have to lead to. */
function templatesOf(
  { spec, status }: CanaryRelease,
  deployments: Readonly<Record<string, Deployment>>,
): Record<string, PodTemplate> {
  const stable = deployments[status.stableRevision ?? ''];
  return {
    'spec.template': spec.template,
    ...(stable === undefined
      ? {}
      : { [`the stable revision ${status.stableRevision}`]: stable.spec.template }),
  };
}
