import type { AnalysisStatus, CanaryReleaseStatus, StepStatus } from '../api/index.ts';
import { nextExpiry, obeyCommand } from './commands.ts';
import { nextEffect, teardown } from './effects.ts';
import { abortIfDue, expire } from './giving-up.ts';
import { adopt, conclude, latestEnd, retireOthers } from './lifecycle.ts';
import { nextLookMs } from './looks.ts';
import { type Decision, type Observed, ms } from './model.ts';
import { advance, hurry, startRelease } from './progress.ts';
import { recorded } from './record.ts';
import { eventsBetween, summarize } from './summary.ts';
import { dwellEndOf, observeWeight } from './window.ts';

/** How often a release in progress is looked at by a source that has news no more often than it scrapes (ms). */
const LOOK_AT_PROMETHEUS_MS = 2500;
/** Counts alone are written to status no more often than this (ms). */
const COUNTS_EVERY_MS = 2000;

/**
 * One pass: from everything observed to the next status and at most one effect. Pure and total; the order of the
 * transitions is the order of the design: command, abort, what is finished, what is new, progress, clean-up.
 */
export function decide(observed: Observed, now: number): Decision {
  const before = observed.status;
  if (observed.deleting) {
    return { status: before, effect: teardown(before, observed), events: [], requeueAt: undefined };
  }
  const transitions = [
    (status: CanaryReleaseStatus) => adopt(status, observed),
    (status: CanaryReleaseStatus) => obeyCommand(status, observed, now),
    (status: CanaryReleaseStatus) => abortIfDue(status, observed, now),
    (status: CanaryReleaseStatus) => conclude(status, observed, now),
    (status: CanaryReleaseStatus) => startRelease(status, observed, now),
    (status: CanaryReleaseStatus) => hurry(status, now),
    (status: CanaryReleaseStatus) => observeWeight(status, observed, now),
    (status: CanaryReleaseStatus) => advance(status, observed, now),
    (status: CanaryReleaseStatus) => expire(status, observed, now),
    (status: CanaryReleaseStatus) => retireOthers(status, observed, now),
  ];
  const moved = transitions.reduce((status, transition) => transition(status), before);
  const summarized = summarize(withCounts(before, moved, observed), observed, now);
  const events = eventsBetween(before, summarized);
  const status = recorded(before, summarized, events, observed, now);
  const effect = nextEffect(status, observed, now);
  return {
    status,
    effect,
    events,
    requeueAt: effect === undefined ? nextLook(status, observed, now) : now,
  };
}

/**
 * New counts enter status when something happened or the old ones are stale. Until then they are read again from where
 * status left off, so nothing is lost by not writing.
 */
function withCounts(
  before: CanaryReleaseStatus,
  moved: CanaryReleaseStatus,
  observed: Observed,
): CanaryReleaseStatus {
  const { analysis } = observed;
  // Judged for the release that was in progress when the pass began: a new one has nothing of it.
  if (analysis === undefined || moved.attempt?.number !== before.attempt?.number) return moved;
  const old = moved.analysis;
  const due =
    old === undefined ||
    old.verdict !== analysis.verdict ||
    measuredIn(old) !== measuredIn(analysis) ||
    // Those that lie ahead are from before the clock was set back: counts go on from where status left off.
    Math.abs(ms(analysis.through) - ms(old.through)) >= COUNTS_EVERY_MS ||
    analysis.queriedThrough !== old.queriedThrough ||
    // Raised, given up or promoted: by these counts.
    moved.step?.weight !== before.step?.weight;
  return due ? { ...moved, analysis } : moved;
}

/** What was measured cannot be read again, and a Job begins in status: the same text as long as neither has changed. */
function measuredIn({ values = [] }: AnalysisStatus): string {
  return JSON.stringify(
    values.map(({ name, definition, verdict, measured, running, window }) => [
      name,
      definition,
      verdict,
      measured,
      running?.job,
      window?.from,
    ]),
  );
}

function nextLook(status: CanaryReleaseStatus, observed: Observed, now: number): number | undefined {
  const times: number[] = [];
  const { step, ending, candidateRevision, stableRevision } = status;
  if (candidateRevision !== undefined && stableRevision !== undefined && ending === undefined) {
    times.push(now + lookAgainMs(step, observed, now));
    if (step !== undefined) times.push(dwellEndOf(step, status, observed) ?? now);
  }
  if (ending !== undefined) times.push(latestEnd(ending, observed));
  times.push(...(status.retired ?? []).map(({ scaleDownAt }) => ms(scaleDownAt)));
  const expiry = nextExpiry(observed);
  if (expiry !== undefined) times.push(expiry);
  const future = times.filter((time) => time > now);
  return future.length === 0 ? undefined : Math.min(...future);
}

function lookAgainMs(step: StepStatus | undefined, { spec }: Observed, now: number): number {
  if (spec.analysis.source === 'prometheus') return LOOK_AT_PROMETHEUS_MS;
  return nextLookMs(step?.observedAt === undefined ? Infinity : now - ms(step.observedAt));
}
