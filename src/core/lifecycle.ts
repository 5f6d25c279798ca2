import type { CanaryReleaseStatus, Ending, HistoryEntry, Outcome, Reason } from '../api/index.ts';
import { durationMs } from '../api/index.ts';
import { type Observed, iso, ms } from './model.ts';
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
  };
}

/**
 * Finishes a release that was given up, once the routes no longer name its revision and the mesh has taken that over. One
 * proxy that hears nothing any more must not keep what would mend it from going out: no longer than the deadline.
 */
export function conclude(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { candidateRevision: candidate, ending } = status;
  if (candidate === undefined || ending === undefined) return status;
  if ((observed.traffic.weights?.[candidate] ?? 0) > 0) return status;
  if (!observed.traffic.effective && now < latestEnd(ending, observed)) return status;
  return giveUp(remember(status, ending.outcome, ending.reason, ending.message, observed, now));
}

/** Until then a release that was given up may wait for the mesh (ms since the epoch). */
export function latestEnd({ at }: Ending, { spec }: Observed): number {
  return ms(at) + durationMs(spec.progressDeadline);
}

/** Drops the release. What was rolled back is rejected, unless it was a return: then the template stays what it was. */
function giveUp(status: CanaryReleaseStatus): CanaryReleaseStatus {
  const { candidateRevision: candidate, ending, attempt } = status;
  const dropped = dropRelease(status);
  if (candidate === undefined || ending?.outcome !== 'RolledBack' || attempt?.returning === true)
    return dropped;
  const { reason, message, at } = ending;
  return { ...dropped, rejected: { revision: candidate, reason, message, at } };
}

/**
 * Makes sense of a status that lost something (a restored backup, a replaced object): half a release is none, and what
 * serves is the stable revision. Of two that serve, the candidate has only the pods for its share.
 */
export function adopt(status: CanaryReleaseStatus, observed: Observed): CanaryReleaseStatus {
  const { stableRevision: stable, candidateRevision: candidate, attempt, step } = status;
  const whole =
    candidate !== undefined &&
    attempt !== undefined &&
    step !== undefined &&
    (stable !== undefined || step.weight === 100);
  const known = whole ? status : giveUp(status);
  if (known.stableRevision !== undefined || known.candidateRevision !== undefined) return known;
  const [serving] = Object.entries(observed.workloads)
    .map(([revision, { replicas, ready }]) => {
      const weight = observed.traffic.weights?.[revision] ?? 0;
      return { revision, replicas, ready, weight };
    })
    .filter(({ weight, ready }) => (observed.traffic.weights === undefined ? ready > 0 : weight > 0))
    .sort((a, b) => b.replicas - a.replicas || b.weight - a.weight || b.ready - a.ready);
  return serving === undefined ? known : { ...known, stableRevision: serving.revision };
}

/** Every Deployment that is neither stable nor candidate is retired, the latest first: its pods stay for a delay. */
export function retireOthers(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const { stableRevision: stable, candidateRevision: candidate } = status;
  const others = Object.keys(observed.workloads).filter((it) => it !== stable && it !== candidate);
  const last = now + durationMs(observed.spec.scaleDownDelay);
  const scaleDownAt = iso(last);
  // Later than that is from before the delay was shortened, or the clock set back.
  const earlier = (status.retired ?? [])
    .filter(({ revision }) => others.includes(revision))
    .map((retired) =>
      ms(retired.scaleDownAt) > last && hasPods(observed, retired.revision)
        ? { ...retired, scaleDownAt }
        : retired,
    );
  const latest = others
    .filter((revision) => !earlier.some((retired) => retired.revision === revision))
    .sort()
    .map((revision) => ({ revision, scaleDownAt }));
  return { ...status, retired: [...latest, ...earlier] };
}

/** False once its Deployment was scaled down. */
export function hasPods({ workloads }: Observed, revision: string): boolean {
  return (workloads[revision]?.replicas ?? 0) > 0;
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
