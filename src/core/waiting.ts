import type { CanaryReleaseStatus, Reason } from '../api/index.ts';
import { shortBaseline } from './baseline.ts';
import { isMeasured } from './effects.ts';
import { type Observed, ms } from './model.ts';
import { podsFor } from './steps.ts';

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
  const hasAnswered = ms(observed.analysis?.through ?? '') > ms(status.attempt?.startedAt ?? '');
  const message = hasAnswered
    ? 'the source of request counts knows nothing of the stable revision: either nobody asks for it, or its requests are not counted there'
    : 'the source of request counts has not answered yet';
  return { reason: 'Progressing', message, stalled: false };
}
