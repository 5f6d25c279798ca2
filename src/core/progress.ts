import type { CanaryReleaseStatus } from '../api/index.ts';
import { shortBaseline } from './baseline.ts';
import { begin, promote } from './lifecycle.ts';
import { type Observed, iso, readyPods } from './model.ts';
import { stepAfter, stepAt } from './steps.ts';
import { windowPassed } from './window.ts';

/** Starts a release when the template describes a revision that is neither stable nor rejected. */
export function startRelease(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  if (status.candidateRevision !== undefined || observed.problems.length > 0) return status;
  if (observed.target === status.stableRevision) {
    const { rejected, ...rest } = status;
    return rest;
  }
  if (nothingToMeasure(status, observed)) return status;
  const isRejected = observed.target === status.rejected?.revision && status.stableRevision !== undefined;
  return isRejected ? status : begin(status, observed, now);
}

/** With no pod wanted nothing serves: a release waits for requests that could speak for or against it. */
export function nothingToMeasure(status: CanaryReleaseStatus, observed: Observed): boolean {
  return observed.spec.replicas === 0 && status.stableRevision !== undefined;
}

/** Goes on to the next step, or promotes, when the present one has passed. */
export function advance(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { step, candidateRevision: candidate } = status;
  if (step === undefined || candidate === undefined) return status;
  if (status.paused !== undefined || observed.problems.length > 0) return status;
  const staffed = readyPods(observed, candidate) >= observed.spec.replicas;
  const serves = step.observedAt !== undefined || observed.spec.replicas === 0;
  if (status.stableRevision === undefined) return staffed && serves ? promote(status, observed, now) : status;
  if (step.observedAt === undefined) return status;
  if (status.promotion === undefined) {
    if (!windowPassed(status, observed, now) || shortBaseline(status, observed) !== undefined) return status;
    if (pausesHere(status, observed)) {
      const message = `pause of the step at ${step.weight}%`;
      return { ...status, paused: { by: 'step', message, since: iso(now) } };
    }
  }
  if (step.weight === 100) return staffed ? promote(status, observed, now) : status;
  return raise(status, stepAfter(observed.spec.steps, step.weight)?.weight ?? 100, now);
}

/** True when the present step ends with a pause from which nobody has resumed. */
function pausesHere({ step, resumedStep }: CanaryReleaseStatus, observed: Observed): boolean {
  if (step === undefined || resumedStep === step.weight) return false;
  return stepAt(observed.spec.steps, step.weight)?.pause === true;
}

/** `promoteFull` does not wait for the weight that was on its way. */
export function hurry(status: CanaryReleaseStatus, now: number): CanaryReleaseStatus {
  return status.promotion !== 'full' || status.step?.weight === 100 ? status : raise(status, 100, now);
}

function raise(status: CanaryReleaseStatus, weight: number, now: number): CanaryReleaseStatus {
  const { promotion, step, ...rest } = status;
  if (step === undefined) return status;
  const { observedAt, interruptions, losses, ...open } = step;
  return {
    ...rest,
    ...(promotion === 'full' ? { promotion } : {}),
    step: { ...open, weight, startedAt: iso(now), progressAt: iso(now) },
  };
}
