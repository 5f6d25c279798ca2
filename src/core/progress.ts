import type { AnalysisSpec, AnalysisStatus, CanaryReleaseStatus, Reason, StepStatus } from '../api/index.ts';
import { durationMs, formatDuration } from '../api/index.ts';
import { shortBaseline } from './baseline.ts';
import { isMeasured, standInFor } from './effects.ts';
import { begin, end, promote } from './lifecycle.ts';
import { type Observed, iso, ms } from './model.ts';
import { dwellMs, isBegun, podsFor, stepAfter, stepAt, stepNumber } from './steps.ts';

/** So often may a step lose its weight and still get its whole time again. */
const MOST_FRESH_STARTS = 3;

/** A candidate that has lost its last ready pod so often at one weight is given up: each time, requests fail. */
const MOST_LOSSES = 3;

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
function nothingToMeasure(status: CanaryReleaseStatus, observed: Observed): boolean {
  return observed.spec.replicas === 0 && status.stableRevision !== undefined;
}

/** Gives the release up when its revision failed or is no longer wanted (`abort-first`). */
export function abortIfDue(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const { candidateRevision: candidate, stableRevision: stable, attempt } = status;
  if (candidate === undefined) return status;
  const wanted =
    attempt?.returning === true && observed.target === status.rejected?.revision
      ? candidate
      : observed.target;
  if (wanted !== candidate) return replaceCandidate(status, observed, now);
  if (stable === undefined) return status;
  if (observed.analysis?.verdict === 'Fail' && status.promotion !== 'full') {
    return end(status, 'RolledBack', 'AnalysisFailed', observed.analysis.message, now);
  }
  const unstable = unstableSentence(candidate, status, observed);
  if (unstable !== undefined) return end(status, 'RolledBack', 'CandidateUnstable', unstable, now);
  if (nothingToMeasure(status, observed)) {
    const message = `scaled to zero in mid-release; revision ${candidate} begins again with the first pods`;
    return end(status, 'Reverted', 'ScaledToZero', message, now);
  }
  return status;
}

/** Why a candidate that keeps losing its pods is given up; undefined while it may go on. */
function unstableSentence(
  candidate: string,
  { step, promotion }: CanaryReleaseStatus,
  observed: Observed,
): string | undefined {
  const { losses = 0 } = step ?? {};
  if (step === undefined || losses < MOST_LOSSES || promotion === 'full') return undefined;
  const problem = observed.workloads[candidate]?.problem;
  const why = problem === undefined ? '' : `; ${problem.message}`;
  return `revision ${candidate} lost its last ready pod ${losses} times at ${step.weight}%${why}`;
}

function replaceCandidate(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { candidateRevision: candidate, stableRevision: stable } = status;
  // Without a stable revision there is nothing to go back to: the new template simply takes the first one's place.
  if (stable === undefined) return observed.problems.length > 0 ? status : begin(status, observed, now);
  return observed.target === stable
    ? end(status, 'Reverted', 'Reverted', `the template went back to the stable revision ${stable}`, now)
    : end(
        status,
        'Superseded',
        'Superseded',
        `revision ${observed.target} replaced ${candidate} in mid-release`,
        now,
      );
}

/** When the present step is given up (ms since the epoch); undefined while it may wait. */
function deadline(status: CanaryReleaseStatus, observed: Observed): number | undefined {
  const { step, candidateRevision, stableRevision, paused } = status;
  if (step === undefined || candidateRevision === undefined || stableRevision === undefined) return undefined;
  if (paused !== undefined) return undefined;
  const dwell = isBegun(step) ? dwellMs(observed.spec, step.weight) + uncountedMs(status, observed) : 0;
  return ms(step.progressAt) + dwell + durationMs(observed.spec.progressDeadline);
}

/**
 * Notes what weight the routes give, and opens the step's window when it is the wanted one. A candidate that stands in for
 * stable is watched at more than that, which is no less. Without a ready pod nothing is there to be watched.
 */
export function observeWeight(
  status: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const { step, candidateRevision: candidate } = status;
  if (step === undefined || candidate === undefined) return status;
  const observedWeight = observed.traffic.weights?.[candidate] ?? 0;
  const standsIn = standInFor(status, observed) !== undefined;
  const wanted = standsIn ? 100 : step.weight;
  const serves = observed.spec.replicas === 0 || readyPods(candidate, observed) > 0;
  const reached = observedWeight === wanted && observed.traffic.effective && serves;
  const located = {
    ...step,
    // What lies ahead is from before the clock was set back: it must not put the deadline off.
    progressAt: ms(step.progressAt) > now ? iso(now) : step.progressAt,
    observedWeight,
    index: stepNumber(observed.spec.steps, standsIn ? step.weight : observedWeight),
    of: observed.spec.steps.length,
  };
  // A clock that was set, forward or back, leaves a window of which nobody knows how much was watched.
  const { observedAt } = step;
  const isSound = observedAt !== undefined && ms(observedAt) <= now && observed.timeSkipped !== true;
  if (!reached)
    return { ...status, step: observedAt === undefined ? located : closeWindow(located, !serves) };
  if (isSound && observedWeight === step.observedWeight) return { ...status, step: located };
  return { ...status, step: openWindow(isSound ? closeWindow(located) : located, now) };
}

function openWindow(step: StepStatus, now: number): StepStatus {
  // A candidate that comes and goes must not put its deadline off for ever.
  const fresh = (step.interruptions ?? 0) <= MOST_FRESH_STARTS;
  return { ...step, observedAt: iso(now), ...(fresh ? { progressAt: iso(now) } : {}) };
}

/** A weight that was lost has no window any more: it begins anew once the weight is back. */
function closeWindow({ observedAt, ...step }: StepStatus, lostPods = false): StepStatus {
  const { interruptions = 0, losses = 0 } = step;
  return { ...step, interruptions: interruptions + 1, ...(lostPods ? { losses: losses + 1 } : {}) };
}

function readyPods(revision: string, { workloads }: Observed): number {
  return workloads[revision]?.ready ?? 0;
}

/** Goes on to the next step, or promotes, when the present one has passed. */
export function advance(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const { step, candidateRevision: candidate } = status;
  if (step === undefined || candidate === undefined) return status;
  if (status.paused !== undefined || observed.problems.length > 0) return status;
  const staffed = readyPods(candidate, observed) >= observed.spec.replicas;
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

/**
 * Gives up, at its deadline, a step that this pass brought no further either: who was away for long, as an operator that
 * was down, looks first.
 */
export function expire(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const due = deadline(status, observed);
  if (due === undefined || now < due) return status;
  const where = `at ${status.step?.weight ?? 0}% within ${formatDuration(durationMs(observed.spec.progressDeadline))}`;
  const held = observed.problems[0] ?? waitingFor(status, observed);
  if (held !== undefined) {
    return end(
      status,
      'RolledBack',
      'ProgressDeadlineExceeded',
      `no progress ${where}: ${held.message}`,
      now,
    );
  }
  const { telemetry, analysis } = observed;
  const seen = telemetry.state === 'failing' ? telemetry.problem.message : (analysis?.message ?? 'no data');
  const message = `no verdict ${where}: ${seen}`;
  return observed.spec.analysis.onInconclusive === 'pause'
    ? { ...status, paused: { by: 'inconclusive', message, since: iso(now) } }
    : end(status, 'RolledBack', 'Inconclusive', message, now);
}

/**
 * Time to watch elapsed, data complete up to its end, and nothing failing (`fresh-evidence`, `no-data-no-promotion`). Or
 * earlier, where the release wants that, once evidence at this weight shows that the candidate is harmless.
 */
function windowPassed(status: CanaryReleaseStatus, observed: Observed, now: number): boolean {
  const { step } = status;
  const { analysis, telemetry } = observed;
  if (step?.observedAt === undefined || analysis === undefined || telemetry.state !== 'readable')
    return false;
  if (analysis.windowFrom !== step.observedAt || analysis.verdict !== 'Pass') return false;
  // At 100% there is nothing of stable to compare with.
  const needed = [analysis.completeThrough, ...(step.weight === 100 ? [] : [analysis.stableThrough])];
  const isComplete = (until: number) =>
    needed.every((through) => through !== undefined && ms(through) >= until);
  const { advance: mode, source } = observed.spec.analysis;
  if (mode === 'onEvidence' && isHarmless(analysis) && isComplete(now - LATEST_MS[source])) return true;
  const dwellEnd = dwellEndOf(step, status, observed);
  if (dwellEnd === undefined || now < dwellEnd) return false;
  // Metrics that give a value have measured in this window, or their verdict is no Pass.
  return analysis.metrics.length === 0 || isComplete(dwellEnd);
}

/**
 * Data that are complete tell of nothing older than this (ms): a Prometheus scrapes every minute or more often, proxies are
 * read every second. What is older lacks a part: a pod that nobody can read may be the bad one.
 */
export const LATEST_MS: Readonly<Record<AnalysisSpec['source'], number>> = {
  proxies: 5000,
  prometheus: 90_000,
};

function isHarmless({ metrics }: AnalysisStatus): boolean {
  return metrics.length > 0 && metrics.every(({ harmless }) => harmless === true);
}

/** When the present weight will have been watched for as long as the step says (ms); undefined while it isn't observed. */
export function dwellEndOf(
  step: StepStatus,
  status: CanaryReleaseStatus,
  observed: Observed,
): number | undefined {
  if (step.observedAt === undefined) return undefined;
  return ms(step.observedAt) + dwellMs(observed.spec, step.weight) + uncountedMs(status, observed);
}

/** Of the time for which the present step may be held once it was watched, the share that is over (0–1). */
export function heldShare({ spec, status }: Pick<Observed, 'spec' | 'status'>, now: number): number {
  const { step, analysis } = status;
  if (step?.observedAt === undefined) return 0;
  const uncounted = analysis?.windowFrom === step.observedAt ? (analysis.uncountedMs ?? 0) : 0;
  const dwellEnd = ms(step.observedAt) + dwellMs(spec, step.weight) + uncounted;
  const share = (now - dwellEnd) / durationMs(spec.progressDeadline);
  return Math.min(1, Math.max(0, share));
}

/** Time of the present window that nobody counted (ms): it was not watched. */
function uncountedMs({ step, analysis }: CanaryReleaseStatus, observed: Observed): number {
  const latest = observed.analysis ?? analysis;
  return latest?.windowFrom === step?.observedAt ? (latest?.uncountedMs ?? 0) : 0;
}

/** What a step waits for. */
interface Waiting {
  readonly reason: Reason;
  readonly message: string;
  /** It won't come by itself. */
  readonly stalled: boolean;
}

/** What the present step waits for, evidence aside: its weight, and at 100% all pods; undefined when nothing is missing. */
export function waitingFor(status: CanaryReleaseStatus, observed: Observed): Waiting | undefined {
  const { step, candidateRevision: candidate } = status;
  if (step === undefined || candidate === undefined) return undefined;
  const isThere = step.observedAt !== undefined;
  return (
    (isThere && step.weight < 100 ? undefined : waitingForPods(candidate, step.weight, observed)) ??
    waitingForBaseline(candidate, step.weight, status, observed) ??
    (isThere ? undefined : waitingForTraffic(candidate, step.weight, status, observed))
  );
}

function waitingForPods(candidate: string, weight: number, observed: Observed): Waiting | undefined {
  const workload = observed.workloads[candidate];
  const needed = podsFor(weight, observed.spec.replicas);
  const ready = workload?.ready ?? 0;
  if (ready >= needed) return undefined;
  const count = `${ready} of ${needed} pods of revision ${candidate} are ready`;
  const problem = workload?.problem;
  return problem === undefined
    ? { reason: 'WaitingForPods', message: count, stalled: false }
    : { reason: problem.reason, message: `${count}; ${problem.message}`, stalled: true };
}

function waitingForBaseline(
  candidate: string,
  weight: number,
  status: CanaryReleaseStatus,
  observed: Observed,
): Waiting | undefined {
  const missing = shortBaseline(status, observed);
  if (missing === undefined) return undefined;
  // It is made to measure, so it waits for the candidate's pods itself.
  const cause = waitingForPods(candidate, weight, observed);
  if (cause !== undefined) return cause;
  const { name, ready, needed, problem } = missing;
  const count = `${ready} of ${needed} pods of the fresh baseline (Deployment ${name}) are ready`;
  if (problem === undefined) return { reason: 'WaitingForBaseline', message: count, stalled: false };
  const message = `${count}; ${problem.message}; or set spec.analysis.freshBaseline to false`;
  return { reason: problem.reason, message, stalled: true };
}

function waitingForTraffic(
  candidate: string,
  weight: number,
  status: CanaryReleaseStatus,
  observed: Observed,
): Waiting {
  const { telemetry } = observed;
  if (status.stableRevision === undefined || isMeasured(status, observed)) {
    const message = `the routes do not give ${weight}% to revision ${candidate} yet`;
    return { reason: 'WaitingForTraffic', message, stalled: false };
  }
  if (telemetry.state === 'failing') return { ...telemetry.problem, stalled: true };
  const message = 'the source of request counts has not answered yet';
  return { reason: 'Progressing', message, stalled: false };
}
