import { durationMs } from '../../../api/index.ts';
import { endOfTroubles } from '../plan.ts';
import type { Write } from '../true-cluster.ts';
import { type Rule, type Scene, isOperator } from './rule.ts';

/** So long is a release watched at rest (ms). */
const QUIET_MS = 180_000;
/** Between the end of all troubles and rest, beside the times of the manifest (ms). */
const GRACE_MS = 120_000;
/** A lost event is found out by the slow list (ms). */
const RELIST_MS = 31 * 60_000;

/** `settles` and `quiet`: once nobody does anything any more, a release comes to its end, and stays there. */
export class Rest implements Rule {
  readonly #scene: Scene;
  #wrote: string | undefined;
  #isAtRest = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  wrote({ user, table, key, request }: Write): void {
    const { phase } = this.#scene.simulation.truth.status;
    // A release that is paused goes on being judged, and its counts are written.
    const isCounting = phase === 'Paused' && request?.subresource === 'status';
    const isAside = isCounting || table.startsWith('leases') || table.startsWith('events');
    if (this.#isAtRest && isOperator(user) && !isAside) this.#wrote ??= `${user} writes ${table} ${key}`;
  }

  /** @param second lets a second go by; false once an invariant is broken */
  async settle(second: () => Promise<boolean>): Promise<void> {
    const { simulation } = this.#scene;
    const limit = simulation.clock.monotonic() + this.#limitMs();
    while (this.#unsettled() !== undefined) {
      if (simulation.clock.monotonic() > limit) {
        this.#scene.broken(
          'settles',
          `${this.#unsettled()} ${this.#limitMs() / 1000} s after the last trouble`,
        );
        return;
      }
      if (!(await second())) return;
    }
    await this.#staysQuiet(second);
  }

  /** What is not yet as it should be. */
  #unsettled(): string | undefined {
    const { truth, mesh } = this.#scene.simulation;
    const { release, status } = truth;
    if (release === undefined) return 'there is no release';
    const { phase = 'no phase', stableRevision: stable = '' } = status;
    if (this.#isHopeless()) return undefined;
    if (phase === 'Paused') return undefined;
    if (phase !== 'Healthy' && phase !== 'RolledBack') return `${phase}: ${status.message ?? ''}`;
    if (status.observedGeneration !== release.metadata.generation) return 'the latest manifest was not seen';
    if (release.spec.replicas > 0) {
      if (JSON.stringify(truth.weights) !== JSON.stringify({ [stable]: 100 }))
        return `routes are ${JSON.stringify(truth.weights)}`;
      if (truth.subsets.join() !== stable) return `subsets are ${truth.subsets.join()}`;
      if (truth.ready(stable) !== release.spec.replicas)
        return `${truth.ready(stable)} of ${release.spec.replicas} pods are ready`;
    }
    if (!mesh.isEffective) return 'the mesh has not taken the routes over';
    const idle = [...truth.deployments.values()].find(
      ({ revision, replicas }) => revision !== stable && replicas > 0,
    );
    if (idle !== undefined) return `${idle.name} still has ${idle.replicas} pods`;
    return undefined;
  }

  /** True where no operator could bring about more: what serves, or is to serve first, cannot stay up. */
  #isHopeless(): boolean {
    const { truth, plan } = this.#scene.simulation;
    const { stableRevision, candidateRevision } = truth.status;
    const version = plan.versions[truth.imageOf(stableRevision ?? candidateRevision)];
    return version?.readyMs === null || version?.crashMs !== undefined;
  }

  async #staysQuiet(second: () => Promise<boolean>): Promise<void> {
    // What the last write leads to in status.
    for (let i = 0; i < 5; i++) if (!(await second())) return;
    if (this.#isHopeless()) return;
    this.#isAtRest = true;
    const { simulation } = this.#scene;
    const end = simulation.clock.monotonic() + QUIET_MS;
    while (simulation.clock.monotonic() < end) {
      if (!(await second())) return;
      const unsettled = this.#unsettled();
      if (unsettled !== undefined) this.#scene.broken('settles', `does not stay at rest: ${unsettled}`);
      if (this.#wrote !== undefined) this.#scene.broken('quiet', `at rest ${this.#wrote}`);
    }
  }

  /** How long a release may take from the last trouble to its end (ms). */
  #limitMs(): number {
    const { truth, plan } = this.#scene.simulation;
    const specs = truth.specsSince(0);
    const whole = Math.max(
      0,
      ...specs.map(({ steps, progressDeadline, scaleDownDelay }) => {
        const dwell = steps.reduce(
          (sum, step) => sum + (step.for === undefined ? 0 : durationMs(step.for)),
          0,
        );
        return 2 * dwell + (steps.length + 2) * durationMs(progressDeadline) + durationMs(scaleDownDelay);
      }),
    );
    const isBlind = this.#scene.simulation.stale.some(({ to }) => to > endOfTroubles(plan) + GRACE_MS);
    return 2 * whole + GRACE_MS + (isBlind ? RELIST_MS : 0);
  }
}
