import type { Gathered } from '../../../controllers/canary-release/observe.ts';
import type { Decision } from '../../../core/model.ts';
import type { ProcessClock } from '../process-clock.ts';
import type { Rule, Scene } from './rule.ts';

/** From a decision that traffic must leave to the write, with nothing in the way (ms). */
const AT_ONCE_MS = 2500;
/** After a fault operators come back within this (ms): the longest backoff, and one more look. */
const RECOVER_MS = 10_000;

/** What must happen soon when nothing holds the operator up. */
export class TimelyRules implements Rule {
  readonly #scene: Scene;
  readonly #since = new Map<string, number>();
  /** The attempt that the leader has given up in its last pass, whether the status could be written or not. */
  #givenUp: number | undefined;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  decided(process: ProcessClock, _: Gathered, { status }: Decision): void {
    if (this.#scene.simulation.leader?.clock !== process) return;
    this.#givenUp = status.ending === undefined ? undefined : status.attempt?.number;
  }

  tick(): void {
    const { simulation, memory } = this.#scene;
    const { truth } = simulation;
    const { candidateRevision: candidate, stableRevision: stable, attempt } = truth.status;
    const weight = truth.weightOf(candidate);
    const mayLeave = weight > 0 && stable !== undefined && truth.ready(stable) > 0;
    const isAborted = [...memory.commands.values()].some(
      ({ action, revision, isHandled }) => action === 'abort' && revision === candidate && !isHandled,
    );
    const name = truth.imageOf(candidate);
    const isGivenUp = memory.endedAt !== undefined || attempt?.number === this.#givenUp;
    if (this.#lasts('abort', mayLeave && (isGivenUp || isAborted)))
      this.#scene.broken('abort-first', `${name} was given up and still has ${weight}%`);
    if (this.#lasts('empty', mayLeave && truth.ready(candidate) === 0))
      this.#scene.broken('no-empty-backend', `${name} has no ready pod and still has ${weight}%`);
  }

  /** True when this has been so for longer than an operator needs that nothing holds up. */
  #lasts(what: string, isSo: boolean): boolean {
    const { simulation, memory } = this.#scene;
    const now = simulation.clock.monotonic();
    if (!isSo) {
      this.#since.delete(what);
      return false;
    }
    const since = this.#since.get(what) ?? now;
    this.#since.set(what, since);
    if (!simulation.isCalm) memory.disturbedAt = now;
    const calm = memory.disturbedAt + RECOVER_MS;
    const slack = AT_ONCE_MS + 10 * simulation.plan.latencyMs;
    return now - Math.max(since, calm) > slack;
  }
}
