import { type VirtualService, durationMs } from '../../../api/index.ts';
import type { Call } from '../process-client.ts';
import { isOperator, type ProcessClock } from '../process-clock.ts';
import { KEY, type ReleaseObject, imageIn } from '../truth.ts';
import type { Write } from '../true-cluster.ts';
import type { Rule, Scene } from './rule.ts';

/** So long is a release watched that is paused: it goes on being judged (ms). */
const PAUSED_MS = 20_000;
/** Between the end of all troubles and rest, beside the times of the manifest (ms). */
const GRACE_MS = 120_000;

const UNEFFECTIVE = 'the mesh has not taken the routes over';

/** `settles` and `quiet`: once nobody does anything any more, a release comes to its end, and stays there. */
export class Rest implements Rule {
  readonly #scene: Scene;
  readonly #quietMs: number;
  /** What operators sent at rest. */
  readonly #writes: string[] = [];
  #isAtRest = false;
  /** Of the VirtualService. */
  #hosts = '';
  /** True while callers have a Service to call. */
  #hasService = false;

  /** @param quietMs so long is a release watched at rest */
  constructor(scene: Scene, quietMs: number) {
    this.#scene = scene;
    this.#quietMs = quietMs;
  }

  wrote({ user, table, key, request, after }: Write): void {
    if (table === 'services' && key === KEY) this.#hasService = after !== undefined;
    if (table === 'virtualservices.networking.istio.io' && key === KEY)
      this.#hosts = (after as VirtualService | undefined)?.spec.hosts?.join() ?? '';
    if (!isOperator(user) || this.#isAside(table, request?.subresource, request?.verb)) return;
    if (this.#isAtRest) this.#writes.push(`${user} writes ${table} ${key}`);
  }

  /** What changes nothing is sent all the same. */
  sent({ isWrite, verb, type, subresource }: Call, { identity }: ProcessClock): void {
    if (!isWrite || this.#isAside(type.plural, subresource, verb)) return;
    if (this.#isAtRest) this.#writes.push(`${identity} sends ${verb} ${type.plural}`);
  }

  #isAside(table: string, subresource: string | undefined, verb: string | undefined): boolean {
    const { phase } = this.#scene.simulation.truth.status;
    // A release that is paused goes on being judged, and its counts are written.
    const isCounting = phase === 'Paused' && subresource === 'status';
    // A command that was told is cleared away after its time.
    const isCleared = table.startsWith('releasecommands') && verb === 'delete';
    return isCounting || isCleared || table.startsWith('leases') || table.startsWith('events');
  }

  /** @param second lets a second go by; false once an invariant is broken */
  async settle(second: () => Promise<boolean>): Promise<void> {
    const { simulation } = this.#scene;
    const { clock, stale } = simulation;
    const begun = clock.monotonic();
    for (;;) {
      while (this.#unsettled() !== undefined) {
        // A cache that missed something finds it out by the slow list at the latest.
        const seesAll = Math.max(begun, simulation.disturbedUntil, ...stale.map(({ to }) => to));
        if (clock.monotonic() > seesAll + this.#limitMs()) {
          const after = `${this.#limitMs() / 1000} s after the last trouble`;
          this.#scene.broken('settles', `${this.#unsettled()} ${after}`);
          return;
        }
        if (!(await second())) return;
      }
      const disturbed = simulation.disturbedUntil;
      await this.#staysQuiet(second);
      // A fault of a call that came late; or a release that was judged while it was paused.
      if (simulation.disturbedUntil === disturbed && this.#isAtRest) return;
    }
  }

  /** What is not yet as it should be. */
  #unsettled(): string | undefined {
    const { truth, mesh, stale, clock } = this.#scene.simulation;
    const { release, status } = truth;
    if (stale.some(({ to }) => to > clock.monotonic())) return 'a cache may have missed something';
    if (release === undefined) return 'there is no release';
    if (release.metadata.deletionTimestamp !== undefined) return 'the release is being deleted';
    if (!this.#scene.simulation.isCalm) return 'no operator leads';
    const { phase = 'no phase', stableRevision: stable = '' } = status;
    if (this.#isHopeless()) return undefined;
    const staying = [stable, status.candidateRevision];
    const idle = [...truth.deployments.values()].find(
      ({ revision, replicas }) => !staying.includes(revision) && replicas > 0,
    );
    if (idle !== undefined) return `${idle.name} still has ${idle.replicas} pods`;
    if (phase === 'Paused') return undefined;
    if (phase !== 'Healthy' && phase !== 'RolledBack') return `${phase}: ${status.message ?? ''}`;
    if (status.observedGeneration !== release.metadata.generation) return 'the latest manifest was not seen';
    const unanswered = [...this.#scene.memory.commands.values()].find(({ isHandled }) => !isHandled);
    if (unanswered !== undefined) return `nobody has answered the command ${unanswered.action}`;
    if (release.spec.replicas > 0) return this.#unserved(release, stable);
    return mesh.isEffective ? undefined : UNEFFECTIVE;
  }

  /** What is not yet as it should be where requests are to be served. */
  #unserved({ spec }: ReleaseObject, stable: string): string | undefined {
    const { truth, mesh } = this.#scene.simulation;
    const { replicas } = spec;
    if (JSON.stringify(truth.weights) !== JSON.stringify({ [stable]: 100 }))
      return `routes are ${JSON.stringify(truth.weights)}`;
    if (truth.subsets.join() !== stable) return `subsets are ${truth.subsets.join()}`;
    const hosts = spec.traffic.istio?.hosts.join() ?? '';
    if (this.#hosts !== hosts) return `routes are for ${this.#hosts}, not ${hosts}`;
    if (!this.#hasService) return 'there is no Service';
    const [image, wanted] = [truth.imageOf(stable), imageIn(spec)];
    if (truth.status.phase === 'Healthy' && image !== wanted) return `${image} is stable, not ${wanted}`;
    const pods = [...truth.pods.values()].filter(({ revision }) => revision === stable);
    if (pods.length !== replicas) return 'pods are being replaced';
    if (truth.ready(stable) !== replicas) return `${truth.ready(stable)} of ${replicas} pods are ready`;
    return mesh.isEffective ? undefined : UNEFFECTIVE;
  }

  /** True where no operator could bring about more: a version that stays, or is to be first, cannot stay up. */
  #isHopeless(): boolean {
    const { truth, plan } = this.#scene.simulation;
    const { stableRevision: stable, candidateRevision: candidate, paused } = truth.status;
    const staying = [stable ?? candidate, ...(paused === undefined ? [] : [candidate])];
    return staying.some((revision) => {
      const version = plan.versions[truth.imageOf(revision)];
      return version?.readyMs === null || version?.crashMs !== undefined;
    });
  }

  /** Ends early where something happens that a release may have to follow. */
  async #staysQuiet(second: () => Promise<boolean>): Promise<void> {
    const { simulation } = this.#scene;
    const { clock, truth, disturbedUntil } = simulation;
    this.#isAtRest = true;
    if (this.#isHopeless()) return;
    const isPaused = truth.status.phase === 'Paused';
    // What the last write leads to in status.
    for (let i = 0; i < 5; i++) if (!(await second())) return;
    this.#writes.length = 0;
    const end = clock.monotonic() + (isPaused ? Math.min(PAUSED_MS, this.#quietMs) : this.#quietMs);
    while (clock.monotonic() < end) {
      if (!(await second())) return;
      if (simulation.disturbedUntil !== disturbedUntil) return;
      if (isPaused && truth.status.phase !== 'Paused') {
        this.#isAtRest = false;
        return;
      }
      const unsettled = this.#unsettled();
      if (unsettled !== undefined) this.#scene.broken('settles', `does not stay at rest: ${unsettled}`);
      for (const write of this.#writes) this.#scene.broken('quiet', `at rest ${write}`);
    }
  }

  /** How long a release may take from the last trouble to its end (ms). */
  #limitMs(): number {
    const { truth } = this.#scene.simulation;
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
    return 2 * whole + GRACE_MS;
  }
}
