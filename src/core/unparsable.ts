import type { CanaryReleaseStatus, Condition, Problem } from '../api/index.ts';
import { iso } from './model.ts';

/**
 * The status of an object whose spec cannot be understood: stalled, and everything that was known kept, so that traffic
 * and workloads stay as they are until the manifest is mended.
 */
export function stalledStatus(
  status: CanaryReleaseStatus,
  problems: readonly Problem[],
  generation: number,
  now: number,
): CanaryReleaseStatus {
  const message = problems.map((problem) => problem.message).join('; ');
  const reason = problems[0]?.reason ?? 'InvalidSpec';
  const conditions = (['Ready', 'Stalled'] as const).map((type): Condition => {
    const value = type === 'Ready' ? 'False' : 'True';
    const old = status.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === value ? old.lastTransitionTime : iso(now);
    return { type, status: value, reason, message, lastTransitionTime, observedGeneration: generation };
  });
  return { ...status, observedGeneration: generation, message, conditions };
}
