import type { CanaryReleaseStatus, Condition, HistoryEntry, Phase, Reason } from '../api/index.ts';
import { formatDuration } from '../api/index.ts';
import { cannotTakeOver, standInFor } from './effects.ts';
import { type Observed, type ReleaseEvent, iso } from './model.ts';
import { waitingFor } from './waiting.ts';
import { dwellMs } from './steps.ts';

/** What is going on, as phase, reason and one sentence. */
interface Summary {
  phase: Phase;
  reason: Reason;
  message: string;
  /** Someone must mend something before this goes on. */
  stalled: boolean;
}

/** Completes a status with what people and tools read: phase, message, conditions, scale. */
export function summarize(status: CanaryReleaseStatus, observed: Observed, now: number): CanaryReleaseStatus {
  const summary = describe(status, observed);
  const workloads = [...Object.values(observed.workloads), ...Object.values(observed.baselines ?? {})];
  const pods = workloads.reduce((sum, workload) => sum + workload.pods, 0);
  return {
    ...status,
    observedGeneration: observed.generation,
    phase: summary.phase,
    message: summary.message,
    replicas: pods,
    selector: `songbird.dev/release=${observed.name}`,
    conditions: conditions(summary, status.conditions ?? [], observed.generation, now),
  };
}

function describe(status: CanaryReleaseStatus, observed: Observed): Summary {
  const summary = course(status, observed);
  const [problem] = observed.problems;
  if (problem !== undefined && status.ending === undefined) {
    return { ...summary, reason: problem.reason, message: problem.message, stalled: true };
  }
  const { refusedWrite } = observed;
  return refusedWrite === undefined
    ? summary
    : { ...summary, reason: refusedWrite.reason, message: refusedWrite.message, stalled: true };
}

function course(status: CanaryReleaseStatus, observed: Observed): Summary {
  const { candidateRevision: candidate, stableRevision: stable, ending, step } = status;
  if (ending !== undefined) return rollingBack(status, observed);
  if (candidate === undefined || step === undefined) return atRest(status, observed);
  if (status.paused !== undefined) {
    return { phase: 'Paused', reason: 'Paused', message: status.paused.message, stalled: false };
  }
  const waiting = waitingFor(status, observed);
  const phase = stable === undefined ? 'Initializing' : step.weight === 100 ? 'Promoting' : 'Progressing';
  if (waiting !== undefined) {
    const isFirst = stable === undefined && !waiting.stalled;
    return { phase, ...waiting, reason: isFirst ? 'Initializing' : waiting.reason };
  }
  const failing = observed.telemetry.state === 'failing' ? observed.telemetry.problem : undefined;
  const seen = failing?.message ?? status.analysis?.message ?? 'no requests counted yet';
  const dwell = dwellMs(observed.spec, step.weight);
  const watched = dwell === 0 ? '' : ` for ${formatDuration(dwell)}`;
  const instead =
    standInFor(status, observed) === undefined
      ? ''
      : `, with all traffic until revision ${stable ?? ''} has its pods again`;
  return {
    phase,
    reason: failing?.reason ?? 'Progressing',
    message: `${step.weight}%${watched}${instead}: ${seen}`,
    stalled: false,
  };
}

function rollingBack(status: CanaryReleaseStatus, observed: Observed): Summary {
  const why = status.ending?.message ?? '';
  const { stableRevision: stable = '' } = status;
  if (observed.workloads[stable] === undefined && stable !== observed.target) {
    const message = `${why}; the Deployment of the stable revision ${stable} is gone: set spec.template to that of ${stable}, and it is made again`;
    return { phase: 'RollingBack', reason: 'WaitingForStable', message, stalled: true };
  }
  const missing = cannotTakeOver(stable, observed);
  const isBack = (observed.traffic.weights?.[status.candidateRevision ?? ''] ?? 0) === 0;
  const rest = missing
    ? `; traffic goes back as soon as a pod of ${stable} is ready`
    : isBack && !observed.traffic.effective
      ? '; the mesh has not taken the routes over yet'
      : '';
  return {
    phase: 'RollingBack',
    reason: missing ? 'WaitingForStable' : 'RollingBack',
    message: `${why}${rest}`,
    stalled: false,
  };
}

function atRest(status: CanaryReleaseStatus, observed: Observed): Summary {
  const { stableRevision: stable, rejected } = status;
  if (stable === undefined) {
    return {
      phase: 'Initializing',
      reason: 'Initializing',
      message: 'nothing is deployed yet',
      stalled: false,
    };
  }
  if (rejected?.revision === observed.target) {
    return {
      phase: 'RolledBack',
      reason: rejected.reason as Reason,
      message: `revision ${rejected.revision} was rolled back: ${rejected.message}`,
      stalled: true,
    };
  }
  const workload = observed.workloads[stable];
  const ready = workload?.ready ?? 0;
  if (observed.spec.replicas === 0) {
    const next =
      observed.target === stable ? '' : `; revision ${observed.target} goes out with the first pods`;
    return { phase: 'Healthy', reason: 'ScaledToZero', message: `scaled to zero${next}`, stalled: false };
  }
  if (ready < observed.spec.replicas) {
    return {
      phase: 'Healthy',
      reason: 'WaitingForPods',
      message: `${ready} of ${observed.spec.replicas} pods of revision ${stable} are ready`,
      stalled: false,
    };
  }
  return {
    phase: 'Healthy',
    reason: 'Healthy',
    message: `revision ${stable} serves all traffic`,
    stalled: false,
  };
}

/**
 * kstatus: Ready always; Reconciling and Stalled only when true, never both. A Ready that is not yet decided is
 * Unknown, as in Flux, so that nobody takes a release under way for a failure.
 */
function conditions(
  summary: Summary,
  before: readonly Condition[],
  observedGeneration: number,
  now: number,
): Condition[] {
  const { reason, message } = summary;
  const settled = summary.phase === 'Healthy' && reason !== 'WaitingForPods' && !summary.stalled;
  const ready = settled ? 'True' : summary.stalled ? 'False' : 'Unknown';
  const wanted: Pick<Condition, 'type' | 'status'>[] = [{ type: 'Ready', status: ready }];
  if (summary.stalled) wanted.push({ type: 'Stalled', status: 'True' });
  else if (!settled) wanted.push({ type: 'Reconciling', status: 'True' });
  return wanted.map(({ type, status }) => {
    const old = before.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : iso(now);
    return { type, status, reason, message, lastTransitionTime, observedGeneration };
  });
}

/** What changed between two statuses that people should be told of. */
export function eventsBetween(before: CanaryReleaseStatus, after: CanaryReleaseStatus): ReleaseEvent[] {
  return [...commandEvents(before, after), ...courseEvents(before, after), ...stallEvents(before, after)];
}

function commandEvents(before: CanaryReleaseStatus, after: CanaryReleaseStatus): ReleaseEvent[] {
  const known = new Set(before.commands?.map(({ uid }) => uid));
  return (after.commands ?? [])
    .filter(({ uid }) => !known.has(uid))
    .map(({ name, phase, message }) =>
      phase === 'Executed'
        ? { type: 'Normal', reason: 'CommandExecuted', message: `${name}: ${message}` }
        : { type: 'Warning', reason: 'CommandRefused', message: `${name}: ${message}` },
    );
}

function courseEvents(before: CanaryReleaseStatus, after: CanaryReleaseStatus): ReleaseEvent[] {
  const events: ReleaseEvent[] = [];
  const { ending, step, paused } = after;
  if (ending !== undefined && before.ending === undefined) {
    const type = ending.outcome === 'RolledBack' ? 'Warning' : 'Normal';
    events.push({ type, reason: ending.reason as Reason, message: ending.message });
  }
  const [finished] = after.history ?? [];
  if (finished !== undefined && finished.finishedAt !== before.history?.[0]?.finishedAt) {
    events.push(finishedEvent(finished));
  }
  if (paused !== undefined && before.paused === undefined) {
    events.push({ type: 'Normal', reason: 'Paused', message: paused.message });
  }
  events.push(...passedEvents(before, after));
  const opened = step?.observedAt !== undefined && step.observedAt !== before.step?.observedAt;
  if (opened) {
    const message = `revision ${after.candidateRevision ?? ''} serves ${step.observedWeight}% of the traffic`;
    events.push({ type: 'Normal', reason: 'Progressing', message });
  }
  return events;
}

/** By what a step was over. */
function passedEvents(before: CanaryReleaseStatus, after: CanaryReleaseStatus): ReleaseEvent[] {
  const { step: was, promotion } = before;
  const { step: is, analysis, ending } = after;
  const isRaised = was?.observedAt !== undefined && is !== undefined && is.weight > was.weight;
  const isOrdered = promotion !== undefined || after.promotion !== undefined;
  if (!isRaised || isOrdered || ending !== undefined || analysis === undefined) return [];
  return [{ type: 'Normal', reason: 'Progressing', message: `${was.weight}% passed: ${analysis.message}` }];
}

function finishedEvent({ outcome, revision, message }: HistoryEntry): ReleaseEvent {
  const promoted = outcome === 'Promoted' || outcome === 'Initial';
  return promoted
    ? { type: 'Normal', reason: 'Promoted', message }
    : {
        type: 'Normal',
        reason: outcome === 'RolledBack' ? 'RollingBack' : outcome,
        message: `revision ${revision} has no traffic any more`,
      };
}

function stallEvents(before: CanaryReleaseStatus, after: CanaryReleaseStatus): ReleaseEvent[] {
  const stalled = (status: CanaryReleaseStatus) => status.conditions?.find(({ type }) => type === 'Stalled');
  const now = stalled(after);
  if (now === undefined || now.reason === stalled(before)?.reason || after.phase === 'RolledBack') return [];
  return [{ type: 'Warning', reason: now.reason as Reason, message: now.message }];
}
