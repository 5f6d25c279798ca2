import { type CanaryReleaseSpec, type CanaryReleaseStatus } from '../../../api/index.ts';
import { LATEST_MS } from '../../../core/window.ts';
import { dwellMs, stepAfter } from '../../../core/steps.ts';
import { isOperator } from '../process-clock.ts';
import { KEY, type ReleaseObject } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import type { Rule, Scene } from './rule.ts';

/** Clocks of the cluster's parts agree within this, and times in status are whole ms. */
const TOLERANCE_MS = 50;

/** One write to the status of the release. */
interface Turn {
  readonly was: CanaryReleaseStatus;
  readonly is: CanaryReleaseStatus;
  readonly user: string;
  readonly specs: readonly CanaryReleaseSpec[];
}

/** What operators write about how far a release has come: held against what there really was. */
export class ProgressRules implements Rule {
  readonly #scene: Scene;
  /** The step that the command promote was for. */
  #promoted: { attempt: number | undefined; weight: number | undefined } = { attempt: -1, weight: -1 };

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  wrote({ table, key, user, before, after }: Write): void {
    if (table !== 'canaryreleases.songbird.dev' || key !== KEY || !isOperator(user)) return;
    if (before === undefined || after === undefined) return;
    const was = (before as ReleaseObject).status ?? {};
    const is = (after as ReleaseObject).status ?? {};
    const { simulation, memory } = this.#scene;
    const specs = simulation.truth.specsSince(memory.basis(user));
    const turn = { was, is, user, specs };
    if (this.#isOrdered(turn, 'promote'))
      this.#promoted = { attempt: is.attempt?.number, weight: was.step?.weight };
    this.#turned(turn);
  }

  #turned(turn: Turn): void {
    const { was, is } = turn;
    const isNew = is.attempt?.number !== was.attempt?.number;
    if (isNew) this.#begun(turn);
    // Several passes in one write: each of them was looked at by itself.
    if (this.#scene.memory.hasGoneOn(turn.user)) return;
    if (!isNew && is.candidateRevision !== undefined && is.candidateRevision === was.candidateRevision)
      this.#moved(turn);
    if (is.stableRevision !== was.stableRevision && was.stableRevision !== undefined) this.#replaced(turn);
    if (was.ending !== undefined && is.attempt?.number === was.attempt?.number) {
      const kept = is.candidateRevision === undefined || is.ending?.at === was.ending.at;
      if (!kept) this.#scene.broken('monotone-after-fail', 'a release that was given up goes on');
    }
  }

  #begun({ was, is, specs, user }: Turn): void {
    const { memory } = this.#scene;
    const [old, number] = [was.attempt?.number ?? 0, is.attempt?.number ?? 0];
    const between = Array.from({ length: Math.max(0, number - old - 1) }, (_, i) => old + 1 + i);
    if (number <= old || !between.every((attempt) => memory.hasDecided(user, attempt)))
      this.#scene.broken('no-skip', `attempt ${is.attempt?.number} follows ${was.attempt?.number}`);
    const { candidateRevision: candidate, step, stableRevision } = is;
    if (candidate === undefined || step === undefined) return;
    const returning = is.attempt?.returning === true;
    const firsts =
      returning || stableRevision === undefined ? [100] : specs.map(({ steps }) => steps[0]?.weight ?? 100);
    if (!firsts.includes(step.weight))
      this.#scene.broken('no-skip', `a release begins at ${step.weight}%, not at ${firsts.join()}%`);
    if (memory.rejected.has(candidate) && !returning && was.stableRevision !== undefined)
      this.#scene.broken(
        'monotone-after-fail',
        `${this.#scene.simulation.truth.imageOf(candidate)} goes out again by itself (${user})`,
      );
  }

  #moved(turn: Turn): void {
    const { was, is, specs } = turn;
    const [from, to] = [was.step?.weight ?? 0, is.step?.weight ?? 0];
    if (to < from && is.ending === undefined)
      this.#scene.broken('no-skip', `goes back from ${from}% to ${to}%`);
    if (to > from) {
      const nexts = specs.map(({ steps }) => stepAfter(steps, from)?.weight ?? 100);
      if (!nexts.includes(to) && !(to === 100 && this.#isFull(turn)))
        this.#scene.broken('no-skip', `goes from ${from}% to ${to}%, but the next step is ${nexts.join()}%`);
      this.#passed(turn, from);
    }
  }

  #replaced(turn: Turn): void {
    const { was, is } = turn;
    if (this.#isFull(turn)) return;
    if (is.stableRevision !== was.candidateRevision || was.step?.weight !== 100) {
      this.#scene.broken('no-skip', `promotes ${is.stableRevision} at ${was.step?.weight}%`);
      return;
    }
    this.#passed(turn, 100);
  }

  /** The weight was there for its time, the version was asked often enough, and all of it could be seen. */
  #passed(turn: Turn, weight: number): void {
    if (this.#isFull(turn)) return;
    // The command promote passes one step.
    if (this.#promoted.attempt === turn.was.attempt?.number && this.#promoted.weight === weight) return;
    const { was, user, specs } = turn;
    const { simulation, memory } = this.#scene;
    const { mesh } = simulation;
    const candidate = was.candidateRevision ?? '';
    if (was.stableRevision === undefined) return;
    const decided = memory.decidedAt(user);
    const spans = memory
      .heldSince(candidate, memory.basis(user))
      .filter((span) => span.weight === weight || span.standsIn);
    const [first] = spans;
    if (first === undefined) {
      this.#scene.broken('fresh-evidence', `goes on from ${weight}%, which it never had`);
      return;
    }
    this.#watched(turn, weight, spans);
    const early = isEarly(specs);
    const dwell = early ? 0 : Math.min(...specs.map((spec) => dwellMs(spec, weight)));
    mesh.serve();
    const served = (mesh.served.get(candidate) ?? 0) - first.served;
    const least = Math.min(...specs.map(({ analysis }) => analysis.minRequests));
    if (served < least && !this.#isDeceived())
      this.#scene.broken('fresh-evidence', `goes on from ${weight}% after ${served} of ${least} requests`);
    // Whoever was asked for what the pass saw: the manifest may name another one since.
    const sources = new Set(specs.map(({ analysis }) => analysis.source));
    const told = [...sources].map((source) => {
      const needed = early ? decided - LATEST_MS[source] : first.since + dwell;
      const { soundThrough } = simulation[source].faults;
      return { source, isEnough: soundThrough >= needed - 1000, silentMs: decided - soundThrough };
    });
    if (!told.some(({ isEnough }) => isEnough))
      for (const { source, silentMs } of told)
        this.#scene.broken(
          'no-data-no-promotion',
          `goes on from ${weight}%, but the ${source} told nothing for the last ${silentMs} ms`,
        );
    this.#measured(turn, weight, first.since);
    if (was.paused !== undefined && !['resume', 'promote'].some((action) => this.#isOrdered(turn, action)))
      this.#scene.broken('paused', `goes on from ${weight}% without an order`);
  }

  /** It was there, and somebody there to see it, for the time of its step. */
  #watched({ specs, user }: Turn, weight: number, spans: readonly { readonly since: number }[]): void {
    const { simulation, memory } = this.#scene;
    const { mesh, plan } = simulation;
    if (isEarly(specs)) return;
    const dwell = Math.min(...specs.map((spec) => dwellMs(spec, weight)));
    const decided = memory.decidedAt(user);
    const { since = decided } = spans[0] ?? {};
    const held = decided - since;
    // A Prometheus goes on counting when no operator is there.
    const keeps = specs.some(({ analysis }) => analysis.source === 'prometheus');
    const unwatched = keeps ? 0 : memory.unwatched(since, decided);
    if (held - unwatched < dwell - TOLERANCE_MS)
      this.#scene.broken(
        'fresh-evidence',
        `goes on from ${weight}% after ${held} ms of ${dwell} ms, for ${unwatched} of which no operator was there`,
      );
    const effective = decided - mesh.routedAt;
    if (plan.meshTells && spans.length === 1 && mesh.isEffective && effective < dwell - TOLERANCE_MS)
      this.#scene.broken(
        'fresh-evidence',
        `goes on from ${weight}% ${effective} ms after the mesh took it over, not ${dwell} ms`,
      );
  }

  /** A metric of the release's own was measured as often as a step needs. */
  #measured({ was, specs }: Turn, weight: number, since: number): void {
    const told = this.#scene.simulation.monitor.toldSince(was.candidateRevision ?? '', since);
    const needed = specs.map(({ analysis: { metrics = [] } }) =>
      Math.max(0, ...metrics.map(({ count = 1 }) => count)),
    );
    const least = Math.min(...needed);
    if (told < least)
      this.#scene.broken(
        'no-data-no-promotion',
        `goes on from ${weight}% with ${told} of ${least} measurements of its own`,
      );
  }

  /** Proxies that lie may have been believed. */
  #isDeceived(): boolean {
    const { faults } = this.#scene.simulation.plan;
    return faults.some((fault) => 'at' in fault && fault.fault === 'telemetry' && fault.kind === 'wrong');
  }

  #isFull(turn: Turn): boolean {
    const { was, is } = turn;
    if (was.promotion === 'full' || is.attempt?.returning === true || was.attempt?.returning === true)
      return true;
    return this.#isOrdered(turn, 'promoteFull') || this.#isOrdered(turn, 'rollbackTo');
  }

  /** True when this write executes such a command. */
  #isOrdered({ was, is }: Turn, action: string): boolean {
    const known = new Set(was.commands?.map(({ uid }) => uid));
    return (is.commands ?? []).some(
      ({ uid, phase }) =>
        !known.has(uid) && phase === 'Executed' && this.#scene.memory.commands.get(uid)?.action === action,
    );
  }
}

/** True where steps may be left before their time. */
function isEarly(specs: readonly CanaryReleaseSpec[]): boolean {
  return specs.some(({ analysis }) => analysis.advance === 'onEvidence');
}
