import { isBegun, podsFor } from '../../../core/steps.ts';
import { asksPrometheus } from '../plan.ts';
import { imageIn } from '../truth.ts';
import type { Rule, Scene } from './rule.ts';

/** From a decision that traffic must leave to the write, with nothing in the way (ms). */
const AT_ONCE_MS = 2500;
/** After a fault operators come back within this (ms): the longest backoff, and one more look. */
const RECOVER_MS = 10_000;
/** Routes that somebody changed are as they should be within this (ms). */
const REPAIRED_MS = 2500;
/** A version that fails this share of its requests, so many of them, and so many times stable's share, is given up within this (ms). */
const EVIDENT = { share: 0.25, failed: 200, timesStable: 3, withinMs: 10_000 };

/** So much later a Prometheus tells of it (ms): by two scrapes, and the looks at it. */
const SCRAPED_MS = 15_000;
/** A pass may wait so long (ms) for a status that hangs before the next one begins. */
const HANGING_MS = 2500;

/** What must happen soon when nothing holds the operator up. */
export class TimelyRules implements Rule {
  readonly #scene: Scene;
  readonly #since = new Map<string, number>();
  #hinderedAt = 0;
  /** What the candidate had served and failed when its release began. */
  #begun = { attempt: 0, served: 0, failed: 0 };

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  tick(): void {
    const { simulation, memory } = this.#scene;
    const { truth, clock } = simulation;
    const { candidateRevision: candidate, stableRevision: stable } = truth.status;
    if (!simulation.canRollBack) this.#hinderedAt = clock.monotonic();
    const weight = truth.weightOf(candidate);
    const mayLeave = weight > 0 && stable !== undefined && truth.ready(stable) > 0;
    const name = truth.imageOf(candidate);
    if (this.#lasts('abort', mayLeave && this.#isGivenUp()))
      this.#scene.broken('abort-first', `${name} was given up and still has ${weight}%`);
    if (this.#lasts('empty', mayLeave && truth.ready(candidate) === 0))
      this.#scene.broken('no-empty-backend', `${name} has no ready pod and still has ${weight}%`);
    if (this.#lasts('drift', this.#drifts(), REPAIRED_MS))
      this.#scene.broken(
        'settles',
        `${name} has ${weight}%, not the ${truth.status.step?.weight}% of its step`,
      );
    const isOut = memory.endedAt === undefined && this.#isOut();
    if (this.#lasts('out', mayLeave && isOut))
      this.#scene.broken('abort-first', `${name} is not the template's and still has ${weight}%`);
    const fails = mayLeave && memory.endedAt === undefined && this.#fails();
    const toldLater = asksPrometheus(simulation.plan) ? SCRAPED_MS : 0;
    if (this.#lasts('fails', fails, EVIDENT.withinMs + toldLater))
      this.#scene.broken('abort-first', `${name} fails request after request and still has ${weight}%`);
  }

  /** True once the status says so, or the leader's last pass, or the order of a person. */
  #isGivenUp(): boolean {
    const { simulation, memory } = this.#scene;
    const { candidateRevision: candidate, attempt } = simulation.truth.status;
    const givenUp = memory.givenUpBy(simulation.leader?.clock.identity);
    const isAborted = [...memory.commands.values()].some(
      ({ action, revision, isHandled }) => action === 'abort' && revision === candidate && !isHandled,
    );
    return (
      memory.endedAt !== undefined || isAborted || (givenUp !== undefined && attempt?.number === givenUp)
    );
  }

  /** True while a weight that was there once is another one, though nothing speaks against it. */
  #drifts(): boolean {
    const { truth, plan, proxies, network, clock } = this.#scene.simulation;
    const { step, ending, candidateRevision, stableRevision, paused } = truth.status;
    const { release } = truth;
    // What raises a weight waits for its status.
    if (clock.monotonic() < network.statusHeldUntil) return false;
    if (step === undefined || ending !== undefined || release === undefined || stableRevision === undefined)
      return false;
    const { replicas, analysis } = release.spec;
    const isStaffed =
      truth.ready(candidateRevision) >= podsFor(step.weight, replicas) &&
      truth.ready(stableRevision) >= replicas;
    const isSound =
      proxies.faults.soundSince !== undefined && !plan.edits.some(({ edit }) => edit === 'mistake');
    const isFree = paused === undefined && analysis.freshBaseline !== true;
    // Routes to subsets that there are not lose requests, and somebody else's DestinationRule has none of the release's.
    const isNamed = [candidateRevision, stableRevision].every((it) => truth.subsets.includes(it ?? ''));
    const isOther = truth.weightOf(candidateRevision) !== step.weight;
    return isBegun(step) && isStaffed && isSound && isFree && isNamed && isOther;
  }

  /** True while the manifest asks for another version than the candidate. */
  #isOut(): boolean {
    const { truth } = this.#scene.simulation;
    const { attempt, candidateRevision } = truth.status;
    if (truth.release === undefined || attempt?.returning === true) return false;
    return imageIn(truth.release.spec) !== truth.imageOf(candidateRevision);
  }

  /** True while everyone who looks sees that the candidate fails and stable does not, and nobody has ordered to promote it all the same. */
  #fails(): boolean {
    const { truth, mesh, proxies, clock } = this.#scene.simulation;
    const {
      candidateRevision: candidate = '',
      stableRevision: stable = '',
      attempt,
      promotion,
    } = truth.status;
    mesh.serve();
    const [served, failed] = [mesh.served.get(candidate) ?? 0, mesh.failed.get(candidate) ?? 0];
    const { number = 0 } = attempt ?? {};
    if (this.#begun.attempt !== number) this.#begun = { attempt: number, served, failed };
    const own = { served: served - this.#begun.served, failed: failed - this.#begun.failed };
    const ofStable = (mesh.failed.get(stable) ?? 0) / Math.max(1, mesh.served.get(stable) ?? 0);
    const isWorse = own.failed >= EVIDENT.timesStable * ofStable * own.served;
    const isEvident = own.failed >= EVIDENT.failed && own.failed >= EVIDENT.share * own.served && isWorse;
    const { soundSince = Infinity } = proxies.faults;
    return isEvident && promotion !== 'full' && clock.monotonic() >= soundSince + RECOVER_MS;
  }

  /** True when this has been so for longer than an operator needs that nothing holds up. */
  #lasts(what: string, isSo: boolean, withinMs = 0): boolean {
    const { simulation } = this.#scene;
    const now = simulation.clock.monotonic();
    if (!isSo) {
      this.#since.delete(what);
      return false;
    }
    const since = this.#since.get(what) ?? now;
    this.#since.set(what, since);
    const calm = this.#hinderedAt + RECOVER_MS;
    const hanging = simulation.network.statusFaults.includes('timeout') ? HANGING_MS : 0;
    const slack = AT_ONCE_MS + withinMs + hanging + 10 * simulation.plan.latencyMs;
    return now - Math.max(since, calm) > slack;
  }
}
