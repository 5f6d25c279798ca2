import {
  type CanaryReleaseSpec,
  type CanaryReleaseStatus,
  type Problem,
  baselineName,
} from '../api/index.ts';
import { type Observed, readyPods } from './model.ts';
import { podsFor } from './steps.ts';

/**
 * The fresh baseline: pods of the stable version, as many and as young as the candidate's, with which the candidate is
 * compared. They stand behind the routes as all stable pods do, so no route knows of them, and they are never counted
 * among the pods that a rollback relies on.
 */
export interface BaselineIdentity {
  /** Of its Deployment. */
  readonly name: string;
  readonly revision: string;
  readonly attempt: number;
}

/**
 * The baseline that the release in progress is compared with, whether it is there yet or not; undefined where that are the
 * stable pods themselves. Without a Deployment of the stable revision there is nothing to make it from.
 * @param workloads by revision
 */
export function baselineOf(
  { stableRevision, candidateRevision, attempt }: CanaryReleaseStatus,
  {
    name,
    spec,
    workloads,
  }: {
    readonly name: string;
    readonly spec: CanaryReleaseSpec;
    readonly workloads: Readonly<Record<string, unknown>>;
  },
): BaselineIdentity | undefined {
  if (spec.analysis.freshBaseline !== true) return undefined;
  if (stableRevision === undefined || candidateRevision === undefined || attempt === undefined)
    return undefined;
  if (workloads[stableRevision] === undefined) return undefined;
  const { number } = attempt;
  return { name: baselineName(name, stableRevision, number), revision: stableRevision, attempt: number };
}

/**
 * The baseline with the pods that it should have now; undefined where it is to be left alone. It is made, and grows, once
 * the candidate's pods for the same weight are ready: earlier it would be warm before the candidate has had a request.
 */
export function wantedBaseline(
  status: CanaryReleaseStatus,
  observed: Observed,
): (BaselineIdentity & { readonly replicas: number }) | undefined {
  const { candidateRevision: candidate = '', step } = status;
  const baseline = baselineOf(status, observed);
  // At 100% nothing of stable has traffic to compare with.
  if (baseline === undefined || step === undefined || step.weight === 100) return undefined;
  const needed = podsFor(step.weight, observed.spec.replicas);
  const present = observed.baselines?.[baseline.name]?.replicas ?? 0;
  const isStaffed = readyPods(observed, candidate) >= needed;
  const replicas = isStaffed ? needed : Math.min(needed, present);
  return replicas === 0 ? undefined : { ...baseline, replicas };
}

/** The pods of the baseline, where there are too few for the present step. */
export interface ShortBaseline {
  readonly name: string;
  readonly ready: number;
  readonly needed: number;
  readonly problem: Problem | undefined;
}

/**
 * What the baseline lacks for the present step; undefined where it lacks nothing, or where nothing is compared: at 100%,
 * and when a person has ordered the promotion.
 */
export function shortBaseline(status: CanaryReleaseStatus, observed: Observed): ShortBaseline | undefined {
  const { step, promotion } = status;
  const baseline = baselineOf(status, observed);
  if (baseline === undefined || step === undefined || step.weight === 100 || promotion !== undefined)
    return undefined;
  const workload = observed.baselines?.[baseline.name];
  const needed = podsFor(step.weight, observed.spec.replicas);
  const ready = workload?.ready ?? 0;
  return ready >= needed ? undefined : { name: baseline.name, ready, needed, problem: workload?.problem };
}

/** The name of a baseline that no release is compared with any more, and without which no request fails. */
export function surplusBaseline(status: CanaryReleaseStatus, observed: Observed): string | undefined {
  const present = baselineOf(status, observed)?.name;
  return Object.keys(observed.baselines ?? {}).find((name) => name !== present && mayGo(name, observed));
}

/** Pods that serve alone what the routes send to the stable version must stay until one of its own is ready. */
function mayGo(name: string, { baselines = {}, workloads, traffic, spec }: Observed): boolean {
  const { revision = '', ready = 0 } = baselines[name] ?? {};
  if (ready === 0 || spec.replicas === 0) return true;
  // Without routes the Service sends requests to every ready pod.
  const isRouted = traffic.weights === undefined || (traffic.weights[revision] ?? 0) > 0;
  const others = traffic.weights === undefined ? Object.values(workloads) : [workloads[revision]];
  return !isRouted || others.some((workload) => (workload?.ready ?? 0) > 0);
}
