import type { CanaryReleaseStatus } from '../api/index.ts';
import { durationMs, formatDuration } from '../api/index.ts';
import { begin, end } from './lifecycle.ts';
import { type Observed, iso, ms } from './model.ts';
import { nothingToMeasure } from './progress.ts';
import { dwellMs, isBegun } from './steps.ts';
import { waitingFor } from './waiting.ts';
import { uncountedMs } from './window.ts';

/** A candidate that has lost its last ready pod so often at one weight is given up: each time, requests fail. */
const MOST_LOSSES = 3;

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

/** When the present step is given up (ms since the epoch); undefined while it may wait. */
function deadline(status: CanaryReleaseStatus, observed: Observed): number | undefined {
  const { step, candidateRevision, stableRevision, paused } = status;
  if (step === undefined || candidateRevision === undefined || stableRevision === undefined) return undefined;
  if (paused !== undefined) return undefined;
  const dwell = isBegun(step) ? dwellMs(observed.spec, step.weight) + uncountedMs(status, observed) : 0;
  return ms(step.progressAt) + dwell + durationMs(observed.spec.progressDeadline);
}
