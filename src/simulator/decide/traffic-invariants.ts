import type { Effect } from '../../core/model.ts';
import { podsFor } from '../../core/steps.ts';
import { type Pass, holds, isFull, isOrdered, readyOf, sameAttempt, weightOf } from './pass.ts';
import { isStandIn } from './stand-in-invariants.ts';

type Route = Extract<Effect, { kind: 'route' }>;

export function checkWeights({ weights }: Route): void {
  const shares = Object.values(weights);
  const sum = shares.reduce((total, weight) => total + weight, 0);
  const whole = shares.every((weight) => Number.isInteger(weight) && weight > 0);
  holds('weights-sum', sum === 100 && whole, JSON.stringify(weights));
}

/** `no-empty-backend`: what gains traffic can serve it, what has traffic keeps its pods. */
export function checkBackends(pass: Pass): void {
  const { observed, after, effect } = pass;
  const candidate = after.candidateRevision;
  const { replicas } = observed.spec;
  if (effect?.kind === 'route') {
    const someServe = Object.keys(observed.traffic.weights ?? {}).some(
      (revision) => readyOf(observed, revision) > 0,
    );
    for (const [revision, weight] of Object.entries(effect.weights)) {
      if (weight <= weightOf(observed, revision)) continue;
      const needed = revision === candidate ? podsToRise(pass, weight) : 1;
      const nobodyIsTo = replicas === 0 && revision === after.stableRevision;
      const enough =
        readyOf(observed, revision) >= needed || nobodyIsTo || (!someServe && revision !== candidate);
      holds(
        'no-empty-backend',
        enough,
        () => `${weight}% to ${revision} with ${readyOf(observed, revision)} pods`,
      );
    }
  }
  if (effect?.kind !== 'scaleDeployment' && effect?.kind !== 'deleteDeployment') return;
  const left = effect.kind === 'deleteDeployment' ? 0 : effect.replicas;
  const weight = weightOf(observed, effect.revision);
  // Nobody says which revision serves: the Service sends to all of them.
  const isLast =
    observed.traffic.weights === undefined &&
    Object.keys(observed.workloads).every((it) => it === effect.revision || readyOf(observed, it) === 0);
  const kept =
    weight === 0
      ? isLast
        ? Math.min(1, readyOf(observed, effect.revision), replicas)
        : 0
      : podsFor(weight, replicas);
  holds(
    'no-empty-backend',
    left >= kept,
    () => `${effect.revision} keeps ${left} pods for ${weight}% of the traffic`,
  );
}

/** The pods with which a candidate may have this weight: those for its share, or any, where nobody else serves. */
function podsToRise(pass: Pass, weight: number): number {
  const isAlone = pass.after.stableRevision === undefined || isStandIn(pass);
  return isAlone ? 1 : podsFor(weight, pass.observed.spec.replicas);
}

/** Traffic is never touched by a manifest that cannot work, but taken back all the same. */
export function checkBadManifest({ observed, after, effect }: Pass): void {
  if (observed.problems.length === 0 || effect === undefined) return;
  const raised =
    effect.kind === 'route' &&
    Object.entries(effect.weights).some(
      ([revision, weight]) => revision !== after.stableRevision && weight > weightOf(observed, revision),
    );
  const allowed =
    (effect.kind === 'route' && effect.weightsOnly && !raised) ||
    (effect.kind === 'scaleDeployment' && effect.revision === after.stableRevision) ||
    effect.kind === 'finishCommand' ||
    effect.kind === 'deleteCommand';
  holds('bad-manifest', allowed, () => `does ${effect.kind}`);
}

/** `abort-first`: a failed or unwanted candidate is given up in this very pass, and loses its traffic before all else. */
export function checkAbortFirst(pass: Pass): void {
  const { before, after } = pass;
  const { candidateRevision: candidate, stableRevision: stable } = before;
  if (candidate !== undefined && stable !== undefined && mustGo(pass)) {
    const gone = after.candidateRevision !== candidate || !sameAttempt(pass);
    holds('abort-first', after.ending !== undefined || gone, () => `${candidate} is not given up`);
  }
  checkUnwanted(pass);
}

/** Whoever is neither stable nor going out loses its traffic first, unless stable cannot take it and others can. */
function checkUnwanted({ observed, after, effect }: Pass): void {
  const { candidateRevision: candidate, stableRevision: stable, ending } = after;
  if (stable === undefined) return;
  const wanted = ending === undefined ? [stable, candidate] : [stable];
  const unwanted = Object.keys(observed.traffic.weights ?? {}).filter((it) => !wanted.includes(it));
  const someServe = Object.keys(observed.traffic.weights ?? {}).some((it) => readyOf(observed, it) > 0);
  const isBlocked = observed.spec.replicas > 0 && readyOf(observed, stable) === 0 && someServe;
  const isUrgent = effect?.kind === 'route' && effect.urgent;
  for (const revision of unwanted) {
    const weight = weightOf(observed, revision);
    const isDone = weight === 0 || isBlocked || isUrgent;
    holds('abort-first', isDone, () => `does ${effect?.kind} while ${revision} has ${weight}%`);
  }
  if (effect?.kind !== 'route') return;
  const given = Object.keys(effect.weights).filter((it) => !wanted.includes(it));
  holds('abort-first', given.length === 0, () => `routes to ${given.join()}, which nobody wants`);
}

/** True when the candidate failed, is no longer wanted, or was given up before. */
function mustGo(pass: Pass): boolean {
  const { observed, before } = pass;
  if (before.step === undefined) return false;
  if (before.ending !== undefined || isOrdered(pass, 'abort')) return true;
  const returning = before.attempt?.returning === true && observed.target === before.rejected?.revision;
  const isWanted = observed.target === before.candidateRevision || returning || isOrdered(pass, 'retry');
  return !isWanted || (observed.analysis?.verdict === 'Fail' && !isFull(pass));
}
