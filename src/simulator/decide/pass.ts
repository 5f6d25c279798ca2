import type { CanaryReleaseStatus } from '../../api/index.ts';
import type { Effect, Observed } from '../../core/model.ts';

/** One pass, as the invariants look at it. */
export interface Pass {
  readonly observed: Observed;
  readonly before: CanaryReleaseStatus;
  readonly after: CanaryReleaseStatus;
  readonly effect: Effect | undefined;
  readonly now: number;
}

/** Fails with the name of the invariant. */
export function holds(invariant: string, condition: boolean, otherwise: string | (() => string)): void {
  if (condition) return;
  throw new Error(`${invariant}: ${typeof otherwise === 'string' ? otherwise : otherwise()}`);
}

/** True when a person orders, or ordered, to promote whatever the evidence says. */
export function isFull(pass: Pass): boolean {
  return pass.before.promotion === 'full' || isOrdered(pass, 'promoteFull') || isOrdered(pass, 'rollbackTo');
}

export function sameAttempt({ before, after }: Pass): boolean {
  return before.attempt?.number === after.attempt?.number;
}

/** True when this pass executed a command of this action. */
export function isOrdered({ observed, before, after }: Pass, action: string): boolean {
  const known = new Set(before.commands?.map(({ uid }) => uid));
  return (after.commands ?? []).some(
    ({ uid, phase }) =>
      !known.has(uid) &&
      phase === 'Executed' &&
      observed.commands.some((command) => command.uid === uid && command.spec.action === action),
  );
}

export function weightOf(observed: Observed, revision: string | undefined): number {
  return revision === undefined ? 0 : (observed.traffic.weights?.[revision] ?? 0);
}

export function readyOf(observed: Observed, revision: string): number {
  return observed.workloads[revision]?.ready ?? 0;
}
