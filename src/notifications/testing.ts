import type { CanaryReleaseStatus, Condition, HistoryEntry, Outcome, StepStatus } from '../api/index.ts';
import { iso } from '../core/model.ts';
import { type Notice, noticeOf } from './notice.ts';
import { type Standing, type Subject, latestOf } from './standing.ts';

/** A time of the stories (ms since the epoch). */
export const T0 = Date.UTC(2030, 0, 1);
export const at = (seconds: number): number => T0 + seconds * 1000;

export function subject(status: CanaryReleaseStatus, uid = 'uid-1'): Subject {
  return { namespace: 'shop', name: 'cart', uid, status };
}

/** A release of revision `new` at a weight that was observed; at weight 0 it has just begun. */
export function going(
  number: number,
  weight: number,
  seconds: number,
  more: CanaryReleaseStatus = {},
): CanaryReleaseStatus & { step: StepStatus } {
  const step: StepStatus = {
    index: weight === 0 ? 1 : weight / 20,
    of: 5,
    weight: weight === 0 ? 20 : weight,
    observedWeight: weight,
    startedAt: iso(at(seconds)),
    progressAt: iso(at(seconds)),
    ...(weight === 0 ? {} : { observedAt: iso(at(seconds)) }),
  };
  return {
    phase: 'Progressing',
    observedGeneration: number,
    stableRevision: 'old',
    candidateRevision: 'new',
    attempt: { number, startedAt: iso(at(number * 1000)) },
    ...more,
    step,
  };
}

export function entry(number: number, outcome: Outcome, seconds: number): HistoryEntry {
  return {
    revision: 'new',
    outcome,
    reason: outcome === 'RolledBack' ? 'AnalysisFailed' : outcome,
    message: outcome === 'RolledBack' ? 'errors: 14 of 312 on the candidate' : 'revision new replaced old',
    startedAt: iso(at(number * 1000)),
    finishedAt: iso(at(seconds)),
    requests: 1234,
    failed: 14,
  };
}

/** After a release with this outcome. */
export function over(number: number, outcome: Outcome, seconds: number): CanaryReleaseStatus {
  return {
    phase: outcome === 'RolledBack' ? 'RolledBack' : 'Healthy',
    stableRevision: 'old',
    attempt: { number, startedAt: iso(at(number * 1000)) },
    history: [entry(number, outcome, seconds)],
  };
}

export function stalled(reason: string, seconds: number): Condition {
  return {
    type: 'Stalled',
    status: 'True',
    reason,
    message: `${reason} must be mended`,
    lastTransitionTime: iso(at(seconds)),
    observedGeneration: 1,
  };
}

/** What there is to tell of a status. */
export function standingOf(status: CanaryReleaseStatus, seconds: number): Standing {
  const standing = latestOf(subject(status), at(seconds))?.standing;
  if (standing === undefined) throw new Error('there is nothing to tell');
  return standing;
}

/** A message of a release that was rolled back, whose verdict is this. */
export function notice(verdict = 'errors: 14 of 312 on the candidate', dashboardURL?: string): Notice {
  const standing = { ...standingOf(over(2, 'RolledBack', 2090), 2100), verdict };
  return noticeOf(subject({}), standing, { dashboardURL }, { clusterName: 'eu-1', dashboardUrl: undefined });
}
