import type { CanaryReleaseStatus } from '../api/index.ts';
import { commandEffect } from './commands.ts';
import { type Effect, type Observed, ms } from './model.ts';
import { podsFor } from './steps.ts';

/**
 * The first difference between what status wants and what was observed, in the order that keeps users safe: traffic
 * away from a failing candidate before all else, capacity before traffic, clean-up last. Level-triggered: the same
 * function serves the first time, again, and after a crash.
 */
export function nextEffect(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  if (!observed.hasFinalizer && observed.problems.length === 0) return { kind: 'addFinalizer' };
  return (
    withdraw(status, observed) ??
    stableCapacity(status, observed) ??
    (observed.problems.length > 0 ? undefined : buildUp(status, observed, now)) ??
    commandEffect(status, observed, now)
  );
}

/** On deletion: traffic to one version, then routes away (subsets last), and only then is the object let go. */
export function teardown(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  if (!observed.hasFinalizer) return undefined;
  const { stableRevision: stable, candidateRevision: candidate } = status;
  const routed = observed.traffic.weights !== undefined || observed.traffic.subsets.length > 0;
  if (stable !== undefined && candidate !== undefined) {
    const back = withdraw({ ...status, step: undefined }, observed);
    if (back !== undefined) return back;
    // Kept alive by an orphaning delete, the stable pods must be alone behind the Service.
    if (observed.workloads[candidate] !== undefined && isReady(observed, stable)) {
      return { kind: 'deleteDeployment', revision: candidate };
    }
  }
  return routed ? { kind: 'unroute' } : { kind: 'removeFinalizer' };
}

/**
 * The weights wanted at this moment, in percent by revision; undefined before anything may be routed. A candidate without
 * a ready pod gets nothing, whatever its step says (`no-empty-backend`); its step goes on once a pod is back.
 */
export function wantedWeights(
  status: CanaryReleaseStatus,
  observed: Observed,
): Record<string, number> | undefined {
  const { stableRevision: stable, candidateRevision: candidate, step } = status;
  if (stable === undefined) return candidate === undefined ? undefined : { [candidate]: 100 };
  const weight = candidate !== undefined && isReady(observed, candidate) ? (step?.weight ?? 0) : 0;
  if (candidate === undefined || weight === 0) return { [stable]: 100 };
  return weight === 100 ? { [candidate]: 100 } : { [stable]: 100 - weight, [candidate]: weight };
}

/** True when a rollback cannot send traffic back because the stable revision has no ready pod, and the candidate has. */
export function stableIsMissing(status: CanaryReleaseStatus, observed: Observed): boolean {
  const { stableRevision: stable, candidateRevision: candidate } = status;
  if (stable === undefined || candidate === undefined) return false;
  return !isReady(observed, stable) && isReady(observed, candidate);
}

/** Takes weight from the candidate: `abort-first`, held back by `no-empty-backend` alone. */
function withdraw(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const { candidateRevision: candidate, stableRevision: stable } = status;
  if (candidate === undefined || stable === undefined || observed.traffic.weights === undefined)
    return undefined;
  const weights = wantedWeights(status, observed) ?? {};
  if ((observed.traffic.weights[candidate] ?? 0) <= (weights[candidate] ?? 0)) return undefined;
  if (stableIsMissing(status, observed)) return undefined;
  return {
    kind: 'route',
    weights,
    subsets: union(observed.traffic.subsets, Object.keys(weights)),
    weightsOnly: observed.problems.length > 0,
    urgent: true,
  };
}

/** The stable revision's pods, which a rollback needs: never held up by a problem of the manifest. */
function stableCapacity(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const { stableRevision: stable } = status;
  const workload = stable === undefined ? undefined : observed.workloads[stable];
  if (stable === undefined || workload === undefined || workload.replicas === observed.spec.replicas)
    return undefined;
  return { kind: 'scaleDeployment', revision: stable, replicas: observed.spec.replicas };
}

function buildUp(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  if (observed.service === 'absent' || observed.service === 'drifted') return { kind: 'applyService' };
  return (
    deployment(status.stableRevision, observed.spec.replicas, observed) ??
    candidateDeployment(status, observed) ??
    routes(status, observed, now) ??
    cleanUp(status, observed, now)
  );
}

function candidateDeployment(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const { candidateRevision: candidate, step, ending } = status;
  // A candidate on its way out keeps its pods until the routes have left it.
  if (candidate === undefined || step === undefined || ending !== undefined) return undefined;
  const weight = Math.max(step.weight, observed.traffic.weights?.[candidate] ?? 0);
  const replicas =
    status.stableRevision === undefined ? observed.spec.replicas : podsFor(weight, observed.spec.replicas);
  return deployment(candidate, replicas, observed);
}

function deployment(revision: string | undefined, replicas: number, observed: Observed): Effect | undefined {
  if (revision === undefined) return undefined;
  const workload = observed.workloads[revision];
  const described = revision === observed.target;
  if (described && (workload === undefined || workload.drifted))
    return { kind: 'applyDeployment', revision, replicas };
  if (workload === undefined || workload.replicas === replicas) return undefined;
  return { kind: 'scaleDeployment', revision, replicas };
}

function routes(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  const weights = wantedWeights(status, observed);
  if (weights === undefined) return undefined;
  const { traffic } = observed;
  const subsets = wantedSubsets(status, observed, now);
  const settled =
    traffic.weights !== undefined &&
    !traffic.drifted &&
    sameWeights(traffic.weights, weights) &&
    sameSet(traffic.subsets, subsets);
  if (settled || !mayRoute(weights, status, observed)) return undefined;
  return { kind: 'route', weights, subsets, weightsOnly: false, urgent: false };
}

/** Make before break: every revision that gains weight has the ready pods that its share needs. */
function mayRoute(weights: Record<string, number>, status: CanaryReleaseStatus, observed: Observed): boolean {
  const { candidateRevision: candidate, stableRevision: stable } = status;
  return Object.entries(weights).every(([revision, weight]) => {
    const present = observed.traffic.weights?.[revision] ?? 0;
    if (weight <= present) return true;
    if (revision !== candidate || stable === undefined) return isReady(observed, revision);
    const ready = observed.workloads[revision]?.ready ?? 0;
    const staffed = ready >= Math.max(1, podsFor(weight, observed.spec.replicas));
    return staffed && isMeasured(status, observed);
  });
}

/** No user meets a candidate that nobody could watch: before its first weight the source must have counted once. */
function isMeasured(status: CanaryReleaseStatus, observed: Observed): boolean {
  const { telemetry } = observed;
  if (status.promotion !== undefined || (status.step?.observedWeight ?? 0) > 0) return true;
  return telemetry.state === 'readable' && telemetry.counted;
}

/** Subsets for all that may get traffic and all that still might be named by a route in some proxy. */
function wantedSubsets(status: CanaryReleaseStatus, observed: Observed, now: number): string[] {
  const lingering = (status.retired ?? []).filter(({ scaleDownAt }) => ms(scaleDownAt) > now);
  return union(
    [status.stableRevision, status.candidateRevision].filter((revision) => revision !== undefined),
    lingering.map(({ revision }) => revision),
    Object.keys(observed.traffic.weights ?? {}),
  );
}

function cleanUp(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  const unrouted = (status.retired ?? []).filter(
    ({ revision }) =>
      (observed.traffic.weights?.[revision] ?? 0) === 0 && observed.workloads[revision] !== undefined,
  );
  const due = unrouted.filter(({ scaleDownAt }) => ms(scaleDownAt) <= now);
  const running = due.find(({ revision }) => (observed.workloads[revision]?.replicas ?? 0) > 0);
  if (running !== undefined) return { kind: 'scaleDeployment', revision: running.revision, replicas: 0 };
  const surplus = unrouted
    .slice(observed.spec.revisionHistoryLimit)
    .find(({ scaleDownAt }) => ms(scaleDownAt) <= now);
  return surplus === undefined ? undefined : { kind: 'deleteDeployment', revision: surplus.revision };
}

function isReady(observed: Observed, revision: string): boolean {
  return (observed.workloads[revision]?.ready ?? 0) > 0;
}

function union(...lists: (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort();
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return union(a).join() === union(b).join();
}

function sameWeights(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return union(Object.keys(a), Object.keys(b)).every((revision) => (a[revision] ?? 0) === (b[revision] ?? 0));
}
