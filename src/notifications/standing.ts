import type {
  AnalysisStatus,
  CanaryReleaseStatus,
  Condition,
  HistoryEntry,
  Moment,
  Outcome,
} from '../api/index.ts';
import { ms } from '../core/model.ts';
import { isBegun } from '../core/steps.ts';

/** What notifications look at of a CanaryRelease. */
export interface Subject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** `spec.version`. */
  readonly version?: string | undefined;
  readonly status: CanaryReleaseStatus;
}

/** One release of a CanaryRelease, from its first step to its end. */
export interface Attempt {
  readonly number: number;
  /** What tells it from another one of that number, as after a status was lost. */
  readonly id: string;
  /** '' where nothing could go out yet. */
  readonly revision: string;
}

/** How an attempt stands: the one thing to tell of it. */
export interface Standing {
  readonly attempt: Attempt;
  readonly moment: Moment;
  /** The same as long as there is nothing new to tell. */
  readonly key: string;
  /** When that was so first (ms since the epoch). */
  readonly at: number;
  readonly reason: string;
  /** Why, in one sentence; '' where nothing was judged. */
  readonly verdict: string;
  /** The revision that it replaces. */
  readonly previous?: string | undefined;
  readonly version?: string | undefined;
  readonly step?: { readonly weight: number; readonly index: number; readonly of: number } | undefined;
  readonly requests?: { readonly all: number; readonly failed: number } | undefined;
  /** How long the attempt took, or has taken (ms). */
  readonly tookMs?: number | undefined;
}

/** The latest attempt of a CanaryRelease. */
export interface Latest {
  readonly attempt: Attempt;
  /** Undefined while there is nothing to tell of it. */
  readonly standing?: Standing | undefined;
  /** When there may be something to tell without any change (ms since the epoch). */
  readonly lookAt?: number | undefined;
}

/** What has to be mended is told of after so long (ms): much of it passes by itself, as pods that start. */
export const HELD_MS = 60_000;

/** The key of a rollback that takes longer than that. */
export const HANGING_ROLLBACK = 'held/rollback';

const MOMENT_OF: Readonly<Record<Outcome, Moment>> = {
  Initial: 'promoted',
  Promoted: 'promoted',
  RolledBack: 'rolledBack',
  Reverted: 'replaced',
  Superseded: 'replaced',
};

/** True of what is told last of an attempt. */
export function isEnd(key: string): boolean {
  return key === 'promoted' || key === 'rolledBack' || key === 'replaced';
}

/** How the latest attempt stands; undefined before the first one. */
export function latestOf({ status, version }: Subject, now: number): Latest | undefined {
  const { attempt, candidateRevision: revision, step, ending, history = [] } = status;
  if (attempt !== undefined && revision !== undefined && step !== undefined) {
    // What returns to an earlier revision, or makes room for another one, is not what the manifest describes.
    const isOther = attempt.returning === true || (ending !== undefined && ending.outcome !== 'RolledBack');
    const going = { number: attempt.number, id: attempt.startedAt, revision };
    return inProgress(going, isOther ? undefined : version, status, now);
  }
  const stuck = stuckAtRest(status, now);
  if (stuck?.standing !== undefined) return stuck;
  const [entry] = history;
  const isLatest = entry !== undefined && entry.startedAt === attempt?.startedAt;
  const ended = isLatest
    ? endedBy(entry, { number: attempt.number, id: entry.startedAt, revision: entry.revision }, status)
    : undefined;
  if (ended === undefined) return stuck;
  return { attempt: ended.attempt, standing: ended, lookAt: stuck?.lookAt };
}

/** How an earlier attempt ended, as far as history knows it. */
export function endOf(attempt: Attempt, { status }: Subject): Standing | undefined {
  const entry = status.history?.find(
    ({ startedAt, revision }) => startedAt === attempt.id && revision === attempt.revision,
  );
  return entry === undefined ? undefined : endedBy(entry, attempt, status);
}

function endedBy(entry: HistoryEntry, attempt: Attempt, status: CanaryReleaseStatus): Standing {
  const { history = [], analysis } = status;
  const earlier = history.slice(history.indexOf(entry) + 1);
  const promoted = entry.outcome === 'Promoted' || entry.outcome === 'Initial';
  const moment = MOMENT_OF[entry.outcome];
  // Of a promotion, history says that it was one; the numbers are in the analysis until the next release begins.
  const isJudged = history[0] === entry && analysis?.revision === entry.revision;
  const numbers = isJudged && entry.outcome === 'Promoted' ? analysis.message : '';
  return {
    attempt,
    moment,
    key: moment,
    at: ms(entry.finishedAt),
    reason: entry.reason,
    verdict: promoted ? numbers : entry.message,
    previous: promoted
      ? earlier.find(({ outcome }) => outcome === 'Promoted' || outcome === 'Initial')?.revision
      : status.stableRevision,
    version: entry.version,
    requests: { all: entry.requests, failed: entry.failed },
    tookMs: Math.max(0, ms(entry.finishedAt) - ms(entry.startedAt)),
  };
}

function inProgress(
  attempt: Attempt,
  version: string | undefined,
  status: CanaryReleaseStatus,
  now: number,
): Latest {
  const { ending, paused, stableRevision: previous, analysis } = status;
  const common = {
    attempt,
    previous,
    version,
    step: stepOf(status),
    requests: requestsOf(attempt.revision, analysis),
    tookMs: Math.max(0, now - ms(attempt.id)),
  };
  if (ending !== undefined) {
    const what = { ...common, reason: ending.reason, verdict: ending.message };
    if (ending.outcome !== 'RolledBack') {
      return { attempt, standing: { ...what, moment: 'replaced', key: 'replaced', at: ms(ending.at) } };
    }
    const hangsAt = ms(ending.at) + HELD_MS;
    if (now >= hangsAt) {
      const verdict = status.message ?? ending.message;
      return {
        attempt,
        standing: { ...what, verdict, moment: 'held', key: HANGING_ROLLBACK, at: hangsAt },
      };
    }
    const standing = { ...what, moment: 'rollingBack', key: 'rollingBack', at: ms(ending.at) } as const;
    return { attempt, standing, lookAt: hangsAt };
  }
  if (paused !== undefined) {
    const { since, message: verdict } = paused;
    const at = ms(since);
    return {
      attempt,
      standing: { ...common, moment: 'paused', key: `paused/${since}`, at, reason: 'Paused', verdict },
    };
  }
  const stalled = stalledIn(status);
  if (stalled !== undefined) {
    const { reason, message: verdict } = stalled;
    const at = ms(stalled.lastTransitionTime) + HELD_MS;
    if (now >= at) {
      const held = { ...common, moment: 'held', key: `held/${reason}`, at, reason, verdict } as const;
      return { attempt, standing: held };
    }
    return { attempt, standing: onItsWay(common, status), lookAt: at };
  }
  return { attempt, standing: onItsWay(common, status) };
}

/** Undefined where a weight is only wanted, or was lost: it is told of when it is there. */
function onItsWay(
  common: Omit<Standing, 'moment' | 'key' | 'at' | 'reason' | 'verdict'>,
  status: CanaryReleaseStatus,
): Standing | undefined {
  const { step, stableRevision, analysis } = status;
  // The first revision of all has nothing to step over: it is told of when it is up.
  if (step === undefined || stableRevision === undefined) return undefined;
  const isJudged = analysis?.revision === common.attempt.revision && analysis.verdict !== 'Inconclusive';
  // That a weight which was just reached has no verdict yet goes without saying.
  const verdict = isJudged ? analysis.message : '';
  const base = { ...common, reason: 'Progressing', verdict };
  if (step.observedAt !== undefined) {
    return { ...base, moment: 'step', key: `step/${step.weight}`, at: ms(step.observedAt) };
  }
  if (step.index > 1 || isBegun(step)) return undefined;
  return { ...base, verdict: '', moment: 'started', key: 'started', at: ms(common.attempt.id) };
}

/** What keeps the next release from beginning, as a template that does not exist. */
function stuckAtRest(status: CanaryReleaseStatus, now: number): Latest | undefined {
  const { attempt: last, phase, observedGeneration = 0, stableRevision: previous } = status;
  const stalled = stalledIn(status);
  if (stalled === undefined || phase === 'RolledBack') return undefined;
  const { reason, message: verdict } = stalled;
  // Whatever it lacks by turns, it is one attempt that cannot begin.
  const attempt = { number: (last?.number ?? 0) + 1, id: `generation ${observedGeneration}`, revision: '' };
  const at = ms(stalled.lastTransitionTime) + HELD_MS;
  if (now < at) return { attempt, lookAt: at };
  return {
    attempt,
    standing: { attempt, moment: 'held', key: `held/${reason}`, at, reason, verdict, previous },
  };
}

function stalledIn({ conditions = [] }: CanaryReleaseStatus): Condition | undefined {
  return conditions.find(({ type, status }) => type === 'Stalled' && status === 'True');
}

function stepOf({ step }: CanaryReleaseStatus): Standing['step'] {
  return step === undefined ? undefined : { weight: step.observedWeight, index: step.index, of: step.of };
}

function requestsOf(revision: string, analysis: AnalysisStatus | undefined): Standing['requests'] {
  if (analysis?.revision !== revision) return undefined;
  const errors = analysis.metrics.find(({ name }) => name === 'errors') ?? analysis.metrics[0];
  return errors === undefined ? undefined : { all: errors.candidate.all, failed: errors.candidate.bad };
}
