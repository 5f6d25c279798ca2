import type { CanaryReleaseSpec, Step, StepStatus } from '../api/index.ts';
import { durationMs } from '../api/index.ts';

/**
 * Steps are found by weight, never by index: weights rise strictly, so a weight names its step, and editing the list in
 * mid-release can neither skip nor repeat one.
 */

/** The step that a candidate at `weight` percent is in: the last one not above it. */
export function stepAt(steps: readonly Step[], weight: number): Step | undefined {
  return steps.findLast((step) => step.weight <= weight);
}

/** The first step above `weight` percent; undefined after the last. */
export function stepAfter(steps: readonly Step[], weight: number): Step | undefined {
  return steps.find((step) => step.weight > weight);
}

/** The step's place counted from 1; 0 for a weight before the first. */
export function stepNumber(steps: readonly Step[], weight: number): number {
  return steps.findLastIndex((step) => step.weight <= weight) + 1;
}

/** How long a candidate is to be watched at `weight` percent (ms). */
export function dwellMs({ steps }: Pick<CanaryReleaseSpec, 'steps'>, weight: number): number {
  const step = stepAt(steps, weight);
  return step?.for === undefined ? 0 : durationMs(step.for);
}

/** True once the weight of this step was observed, even if it was lost again. */
export function isBegun(step: StepStatus): boolean {
  return step.observedAt !== undefined || step.interruptions !== undefined;
}

/** Pods that a share of `weight` percent needs when all traffic needs `replicas`. */
export function podsFor(weight: number, replicas: number): number {
  return Math.ceil((replicas * weight) / 100);
}
