import type { CanaryReleaseStatus, Ending, HistoryEntry, Outcome, Reason, Retired } from '../api/index.ts';
import { durationMs } from '../api/index.ts';
import { type Observed, iso } from './model.ts';
import { stepNumber } from './steps.ts';

/** How many past releases status keeps. */
const HISTORY_LENGTH = 10;

/**
 * Gives a release up. The first reason stays: what happens while traffic goes back changes nothing any more
 * (`monotone-after-fail`).
 */
export function end(
  status: CanaryReleaseStatus,
  outcome: Ending['outcome'],
  reason: Reason,
  message: string,
  now: number,
): CanaryReleaseStatus {
  if (status.ending !== undefined || status.candidateRevision === undefined) return status;
  const { paused, promotion, resumedStep, ...rest } = status;
  return {
    ...rest,
    ending: { outcome, reason, message, at: iso(now) },
    ...(rest.step === undefined ? {} : { step: { ...rest.step, weight: 0, progressAt: iso(now) } }),
  };
}

/** Starts a release of the revision that the template describes. */
export function begin(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { rejected, analysis, ...rest } = dropRelease(status);
  const weight = status.stableRevision === undefined ? 100 : (observed.spec.steps[0]?.weight ?? 100);
  return {
    ...rest,
    candidateRevision: observed.target,
    attempt: { number: (status.attempt?.number ?? 0) + 1, startedAt: iso(now) },
    step: {
      index: stepNumber(observed.spec.steps, 0),
      of: observed.spec.steps.length,
      weight,
      observedWeight: 0,
      startedAt: iso(now),
      progressAt: iso(now),
    },
    retired: (status.retired ?? []).filter(({ revision }) => revision !== observed.target),
  };
}

/** The candidate becomes the stable revision. No pod moves: its Deployment serves all traffic already. */
export function promote(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { candidateRevision: candidate, stableRevision: stable } = status;
  if (candidate === undefined) return status;
  const first = stable === undefined;
  const outcome: Outcome = first ? 'Initial' : 'Promoted';
  const message = first
    ? `revision ${candidate} is the first one`
    : `revision ${candidate} replaced ${stable}`;
  return {
    ...dropRelease(remember(status, outcome, 'Promoted', message, observed, now)),
    stableRevision: candidate,
    retired: retire(
      (status.retired ?? []).filter(({ revision }) => revision !== candidate),
      stable,
      observed,
      now,
    ),
  };
}

/** Finishes a release that was given up, once the routes no longer name its revision. */
export function conclude(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { candidateRevision: candidate, ending } = status;
  if (candidate === undefined || ending === undefined) return status;
  if ((observed.traffic.weights?.[candidate] ?? 0) > 0 || !observed.traffic.effective) return status;
  const finished = dropRelease(
    remember(status, ending.outcome, ending.reason, ending.message, observed, now),
  );
  return {
    ...finished,
    retired: retire(status.retired ?? [], candidate, observed, now),
    ...(ending.outcome === 'RolledBack'
      ? { rejected: { revision: candidate, reason: ending.reason, message: ending.message, at: ending.at } }
      : {}),
  };
}

/**
 * A status that was lost (a restored backup, a replaced object) while traffic is being served: whatever serves most of
 * it is the stable revision.
 */
export function adopt(status: CanaryReleaseStatus, observed: Observed): CanaryReleaseStatus {
  if (status.stableRevision !== undefined || status.candidateRevision !== undefined) return status;
  const [serving] = Object.entries(observed.traffic.weights ?? {})
    .filter(([revision]) => observed.workloads[revision] !== undefined)
    .sort(([, a], [, b]) => b - a);
  return serving === undefined ? status : { ...status, stableRevision: serving[0] };
}

/** Deployments that nobody accounts for, after a lost status: they go the way of all earlier revisions. */
export function retireUnknown(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const retired = (status.retired ?? []).filter(({ revision }) => observed.workloads[revision] !== undefined);
  const known = new Set([
    status.stableRevision,
    status.candidateRevision,
    ...retired.map(({ revision }) => revision),
  ]);
  const unknown = Object.keys(observed.workloads)
    .filter((revision) => !known.has(revision))
    .sort();
  return {
    ...status,
    retired: unknown.reduce((list, revision) => retire(list, revision, observed, now), retired),
  };
}

function retire(
  list: readonly Retired[],
  revision: string | undefined,
  observed: Observed,
  now: number,
): Retired[] {
  if (revision === undefined || observed.workloads[revision] === undefined) return [...list];
  return [{ revision, scaleDownAt: iso(now + durationMs(observed.spec.scaleDownDelay)) }, ...list];
}

/** Clears what belongs to one release alone; its analysis stays to be read until the next one begins. */
function dropRelease(status: CanaryReleaseStatus): CanaryReleaseStatus {
  const { candidateRevision, step, paused, resumedStep, promotion, ending, ...rest } = status;
  return rest;
}

function remember(
  status: CanaryReleaseStatus,
  outcome: Outcome,
  reason: string,
  message: string,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const metrics = observed.analysis?.metrics ?? status.analysis?.metrics ?? [];
  const errors = metrics.find(({ name }) => name === 'errors') ?? metrics[0];
  const entry: HistoryEntry = {
    revision: status.candidateRevision ?? '',
    ...(observed.spec.version === undefined || status.candidateRevision !== observed.target
      ? {}
      : { version: observed.spec.version }),
    outcome,
    reason,
    message,
    startedAt: status.attempt?.startedAt ?? iso(now),
    finishedAt: iso(now),
    requests: errors?.candidate.all ?? 0,
    failed: errors?.candidate.bad ?? 0,
  };
  return { ...status, history: [entry, ...(status.history ?? [])].slice(0, HISTORY_LENGTH) };
}
