import { isDeepStrictEqual } from 'node:util';
import type { CanaryReleaseStatus, Condition } from '../../api/index.ts';
import { checkBaseline, checkBaselineGoes, isCompared } from './baseline-invariants.ts';
import type { Decision, Effect, Observed } from '../../core/model.ts';
import { ms } from '../../core/model.ts';
import { LATEST_MS } from '../../core/window.ts';
import { unreadable } from './readable.ts';
import { checkStandIn, isStandIn } from './stand-in-invariants.ts';
import { dwellMs, podsFor, stepAfter } from '../../core/steps.ts';

/** One pass, as the rules below look at it. */
export interface Pass {
  readonly observed: Observed;
  readonly before: CanaryReleaseStatus;
  readonly after: CanaryReleaseStatus;
  readonly effect: Effect | undefined;
  readonly now: number;
}

/** A weight that passes have seen without a break. */
interface Held {
  readonly revision: string;
  readonly weight: number;
  readonly since: number;
}

type Route = Extract<Effect, { kind: 'route' }>;

/**
 * The design's invariants, checked at every pass of a world from what the pass saw and decided. Keeps its own memory of
 * what was observed, so that it need not believe what status says.
 */
export class Invariants {
  #held: Held | undefined;
  /** A template that failed: only the command retry, or another template, may bring its revision out again. */
  #rejected: string | undefined;

  /** @param known what was seen before the first pass */
  constructor(known: { held?: Held | undefined; rejected?: string | undefined } = {}) {
    this.#held = known.held;
    this.#rejected = known.rejected;
  }

  /** @throws Error whose message begins with the name of the invariant that the pass breaks */
  check(observed: Observed, { status: after, effect, requeueAt }: Decision, now: number): void {
    const pass: Pass = { observed, before: observed.status, after, effect, now };
    this.#hold(pass);
    if (requeueAt !== undefined)
      holds('quiet', requeueAt >= now, () => `looks again at ${requeueAt}, before ${now}`);
    if (effect?.kind === 'route') checkWeights(effect);
    checkBackends(pass);
    checkStandIn(pass);
    checkBaselineGoes(pass);
    if (observed.deleting) return;
    checkStatus(pass);
    checkBadManifest(pass);
    checkAbortFirst(pass);
    checkBaseline(pass);
    this.#checkEvidence(pass);
    this.#checkRejected(pass);
  }

  /** Weights as passes see them: a window can't have begun before its weight was there. */
  #hold({ observed, before, after, now }: Pass): void {
    const revision = before.candidateRevision ?? after.candidateRevision;
    const weight = weightOf(observed, revision);
    if (revision === undefined || !observed.traffic.effective) this.#held = undefined;
    else if (this.#held?.revision !== revision || this.#held.weight !== weight || this.#held.since > now) {
      this.#held = { revision, weight, since: now };
    }
  }

  /** `fresh-evidence`, `no-data-no-promotion` and `no-skip`: how far a candidate may go in this pass. */
  #checkEvidence(pass: Pass): void {
    const { before, after, effect } = pass;
    const { candidateRevision: candidate, step } = after;
    if (candidate !== undefined) {
      if (candidate === before.candidateRevision && sameAttempt(pass)) this.#checkStep(pass);
      else checkBeginning(pass);
    }
    if (after.stableRevision !== before.stableRevision) this.#checkPromotion(pass);
    if (effect?.kind !== 'route' || candidate === undefined || after.stableRevision === undefined) return;
    const weight = effect.weights[candidate] ?? 0;
    const wanted = step?.weight ?? 0;
    const isMeant = weight <= wanted || isStandIn(pass);
    holds('fresh-evidence', isMeant, () => `routes ${weight}%, but the step is ${wanted}%`);
  }

  #checkStep(pass: Pass): void {
    const was = pass.before.step?.weight ?? 0;
    const is = pass.after.step?.weight ?? 0;
    if (is > was) this.#checkPassed(pass, was, is);
    else if (is < was)
      holds('no-skip', pass.after.ending !== undefined, () => `goes back from ${was}% to ${is}%`);
  }

  /** A step is over when its weight was held for its time, with a verdict on complete data, or when a command says so. */
  #checkPassed(pass: Pass, was: number, is: number): void {
    const { observed, before, now } = pass;
    const isSound = observed.problems.length === 0 || (isFull(pass) && is > was);
    holds('bad-manifest', isSound, () => `goes on from ${was}%`);
    const isFree =
      before.paused === undefined ||
      ['resume', 'promote', 'promoteFull', 'rollbackTo'].some((action) => isOrdered(pass, action));
    holds('paused', isFree, () => `goes on from ${was}% without an order`);
    if (isFull(pass)) {
      holds('no-skip', is === 100, () => `promoteFull goes to ${is}%`);
      return;
    }
    const next = stepAfter(observed.spec.steps, was)?.weight ?? 100;
    holds('no-skip', is === next, () => `goes from ${was}% to ${is}%, but the next step is ${next}%`);
    if (isOrdered(pass, 'promote') || before.promotion === 'step') return;
    holds('fresh-baseline', isCompared(pass, was), () => `goes on from ${was}% without its baseline`);
    const held = this.#held;
    const isObserved = held?.weight === was || (held?.weight === 100 && isStandIn(pass));
    holds('fresh-evidence', isObserved, () => `goes on from ${was}% without having observed it`);
    checkEvidence(pass, held?.since ?? now, dwellMs(observed.spec, was));
  }

  #checkPromotion(pass: Pass): void {
    const { observed, before, after } = pass;
    const stable = after.stableRevision ?? '';
    if (before.stableRevision === undefined) {
      checkFirst(pass, stable);
      return;
    }
    // A return may find all traffic there, and be over in the pass that begins it.
    const isCandidate = stable === before.candidateRevision || isOrdered(pass, 'rollbackTo');
    holds('no-skip', isCandidate, () => `${stable} becomes stable, but is not the candidate`);
    const weight = isFull(pass) ? weightOf(observed, stable) : before.step?.weight;
    holds('no-skip', weight === 100, () => `promotes at ${weight}%`);
    this.#checkPassed(pass, 100, 100);
    const staffed = readyOf(observed, stable) >= observed.spec.replicas;
    holds('no-empty-backend', staffed, 'promotes without its pods');
  }

  /** `monotone-after-fail`: a failure stays until a person or another template says otherwise. */
  #checkRejected(pass: Pass): void {
    const { observed, before, after } = pass;
    const isLost = before.stableRevision === undefined && before.candidateRevision === undefined;
    if (isLost || observed.target !== this.#rejected || isOrdered(pass, 'retry')) this.#rejected = undefined;
    const begun = after.candidateRevision !== undefined && !sameAttempt(pass);
    const returning = after.attempt?.returning === true;
    if (begun && !returning) {
      const again = after.candidateRevision === this.#rejected;
      holds(
        'monotone-after-fail',
        !again,
        () => `${this.#rejected} was rolled back and goes out again by itself`,
      );
    }
    const failed = rolledBackNow(pass);
    if (failed === observed.target && before.attempt?.returning !== true) this.#rejected = failed;
    if (returning && begun) this.#rejected = observed.target;
  }
}

/** The revision whose release this pass finished as rolled back. */
function rolledBackNow({ before, after }: Pass): string | undefined {
  const [finished] = after.history ?? [];
  if (finished?.outcome !== 'RolledBack') return undefined;
  return isDeepStrictEqual(finished, before.history?.[0]) ? undefined : finished.revision;
}

/** A release begins at its first step, as a new attempt. */
function checkBeginning({ observed, before, after }: Pass): void {
  const { step, attempt, stableRevision } = after;
  if (step === undefined || stableRevision === undefined) return;
  const first = attempt?.returning === true ? 100 : (observed.spec.steps[0]?.weight ?? 0);
  holds('no-skip', step.weight === first, () => `begins with ${step.weight}%, not ${first}%`);
  const next = (before.attempt?.number ?? 0) + 1;
  holds('no-skip', attempt?.number === next, 'a release is no new attempt');
}

/** The first stable revision: one that went out to the end, or one that was found serving. */
function checkFirst(pass: Pass, stable: string): void {
  const { observed, before } = pass;
  const { traffic, spec, target } = observed;
  const { candidateRevision, attempt, step } = before;
  if (candidateRevision === undefined || attempt === undefined || step?.weight !== 100) {
    if (spec.replicas === 0 && stable === target) return;
    const serves = traffic.weights === undefined ? readyOf(observed, stable) : weightOf(observed, stable);
    holds('no-skip', serves > 0, () => `${stable} becomes stable, but does not serve`);
    return;
  }
  // Without a stable revision another template takes the first one's place at once, and may be serving already.
  const isCandidate = stable === candidateRevision || (stable === target && !sameAttempt(pass));
  holds('no-skip', isCandidate, () => `${stable} becomes stable, but is not the candidate`);
  if (spec.replicas === 0) return;
  holds('no-skip', weightOf(observed, stable) === 100, 'the first revision is stable before it serves');
  const staffed = readyOf(observed, stable) >= spec.replicas;
  holds('no-empty-backend', staffed, 'the first one is stable before it is up');
}

/** Fails with the name of the invariant. */
export function holds(invariant: string, condition: boolean, otherwise: string | (() => string)): void {
  if (condition) return;
  throw new Error(`${invariant}: ${typeof otherwise === 'string' ? otherwise : otherwise()}`);
}

/** What kstatus says of conditions, and what a status must be to be readable after a restart. */
export function checkStatus({ observed, before, after, now }: Pass): void {
  const { conditions = [] } = after;
  const types = conditions.map(({ type }) => type);
  holds('kstatus', types.filter((type) => type === 'Ready').length === 1, 'there is not one Ready');
  holds('kstatus', new Set(types).size === types.length, () => `types repeat: ${types.join()}`);
  holds('kstatus', !(types.includes('Stalled') && types.includes('Reconciling')), 'Stalled and Reconciling');
  for (const condition of conditions) checkCondition(condition, before.conditions ?? [], observed, now);
  const ready = conditions.find(({ type }) => type === 'Ready')?.status;
  holds(
    'kstatus',
    (ready === 'False') === types.includes('Stalled'),
    () => `Ready is ${ready}, ${types.join()}`,
  );
  holds(
    'kstatus',
    (ready === 'Unknown') === types.includes('Reconciling'),
    () => `Ready is ${ready}, ${types.join()}`,
  );
  holds('kstatus', after.observedGeneration === observed.generation, 'observedGeneration of status');
  const wrong = unreadable(after);
  holds('status', wrong === undefined, wrong ?? '');
}

function checkCondition(
  { type, status, message, reason, lastTransitionTime, observedGeneration }: Condition,
  before: readonly Condition[],
  observed: Observed,
  now: number,
): void {
  holds('kstatus', type === 'Ready' || status === 'True', () => `${type} is there, but ${status}`);
  holds('kstatus', observedGeneration === observed.generation, () => `observedGeneration of ${type}`);
  holds('kstatus', message !== '' && reason !== '', () => `${type} does not say why`);
  const old = before.find((condition) => condition.type === type);
  const since = old?.status === status ? old.lastTransitionTime : new Date(now).toISOString();
  holds(
    'kstatus',
    lastTransitionTime === since,
    () => `lastTransitionTime of ${type} is ${lastTransitionTime}, not ${since}`,
  );
}

function checkWeights({ weights }: Route): void {
  const shares = Object.values(weights);
  const sum = shares.reduce((total, weight) => total + weight, 0);
  const whole = shares.every((weight) => Number.isInteger(weight) && weight > 0);
  holds('weights-sum', sum === 100 && whole, JSON.stringify(weights));
}

/** `no-empty-backend`: what gains traffic can serve it, what has traffic keeps its pods. */
function checkBackends(pass: Pass): void {
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
function checkBadManifest({ observed, after, effect }: Pass): void {
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
function checkAbortFirst(pass: Pass): void {
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

/** True when a person orders, or ordered, to promote whatever the evidence says. */
export function isFull(pass: Pass): boolean {
  return pass.before.promotion === 'full' || isOrdered(pass, 'promoteFull') || isOrdered(pass, 'rollbackTo');
}

function sameAttempt({ before, after }: Pass): boolean {
  return before.attempt?.number === after.attempt?.number;
}

/** True when this pass executed a command of this action. */
function isOrdered({ observed, before, after }: Pass, action: string): boolean {
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

/** The verdict and the data of a window that began at `since` are enough to leave a weight that is to be watched for `dwell` ms. */
function checkEvidence({ observed, before, now }: Pass, since: number, dwell: number): void {
  const { analysis } = observed;
  holds('fresh-evidence', analysis?.verdict === 'Pass', 'goes on without the verdict Pass');
  holds('fresh-evidence', analysis?.revision === before.candidateRevision, 'by the data of another');
  holds('no-data-no-promotion', observed.telemetry.state === 'readable', 'goes on without data');
  const isHarmless = analysis?.metrics.every(({ harmless }) => harmless === true) === true;
  const isThisWindow = analysis?.windowFrom === before.step?.observedAt;
  const isEarly = observed.spec.analysis.advance === 'onEvidence' && isHarmless && isThisWindow;
  // Time that nobody counted is told from the window's begin, which may lie before what was seen here.
  const from = Math.min(since, ms(analysis?.windowFrom ?? ''));
  const dwellEnd = dwell + Math.max(since, from + (analysis?.uncountedMs ?? 0));
  holds('fresh-evidence', isEarly || now >= dwellEnd, () => `goes on ${dwellEnd - now} ms before its time`);
  // Who goes on early has the data up to now but for what a source needs to tell them.
  const needed = Math.min(dwellEnd, isEarly ? now - LATEST_MS[observed.spec.analysis.source] : Infinity);
  const complete = ms(analysis?.completeThrough ?? '');
  holds('no-data-no-promotion', complete >= needed, 'goes on before the data of the window are complete');
  const compared = before.step?.weight === 100 || ms(analysis?.stableThrough ?? '') >= needed;
  holds('no-data-no-promotion', compared, 'goes on before the data of stable are complete');
}
