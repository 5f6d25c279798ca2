import type { CanaryReleaseStatus, StepStatus } from '../api/index.ts';
import { shortBaseline, surplusBaseline, wantedBaseline } from './baseline.ts';
import { commandEffect } from './commands.ts';
import { hasPods } from './lifecycle.ts';
import { type Effect, type Observed, ms, readyPods } from './model.ts';
import { keepReport } from './record.ts';
import { isBegun, podsFor } from './steps.ts';

/**
 * The first difference between what status wants and what was observed, in the order that keeps users safe: traffic
 * away from a failing candidate before all else, capacity before traffic, clean-up last. Level-triggered: the same
 * function serves the first time, again, and after a crash.
 */
export function nextEffect(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  return (
    withdraw(status, observed) ??
    finalizer(observed) ??
    stableCapacity(status, observed) ??
    (observed.problems.length > 0 ? undefined : buildUp(status, observed, now)) ??
    commandEffect(status, observed, now) ??
    measurement(status, observed) ??
    keepReport(status, observed, now)
  );
}

/** Jobs follow the status: one for each measurement that has begun, and none that runs for nobody. */
function measurement(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const { candidateRevision: revision, ending, analysis } = status;
  const { jobs = {} } = observed;
  const measures = revision !== undefined && ending === undefined;
  const wanted = measures ? (analysis?.values ?? []).filter(({ running }) => running !== undefined) : [];
  const missing = wanted.find(({ running }) => running !== undefined && jobs[running.job] === undefined);
  if (missing?.running !== undefined && revision !== undefined && observed.problems.length === 0) {
    const { job, startedAt } = missing.running;
    return { kind: 'createJob', metric: missing.name, name: job, revision, startedAt };
  }
  const [idle] = Object.entries(jobs).find(
    ([name, state]) => state === 'running' && !wanted.some(({ running }) => running?.job === name),
  ) ?? [undefined];
  return idle === undefined ? undefined : { kind: 'deleteJob', name: idle };
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
  const surplus = surplusBaseline({ ...status, candidateRevision: undefined }, observed);
  if (surplus !== undefined) return { kind: 'deleteBaseline', name: surplus };
  return routed ? { kind: 'unroute' } : { kind: 'removeFinalizer' };
}

/**
 * The weights to be routed at this moment, in percent by revision; undefined while nothing may be routed anew. Make
 * before break (`no-empty-backend`): whoever gains traffic has the pods for it.
 */
export function wantedWeights(
  status: CanaryReleaseStatus,
  observed: Observed,
): Record<string, number> | undefined {
  const { stableRevision: stable, candidateRevision: candidate } = status;
  const share = candidateShare(status, observed);
  if (stable === undefined)
    return candidate !== undefined && share === 100 ? { [candidate]: 100 } : undefined;
  const standIn = standInFor(status, observed);
  if (standIn !== undefined) return { [standIn]: 100 };
  const gains = 100 - share > routed(observed, stable);
  if (gains && cannotTakeOver(stable, observed)) return undefined;
  if (candidate === undefined || share === 0) return { [stable]: 100 };
  return share === 100 ? { [candidate]: 100 } : { [stable]: 100 - share, [candidate]: share };
}

/**
 * The candidate, where it takes all traffic because the stable revision has lost its last ready pod: who has none gets
 * nothing, whatever the step says (`no-empty-backend`). It stands in until stable has the pods for its share. One that has
 * no traffic yet was not watched yet, and one that was given up gets no more (`monotone-after-fail`).
 */
export function standInFor(status: CanaryReleaseStatus, observed: Observed): string | undefined {
  const { stableRevision: stable, candidateRevision: candidate, step, ending } = status;
  if (stable === undefined || candidate === undefined || step === undefined || ending !== undefined)
    return undefined;
  const { replicas } = observed.spec;
  const present = routed(observed, candidate);
  if (replicas === 0 || observed.problems.length > 0) return undefined;
  if (present === 0 || !isReady(observed, candidate)) return undefined;
  const needed = present === 100 ? podsFor(100 - step.weight, replicas) : 1;
  return readyPods(observed, stable) < needed ? candidate : undefined;
}

/** The candidate's weight (percent): that of its step, or what it has as long as it must not have more; 0 without pods. */
function candidateShare(status: CanaryReleaseStatus, observed: Observed): number {
  const { candidateRevision: candidate, step } = status;
  if (candidate === undefined || step === undefined || !isReady(observed, candidate)) return 0;
  const present = routed(observed, candidate);
  return step.weight <= present || mayRise(status, step, observed) ? step.weight : present;
}

function mayRise(status: CanaryReleaseStatus, step: StepStatus, observed: Observed): boolean {
  const { candidateRevision: candidate = '', stableRevision: stable, paused } = status;
  if (observed.problems.length > 0) return false;
  const ready = readyPods(observed, candidate);
  const staffed = ready >= podsFor(step.weight, observed.spec.replicas);
  // The first revision: any pod is better than none, but not than the pods of another that serve.
  if (stable === undefined) return staffed || !isServed(observed);
  // A pause holds the weight that it met; one that was reached and lost may come back.
  if (paused !== undefined && !isBegun(step)) return false;
  return staffed && isMeasured(status, observed) && shortBaseline(status, observed) === undefined;
}

/** Requests that are served now would not be served by this revision. At zero replicas nobody is to serve. */
export function cannotTakeOver(revision: string, observed: Observed): boolean {
  return observed.spec.replicas > 0 && !isReady(observed, revision) && isServed(observed);
}

/** Takes weight from all but the stable revision: `abort-first`, held back by `no-empty-backend` alone. */
function withdraw(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const { stableRevision: stable } = status;
  const weights = wantedWeights(status, observed);
  if (stable === undefined || weights === undefined) return undefined;
  const hasTooMuch = ([revision, weight]: [string, number]) =>
    revision !== stable && weight > (weights[revision] ?? 0);
  if (!Object.entries(observed.traffic.weights ?? {}).some(hasTooMuch)) return undefined;
  return {
    kind: 'route',
    weights,
    subsets: union(observed.traffic.subsets, Object.keys(weights)),
    weightsOnly: observed.problems.length > 0,
    urgent: true,
  };
}

/** Traffic must not outlive the object; before the first route there is nothing to hold it for. */
function finalizer(observed: Observed): Effect | undefined {
  return observed.hasFinalizer || observed.problems.length > 0 ? undefined : { kind: 'addFinalizer' };
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
    baseline(status, observed) ??
    cleanUp(status, observed, now)
  );
}

function candidateDeployment(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const { candidateRevision: candidate, step, ending } = status;
  // A candidate on its way out keeps its pods until the routes have left it.
  if (candidate === undefined || step === undefined || ending !== undefined) return undefined;
  const weight = Math.max(step.weight, routed(observed, candidate));
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

function baseline(status: CanaryReleaseStatus, observed: Observed): Effect | undefined {
  const wanted = wantedBaseline(status, observed);
  if (wanted === undefined) return undefined;
  const { name, revision, attempt, replicas } = wanted;
  const present = observed.baselines?.[name];
  const settled = present !== undefined && present.replicas === replicas && !present.drifted;
  return settled ? undefined : { kind: 'applyBaseline', revision, attempt, replicas };
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
  // Requests to a version without a pod fail, each of them.
  const urgent = standInFor(status, observed) !== undefined;
  return settled ? undefined : { kind: 'route', weights, subsets, weightsOnly: false, urgent };
}

/** No user meets a candidate that nobody could watch: before its first weight the source must have counted once. */
export function isMeasured(status: CanaryReleaseStatus, observed: Observed): boolean {
  const { telemetry } = observed;
  if (status.promotion !== undefined || (status.step?.observedWeight ?? 0) > 0) return true;
  return telemetry.state === 'readable' && telemetry.counted;
}

/** Subsets for all that may get traffic and all that still might be named by a route in some proxy. */
function wantedSubsets(status: CanaryReleaseStatus, observed: Observed, now: number): string[] {
  const lingering = (status.retired ?? []).filter(
    ({ revision, scaleDownAt }) => ms(scaleDownAt) > now && hasPods(observed, revision),
  );
  return union(
    [status.stableRevision, status.candidateRevision].filter((revision) => revision !== undefined),
    lingering.map(({ revision }) => revision),
    Object.keys(observed.traffic.weights ?? {}),
  );
}

function cleanUp(status: CanaryReleaseStatus, observed: Observed, now: number): Effect | undefined {
  const idle = surplusBaseline(status, observed);
  if (idle !== undefined) return { kind: 'deleteBaseline', name: idle };
  const unused = (status.retired ?? []).filter(({ revision }) => isUnused(observed, revision));
  const isDue = ({ scaleDownAt }: { readonly scaleDownAt: string }) => ms(scaleDownAt) <= now;
  const running = unused.find((retired) => isDue(retired) && hasPods(observed, retired.revision));
  if (running !== undefined) return { kind: 'scaleDeployment', revision: running.revision, replicas: 0 };
  const surplus = unused
    .slice(observed.spec.revisionHistoryLimit)
    .find((retired) => isDue(retired) || !hasPods(observed, retired.revision));
  return surplus === undefined ? undefined : { kind: 'deleteDeployment', revision: surplus.revision };
}

/** Nobody's requests go to it. Without routes the Service sends them to every ready pod. */
function isUnused(observed: Observed, revision: string): boolean {
  if (observed.workloads[revision] === undefined) return false;
  return observed.traffic.weights === undefined
    ? !isReady(observed, revision)
    : routed(observed, revision) === 0;
}

/** True when a revision that has traffic can serve it. */
function isServed(observed: Observed): boolean {
  return Object.keys(observed.traffic.weights ?? {}).some(
    (revision) => routed(observed, revision) > 0 && isReady(observed, revision),
  );
}

/** The weight that the routes give a revision (percent). */
function routed(observed: Observed, revision: string): number {
  return observed.traffic.weights?.[revision] ?? 0;
}

function isReady(observed: Observed, revision: string): boolean {
  return readyPods(observed, revision) > 0;
}

function union(...lists: (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort();
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every((one) => b.includes(one)) && b.every((one) => a.includes(one));
}

function sameWeights(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return [...Object.keys(a), ...Object.keys(b)].every(
    (revision) => (a[revision] ?? 0) === (b[revision] ?? 0),
  );
}
