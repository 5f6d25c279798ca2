import type { Pod, VirtualService } from '../../api/index.ts';
import type { Clock, Timer } from '../../kube/clock.ts';
import { pods as podType, virtualServices } from '../../kube/well-known.ts';
import type { KubeObject, ResourceType } from '../../kube/types.ts';
import type { Cluster } from '../../sandbox/index.ts';
import { isReady } from '../../workloads/index.ts';
import type { Dice } from '../dice.ts';

const TICK_MS = 1000;
const REVISION = 'songbird.dev/revision';

/** How a version treats requests. */
export interface Behaviour {
  /** Share of requests that fail (0–1). */
  readonly errors: number;
}

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
 * were written, to the pods that are ready.
 */
export class Mesh {
  readonly losses: Losses = { requests: 0, failed: 0, lost: 0 };
  /** By the pod's uid. */
  readonly counted = new Map<string, Counted>();
  /** Percent by revision, as requests are sent. */
  routes: Readonly<Record<string, number>> = {};
  perSecond = 50;
  /** From a write of routes until requests follow it (ms). */
  delayMs = 0;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #behaviourOf: (revision: string) => Behaviour;
  #timer: Timer | undefined;
  #written = '';

  constructor(cluster: Cluster, clock: Clock, dice: Dice, behaviourOf: (revision: string) => Behaviour) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#dice = dice;
    this.#behaviourOf = behaviourOf;
  }

  start(): void {
    this.#timer = this.#clock.after(TICK_MS, () => {
      this.#serve();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** To be called after each write to a VirtualService. */
  routesWritten(): void {
    const routes = weightsIn(this.#objects<VirtualService>(virtualServices)[0]);
    const text = JSON.stringify(routes);
    if (text === this.#written) return;
    this.#written = text;
    this.#clock.after(this.delayMs, () => {
      // Only the latest routes are ever taken over.
      if (text === this.#written) this.routes = routes;
    });
  }

  /** Ready pods by revision. */
  readyPods(): Map<string, Pod[]> {
    const ready = this.#objects<Pod>(podType).filter((pod) => isReady(pod));
    return Map.groupBy(ready, (pod) => pod.metadata.labels?.[REVISION] ?? '');
  }

  #serve(): void {
    const ready = this.readyPods();
    for (const [revision, weight] of Object.entries(this.routes)) {
      const requests = this.#dice.poisson((this.perSecond * weight * TICK_MS) / 100_000);
      this.losses.requests += requests;
      const pods = ready.get(revision) ?? [];
      if (pods.length === 0) {
        this.losses.lost += requests;
        continue;
      }
      for (const [index, pod] of pods.entries()) {
        const share = Math.floor((requests + index) / pods.length);
        const failed = this.#dice.binomial(share, this.#behaviourOf(revision).errors);
        const counted = this.#countedBy(pod);
        counted.served += share;
        counted.failed += failed;
        this.losses.failed += failed;
      }
    }
  }

  #countedBy({ metadata: { uid = '' } }: Pod): Counted {
    let counted = this.counted.get(uid);
    if (counted === undefined) this.counted.set(uid, (counted = { served: 0, failed: 0 }));
    return counted;
  }

  #objects<T extends KubeObject>({ group, version, plural }: ResourceType): T[] {
    const result = this.#cluster.execute({ verb: 'list', group, version, plural, user: 'mesh', options: {} });
    return result.type === 'list' ? (result.list.items as KubeObject[] as T[]) : [];
  }
}

function weightsIn(service: VirtualService | undefined): Record<string, number> {
  const route = service?.spec.http?.[0]?.route ?? [];
  return Object.fromEntries(
    route.map(({ destination, weight }) => [destination.subset ?? '', weight ?? 100]),
  );
}
