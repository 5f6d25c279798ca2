import type { AnalysisSpec, AnalysisStatus, CanaryReleaseStatus, StepStatus } from '../api/index.ts';
import { durationMs } from '../api/index.ts';
import { standInFor } from './effects.ts';
import { type Observed, iso, ms, readyPods } from './model.ts';
import { dwellMs, stepNumber } from './steps.ts';

/** So often may a step lose its weight and still get its whole time again. */
const MOST_FRESH_STARTS = 3;

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
  const serves = observed.spec.replicas === 0 || readyPods(observed, candidate) > 0;
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

/**
 * Time to watch elapsed, data complete up to its end, and nothing failing (`fresh-evidence`, `no-data-no-promotion`). Or
 * earlier, where the release wants that, once evidence at this weight shows that the candidate is harmless.
 */
export function windowPassed(status: CanaryReleaseStatus, observed: Observed, now: number): boolean {
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
  observed: Pick<Observed, 'spec' | 'analysis'>,
): number | undefined {
  if (step.observedAt === undefined) return undefined;
  return ms(step.observedAt) + dwellMs(observed.spec, step.weight) + uncountedMs(status, observed);
}

/** Of the time for which the present step may be held once it was watched, the share that is over (0–1). */
export function heldShare({ spec, status }: Pick<Observed, 'spec' | 'status'>, now: number): number {
  const dwellEnd = status.step === undefined ? undefined : dwellEndOf(status.step, status, { spec });
  if (dwellEnd === undefined) return 0;
  const share = (now - dwellEnd) / durationMs(spec.progressDeadline);
  return Math.min(1, Math.max(0, share));
}

/** Time of the present window that nobody counted (ms): it was not watched. */
export function uncountedMs(
  { step, analysis }: CanaryReleaseStatus,
  observed: Pick<Observed, 'analysis'>,
): number {
  const latest = observed.analysis ?? analysis;
  return latest?.windowFrom === step?.observedAt ? (latest?.uncountedMs ?? 0) : 0;
}
