import { isDeepStrictEqual } from 'node:util';
import { checkBaseline, checkBaselineGoes, isCompared } from './baseline-invariants.ts';
import type { Decision, Observed } from '../../core/model.ts';
import { ms } from '../../core/model.ts';
import { LATEST_MS } from '../../core/window.ts';
import { checkStatus } from './kstatus-invariants.ts';
import { type Pass, holds, isFull, isOrdered, readyOf, sameAttempt, weightOf } from './pass.ts';
import { checkRecord } from './record-invariants.ts';
import { checkStandIn, isStandIn } from './stand-in-invariants.ts';
import { checkAbortFirst, checkBackends, checkBadManifest, checkWeights } from './traffic-invariants.ts';
import { dwellMs, stepAfter } from '../../core/steps.ts';

/** A weight that passes have seen without a break. */
interface Held {
  readonly revision: string;
  readonly weight: number;
  readonly since: number;
}

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
    checkRecord(pass);
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
