import { type Deployment, durationMs, LABELS, type VirtualService } from '../../../api/index.ts';
import { isOperator } from '../process-clock.ts';
import { isBegun } from '../../../core/steps.ts';
import { KEY, type Weights, weightsIn } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import type { Rule, Scene } from './rule.ts';

/** What operators write about traffic, and about the pods behind it. */
export class RouteRules implements Rule {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  wrote(write: Write): void {
    if (!isOperator(write.user) || write.request?.subresource === 'status') return;
    if (write.table === 'virtualservices.networking.istio.io' && write.key === KEY) this.#routed(write);
    if (write.table === 'destinationrules.networking.istio.io' && write.key === KEY) this.#named(write);
    if (write.table === 'deployments.apps') this.#scaled(write);
  }

  #routed({ before, after, user, at }: Write): void {
    const { simulation, memory } = this.#scene;
    const { truth } = simulation;
    if (after === undefined) {
      if (before !== undefined) this.#removed(weightsIn(before as VirtualService), memory.basis(user));
      return;
    }
    const route = (after as VirtualService).spec.http?.[0]?.route ?? [];
    const shares = route.map(({ weight }) => weight ?? 100);
    const sum = shares.reduce((total, weight) => total + weight, 0);
    if (sum !== 100 || !shares.every((weight) => Number.isInteger(weight) && weight > 0))
      this.#scene.broken('weights-sum', `routes ${JSON.stringify(shares)}`);
    const now = weightsIn(after as VirtualService);
    const old: Weights = before === undefined ? {} : weightsIn(before as VirtualService);
    const basis = memory.basis(user);
    // Where all requests go to subsets that there are not, none is lost by another one.
    const serves =
      before === undefined || Object.keys(old).some((revision) => truth.subsets.includes(revision));
    for (const [revision, weight] of Object.entries(now)) {
      if (weight > (old[revision] ?? 0)) this.#raised(revision, weight, old, basis);
      const missing = serves && !truth.wasNamed(revision, basis);
      if (missing && weight > (old[revision] ?? 0))
        this.#tell('no-empty-backend', `routes to ${this.#name(revision)}, which has no subset`);
    }
    this.#wanted(now, old, at, user);
  }

  /** Routes go once stable alone has traffic, where it can have it. */
  #removed(old: Weights, basis: number): void {
    const { truth } = this.#scene.simulation;
    const { stableRevision: stable } = truth.status;
    if (stable === undefined || !truth.isReadySince(stable, basis)) return;
    const [other] = Object.entries(old).find(([revision]) => revision !== stable) ?? [];
    if (other !== undefined)
      this.#tell('abort-first', `takes the routes away while ${this.#name(other)} has ${old[other] ?? 0}%`);
  }

  /** Who gains traffic can serve it, or nobody can. */
  #raised(revision: string, weight: number, old: Weights, basis: number): void {
    const { truth } = this.#scene.simulation;
    const nobodyIsTo = truth.specsSince(basis).some(({ replicas }) => replicas === 0);
    const othersServe = Object.keys(old).every((other) => truth.isReadySince(other, basis))
      ? Object.keys(old).length > 0
      : false;
    if (truth.wasReady(revision, basis) || nobodyIsTo) return;
    const isCandidate = revision === truth.status.candidateRevision;
    if (othersServe || isCandidate)
      this.#tell('no-empty-backend', `gives ${this.#name(revision)} ${weight}% while it has no ready pod`);
  }

  /** After a release was given up its candidate only loses traffic; and nobody else ever gains any. */
  #wanted(now: Weights, old: Weights, at: number, user: string): void {
    const { simulation, memory } = this.#scene;
    const { candidateRevision: candidate, stableRevision: stable } = simulation.truth.status;
    const isGivenUp = memory.endedAt !== undefined && memory.endedAt <= memory.decidedAt(user);
    for (const [revision, weight] of Object.entries(now)) {
      if (revision === stable || stable === undefined) continue;
      if (revision === candidate && isGivenUp)
        this.#tell('abort-first', `gives ${this.#name(revision)} ${weight}% after it was given up`);
      // Decided before somebody else wrote the status that it goes by.
      const inFlight = memory.decidedAt(user) < at - 1 && weight <= (old[revision] ?? 0);
      if (revision !== candidate && !inFlight)
        this.#tell('abort-first', `gives ${this.#name(revision)} ${weight}%, which nobody wants`);
      if (memory.rejected.has(revision) && weight > (old[revision] ?? 0))
        this.#tell('monotone-after-fail', `gives ${this.#name(revision)} ${weight}%, which was rolled back`);
    }
    const isDeleted = simulation.truth.release?.metadata.deletionTimestamp !== undefined;
    if (candidate !== undefined && !isGivenUp && !isDeleted) this.#ordered(candidate, now, old, user);
  }

  /** A candidate has what its step says: the status comes first, and what was reached is kept. */
  #ordered(candidate: string, now: Weights, old: Weights, user: string): void {
    const { simulation, memory } = this.#scene;
    const { truth } = simulation;
    const { stableRevision: stable, step, paused, promotion } = truth.status;
    if (stable === undefined || step === undefined) return;
    const [had, has] = [old[candidate] ?? 0, now[candidate] ?? 0];
    const basis = memory.basis(user);
    const standsIn = has === 100 && this.#isWithout(stable, basis);
    if (has > Math.max(had, step.weight) && !standsIn)
      this.#tell('no-skip', `gives ${this.#name(candidate)} ${has}%, but the status says ${step.weight}%`);
    if (has > had && paused?.by === 'command' && !isBegun(step) && !standsIn)
      this.#tell('paused', `gives ${this.#name(candidate)} ${has}% while it is paused at ${had}%`);
    if (had === 0 && has > 0 && promotion === undefined) this.#watched(candidate, has, basis);
    this.#taken(candidate, now, old, user);
  }

  /** What was reached is taken away only from who is given up: a rollback does not wait for a status that cannot be written. */
  #taken(candidate: string, now: Weights, old: Weights, user: string): void {
    const { simulation, memory } = this.#scene;
    const { step, attempt } = simulation.truth.status;
    const [had, has] = [old[candidate] ?? 0, now[candidate] ?? 0];
    if (step === undefined || memory.givenUpBy(user) === attempt?.number) return;
    if (has < Math.min(had, step.weight) && simulation.truth.isReadySince(candidate, memory.basis(user)))
      this.#tell(
        'no-skip',
        `takes ${this.#name(candidate)} from ${had}% to ${has}%, but its step is ${step.weight}%`,
      );
  }

  /** True where stable may have had no pod of its own: those of a baseline are none that it could be left with. */
  #isWithout(stable: string, basis: number): boolean {
    const { truth } = this.#scene.simulation;
    const mayBeBaseline = truth.specsSince(basis).some(({ analysis }) => analysis.freshBaseline);
    return mayBeBaseline || !truth.isReadySince(stable, basis);
  }

  /** Nobody meets a candidate that no proxy tells of. */
  #watched(candidate: string, weight: number, basis: number): void {
    const { simulation, memory } = this.#scene;
    // Whatever source is asked, the same is wrong with all of them.
    const { silentSince = Infinity } = simulation.proxies.faults;
    if (silentSince < Math.min(memory.begunAt, basis))
      this.#tell(
        'no-data-no-promotion',
        `gives ${this.#name(candidate)} ${weight}%, and nobody can be asked`,
      );
  }

  /** Subsets go only after no route names them. */
  #named({ user }: Write): void {
    const { simulation, memory } = this.#scene;
    const { truth } = simulation;
    const known = truth.weightsSince(memory.basis(user));
    for (const [revision, weight] of Object.entries(truth.weights ?? {})) {
      const isKnown = known.every((weights) => (weights[revision] ?? 0) > 0);
      if (!truth.subsets.includes(revision) && isKnown)
        this.#tell(
          'no-empty-backend',
          `takes away the subset of ${this.#name(revision)}, which has ${weight}%`,
        );
    }
  }

  /** Pods stay while requests go to them. */
  #scaled({ before, after, user }: Write): void {
    const old = before as Deployment | undefined;
    const revision = old?.metadata.labels?.[LABELS.revision];
    if (old === undefined || revision === undefined) return;
    if (old.metadata.labels?.[LABELS.baseline] !== undefined) return;
    const left = (after as Deployment | undefined)?.spec.replicas ?? 0;
    if (left > 0 || (old.spec.replicas ?? 1) === 0) return;
    const { simulation, memory } = this.#scene;
    const { truth } = simulation;
    const basis = memory.basis(user);
    if (truth.weights === undefined || truth.specsSince(basis).some(({ replicas }) => replicas === 0)) return;
    const name = this.#name(revision);
    if (truth.weightsSince(basis).every((weights) => (weights[revision] ?? 0) > 0))
      this.#tell('no-empty-backend', `takes the pods of ${name}, which has ${truth.weightOf(revision)}%`);
    if (this.#isStillAsked(revision))
      this.#tell('no-empty-backend', `takes the pods of ${name}, to which requests still go`);
  }

  /** True where requests still go to pods of a revision that could have been waited for. */
  #isStillAsked(revision: string): boolean {
    const { truth, mesh, plan } = this.#scene.simulation;
    if (truth.release?.metadata.deletionTimestamp !== undefined) return false;
    const delayMs = Math.min(...truth.specsSince(0).map(({ scaleDownDelay }) => durationMs(scaleDownDelay)));
    // How long a mesh takes over that does not tell, nobody knows: the delay is there for that.
    const canKnow = plan.meshTells || mesh.delayMs + 2000 < delayMs;
    return canKnow && truth.ready(revision) > 0 && (mesh.routes[revision] ?? 0) > 0;
  }

  #name(revision: string): string {
    return this.#scene.simulation.truth.imageOf(revision);
  }

  #tell(invariant: Parameters<Scene['broken']>[0], sentence: string): void {
    this.#scene.broken(invariant, sentence);
  }
}
