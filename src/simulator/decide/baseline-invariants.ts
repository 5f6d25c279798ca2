import { baselineName } from '../../api/index.ts';
import { type Pass, holds, isFull, readyOf, weightOf } from './pass.ts';
import type { Effect } from '../../core/model.ts';
import { podsFor } from '../../core/steps.ts';

/** `no-empty-backend`: pods that serve alone what the routes, or the Service, send to their version stay. */
export function checkBaselineGoes({ observed, effect }: Pass): void {
  if (effect?.kind !== 'deleteBaseline' || observed.spec.replicas === 0) return;
  const { revision = '', ready = 0 } = observed.baselines?.[effect.name] ?? {};
  const othersServe =
    observed.traffic.weights === undefined
      ? Object.keys(observed.workloads).some((it) => readyOf(observed, it) > 0)
      : weightOf(observed, revision) === 0 || readyOf(observed, revision) > 0;
  holds('no-empty-backend', ready === 0 || othersServe, () => `deletes ${effect.name}, which serves alone`);
}

/**
 * `fresh-baseline`: made for the release in progress alone, no larger than the candidate's share and not before it, and
 * there when the weight rises.
 */
export function checkBaseline(pass: Pass): void {
  const { observed, after, effect } = pass;
  const { candidateRevision: candidate, stableRevision: stable } = after;
  if (effect?.kind === 'applyBaseline') checkMade(pass, effect);
  if (effect?.kind === 'deleteBaseline') {
    holds('fresh-baseline', !isWanted(pass) || effect.name !== nameIn(pass), 'deleted in mid-release');
  }
  if (effect?.kind !== 'route' || candidate === undefined || stable === undefined) return;
  const given = effect.weights[candidate] ?? 0;
  const rises = given > weightOf(observed, candidate);
  holds('fresh-baseline', !rises || isCompared(pass, given), () => `rises to ${given}% without its baseline`);
}

/** True when a candidate at this weight has its baseline, or needs none. */
export function isCompared(pass: Pass, weight: number): boolean {
  const { observed, after } = pass;
  if (!isWanted(pass) || weight === 100 || after.promotion !== undefined || isFull(pass)) return true;
  const ready = observed.baselines?.[nameIn(pass)]?.ready ?? 0;
  return ready >= podsFor(weight, observed.spec.replicas);
}

function checkMade(pass: Pass, effect: Extract<Effect, { kind: 'applyBaseline' }>): void {
  const { observed, after } = pass;
  const { revision, attempt, replicas } = effect;
  const weight = after.step?.weight ?? 0;
  holds('fresh-baseline', isWanted(pass) && weight < 100, 'made for nobody');
  holds(
    'fresh-baseline',
    baselineName(observed.name, revision, attempt) === nameIn(pass),
    'made for another',
  );
  const most = podsFor(weight, observed.spec.replicas);
  holds('fresh-baseline', replicas > 0 && replicas <= most, () => `has ${replicas} pods at ${weight}%`);
  const before = observed.baselines?.[nameIn(pass)]?.replicas ?? 0;
  const isLate = replicas <= before || readyOf(observed, after.candidateRevision ?? '') >= replicas;
  holds('fresh-baseline', isLate, 'is warm before the candidate has its pods');
}

/** True while a release is in progress that wants a baseline, and there is a template to make it from. */
function isWanted({ observed, after }: Pass): boolean {
  const { candidateRevision, stableRevision = '', ending } = after;
  const isInProgress = candidateRevision !== undefined && ending === undefined;
  const canBe = observed.workloads[stableRevision] !== undefined;
  return observed.spec.analysis.freshBaseline === true && isInProgress && canBe;
}

function nameIn({ observed, after: { stableRevision = '', attempt } }: Pass): string {
  return baselineName(observed.name, stableRevision, attempt?.number ?? 0);
}
