import type { CanaryReleaseStatus, StepStatus } from '../../../api/index.ts';
import { KEY, type ReleaseObject } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import { isOperator } from '../process-clock.ts';
import type { Rule, Scene } from './rule.ts';

/** No version is given up that has failed so few requests, and no larger share of all. */
const GOOD = { failed: 3, share: 0.02 };

/** So often may a step begin anew with its whole time: first of all, and when its weight was lost. */
const MOST_RENEWALS = 4;

/** Counters that lie have requests counted again, but no more often than this. */
const MOST_TIMES = 3;

/** How one step goes on, and for what a release is given up. */
export class CourseRules implements Rule {
  readonly #scene: Scene;
  /** What the candidate had served and failed when its release began. */
  #before = { served: 0, failed: 0 };
  /** How often the deadline of a step began anew, by when the step began. */
  readonly #renewed = new Map<string, number>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  wrote({ table, key, user, before, after }: Write): void {
    if (table !== 'canaryreleases.songbird.dev' || key !== KEY || !isOperator(user)) return;
    if (before === undefined || after === undefined) return;
    const was = (before as ReleaseObject).status ?? {};
    const is = (after as ReleaseObject).status ?? {};
    if (is.attempt?.number !== was.attempt?.number) {
      this.#before = this.#counted(is.candidateRevision ?? '');
      return;
    }
    this.#counts(was, is);
    const reason = givenUpFor(was, is);
    if (reason !== undefined) this.#givenUp(reason, was);
    const isSame = is.candidateRevision === was.candidateRevision && is.step?.weight === was.step?.weight;
    if (isSame) this.#goesOn(was, is, user);
  }

  /** What was counted stays so, and is no more than what happened. */
  #counts(was: CanaryReleaseStatus, is: CanaryReleaseStatus): void {
    if (is.analysis?.revision !== was.analysis?.revision) return;
    for (const { name, candidate, stable } of is.analysis?.metrics ?? []) {
      const old = was.analysis?.metrics.find((metric) => metric.name === name);
      if (old === undefined) continue;
      const isLess = candidate.all < old.candidate.all || stable.all < old.stable.all;
      if (isLess) this.#scene.broken('fresh-evidence', `takes ${name} back that were counted`);
      const { served } = this.#counted(is.analysis?.revision ?? '');
      if (candidate.all > MOST_TIMES * served)
        this.#scene.broken(
          'fresh-evidence',
          `counts ${candidate.all} requests for ${name}, and there were ${served}`,
        );
    }
  }

  /** A step that goes on is the same one: its window and its deadline stay what they were. */
  #goesOn(was: CanaryReleaseStatus, is: CanaryReleaseStatus, user: string): void {
    const { simulation, memory } = this.#scene;
    const [old, step] = [was.step, is.step];
    if (old === undefined || step === undefined || is.ending !== undefined) return;
    const { weight } = step;
    if (step.startedAt !== old.startedAt) this.#scene.broken('no-skip', `begins ${weight}% again`);
    // Times that a clock told wrong are set right.
    if (simulation.plan.faults.some((fault) => 'at' in fault && fault.fault === 'clock')) return;
    const isResumed = was.paused !== undefined && is.paused === undefined;
    if (step.progressAt > old.progressAt && !isResumed) this.#renews(old, step);
    const spans = memory.heldSince(is.candidateRevision ?? '', memory.basis(user));
    const isOne = spans.length === 1 && spans[0]?.weight === weight && !simulation.plan.meshTells;
    const isOpen = old.observedAt !== undefined && step.observedAt !== undefined && !memory.hasGoneOn(user);
    if (isOne && isOpen && step.observedAt !== old.observedAt)
      this.#scene.broken('no-skip', `watches ${weight}% anew, though it was there all the time`);
  }

  #renews(old: StepStatus, { weight, startedAt, observedAt }: StepStatus): void {
    const times = (this.#renewed.get(startedAt) ?? 0) + 1;
    this.#renewed.set(startedAt, times);
    if (observedAt === old.observedAt || times > MOST_RENEWALS)
      this.#scene.broken('settles', `puts the deadline of ${weight}% off (${times})`);
  }

  /** For requests that failed in this release; and at the deadline only where nobody has paused it. */
  #givenUp(reason: string, was: CanaryReleaseStatus): void {
    const { candidateRevision: candidate = '' } = was;
    const name = this.#scene.simulation.truth.imageOf(candidate);
    if (was.paused !== undefined && ['ProgressDeadlineExceeded', 'Inconclusive'].includes(reason))
      this.#scene.broken('paused', `gives ${name} up at the deadline`);
    const now = this.#counted(candidate);
    const [failed, served] = [now.failed - this.#before.failed, now.served - this.#before.served];
    if (reason === 'AnalysisFailed' && failed <= Math.min(GOOD.failed, GOOD.share * served))
      this.#scene.broken(
        'fresh-evidence',
        `gives ${name} up for ${failed} of ${served} requests that failed`,
      );
  }

  /** Requests of a revision up to now. */
  #counted(revision: string): { served: number; failed: number } {
    const { mesh } = this.#scene.simulation;
    mesh.serve();
    return { served: mesh.served.get(revision) ?? 0, failed: mesh.failed.get(revision) ?? 0 };
  }
}

/** Why a release was given up by this write; one that has no traffic is over at once. */
function givenUpFor(was: CanaryReleaseStatus, is: CanaryReleaseStatus): string | undefined {
  if (was.ending !== undefined) return undefined;
  const [finished] = is.history ?? [];
  const isOver = is.candidateRevision === undefined && finished?.finishedAt !== was.history?.[0]?.finishedAt;
  return is.ending?.reason ?? (isOver && finished?.outcome === 'RolledBack' ? finished.reason : undefined);
}
