import { type Pass, holds, readyOf, weightOf } from './pass.ts';
import { podsFor } from '../../core/steps.ts';

/** True while a candidate that serves has to serve for stable, too, which has not the pods for its share. */
export function isStandIn({ observed, before, after }: Pass): boolean {
  const { stableRevision: stable, candidateRevision: candidate, step, ending } = after;
  const { replicas } = observed.spec;
  if (stable === undefined || candidate === undefined || step === undefined || ending !== undefined)
    return false;
  const has = weightOf(observed, candidate);
  const share = 100 - Math.min(step.weight, before.step?.weight ?? 100);
  const needed = has === 100 ? podsFor(share, replicas) : 1;
  const serves = has > 0 && readyOf(observed, candidate) > 0;
  return serves && readyOf(observed, stable) < needed && observed.problems.length === 0 && replicas > 0;
}

/** `no-empty-backend`: while a candidate can serve, nothing stays with a stable revision that has lost all its pods. */
export function checkStandIn(pass: Pass): void {
  const { observed, after, effect } = pass;
  if (observed.deleting || !isStandIn(pass)) return;
  const stable = after.stableRevision ?? '';
  const left = weightOf(observed, stable);
  const rests = effect === undefined && readyOf(observed, stable) === 0 && left > 0;
  holds('no-empty-backend', !rests, () => `leaves ${left}% with ${stable}, which has no pod`);
}
