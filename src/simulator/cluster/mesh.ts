import type { Clock } from '../../kube/clock.ts';
import type { Dice } from '../dice.ts';
import type { PodFact, Truth, Weights } from './truth.ts';

/** What users met, told apart by who is to blame. */
export interface Losses {
  requests: number;
  /** Answered with an error by a version. */
  failed: number;
  /** Sent to a version that had no ready pod. */
  lost: number;
}

/** What a pod's proxy has counted since the pod began. */
export interface Counted {
  served: number;
  failed: number;
}

/**
 * The data plane: callers whose requests follow the routes as the mesh has taken them over, which is some time after they
 * were written, to the pods that are ready. Requests are drawn for a whole stretch in which nothing changed, at its end.
 */
export class Mesh {
  readonly losses: Losses = { requests: 0, failed: 0, lost: 0 };
  /** By the pod's uid. */
  readonly counted = new Map<string, Counted>();
  /** Requests served, by revision; and those of them that the version failed. */
  readonly served = new Map<string, number>();
  readonly failed = new Map<string, number>();
  /** Percent by revision, as requests are sent. */
  routes: Weights = {};
  /** When the routes became what they are (ms). */
  routedAt = 0;
  perSecond = 50;
  /** From a write of routes until requests follow it (ms). */
  delayMs = 0;
  readonly #truth: Truth;
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #errorsOf: (revision: string) => number;
  readonly #effective: () => void;
  #servedThrough: number;
  #written = '{}';

  /**
   * @param errorsOf share of requests (0–1) that a revision fails
   * @param effective told when the latest routes are followed
   */
  constructor(
    truth: Truth,
    clock: Clock,
    dice: Dice,
    errorsOf: (revision: string) => number,
    effective: () => void,
  ) {
    this.#truth = truth;
    this.#clock = clock;
    this.#dice = dice;
    this.#errorsOf = errorsOf;
    this.#effective = effective;
    this.#servedThrough = clock.monotonic();
    truth.beforePods = () => {
      this.serve();
    };
  }

  /** To be called after each write to a VirtualService. */
  routesWritten(): void {
    const routes = this.#truth.weights ?? {};
    const text = JSON.stringify(routes);
    this.#written = text;
    const take = () => {
      // Only the latest routes are ever taken over.
      if (text !== this.#written) return;
      if (JSON.stringify(this.routes) !== text) {
        this.serve();
        this.routes = routes;
        this.routedAt = this.#clock.monotonic();
      }
      this.#effective();
    };
    if (this.delayMs === 0) take();
    else this.#clock.after(this.delayMs, take);
  }

  /** True when requests follow the VirtualService as it is. */
  get isEffective(): boolean {
    return JSON.stringify(this.routes) === this.#written;
  }

  /** Serves the requests of the time since the last call. */
  serve(): void {
    const now = this.#clock.monotonic();
    const seconds = (now - this.#servedThrough) / 1000;
    if (seconds <= 0) return;
    this.#servedThrough = now;
    for (const [revision, weight] of Object.entries(this.routes)) {
      const requests = this.#dice.poisson((this.perSecond * weight * seconds) / 100);
      this.losses.requests += requests;
      const pods = [...this.#truth.pods.values()].filter((pod) => pod.revision === revision && pod.ready);
      if (pods.length === 0) this.losses.lost += requests;
      else this.#spread(revision, pods, requests);
    }
  }

  #spread(revision: string, pods: readonly PodFact[], requests: number): void {
    const errors = this.#errorsOf(revision);
    this.served.set(revision, (this.served.get(revision) ?? 0) + requests);
    for (const [index, { uid }] of pods.entries()) {
      const share = Math.floor((requests + index) / pods.length);
      const failed = this.#dice.binomial(share, errors);
      let counted = this.counted.get(uid);
      if (counted === undefined) this.counted.set(uid, (counted = { served: 0, failed: 0 }));
      counted.served += share;
      counted.failed += failed;
      this.losses.failed += failed;
      this.failed.set(revision, (this.failed.get(revision) ?? 0) + failed);
    }
  }
}
