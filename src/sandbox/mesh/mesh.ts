import { type Clock, systemClock } from '../../kube/clock.ts';
import { Informer } from '../../kube/informer.ts';
import type { ApiClient, KubeObject, ResourceType } from '../../kube/types.ts';
import * as kinds from '../../kube/well-known.ts';
import { Front } from './front.ts';
import { type DestinationRule, hasLabels, type Pod, type Service, type VirtualService } from './objects.ts';
import { Router } from './router.ts';
import type { Sidecar } from './sidecar.ts';

export interface MeshOptions {
  readonly client: ApiClient;
  /** The namespace of callers: a Host without a dot is a Service there. */
  readonly namespace: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  readonly clock?: Clock;
  /** Told of faults of the watches, which go on by themselves. */
  readonly onError: (error: unknown) => void;
}

/**
 * A small mesh: follows VirtualServices, DestinationRules, Services and Pods of all namespaces, and routes real HTTP
 * requests that come to its front by them.
 */
export class Mesh {
  /** By the uid of the pod; whoever runs a pod puts its sidecar here, and takes it out when the pod is gone. */
  readonly sidecars = new Map<string, Sidecar>();
  readonly #informers: Pick<Informer<KubeObject>, 'start' | 'whenSynced' | 'stop'>[] = [];
  readonly #pods: Informer<Pod>;
  readonly #router: Router;
  readonly #front: Front;
  readonly #options: MeshOptions;
  readonly #listeners = new Set<() => void>();
  #port = 0;

  constructor(options: MeshOptions) {
    this.#options = options;
    const virtualServices = this.#follow<VirtualService>(kinds.virtualServices);
    const destinationRules = this.#follow<DestinationRule>(kinds.destinationRules);
    const services = this.#follow<Service>(kinds.services);
    this.#pods = this.#follow<Pod>(kinds.pods);
    this.#router = new Router(
      {
        virtualServices: () => virtualServices.list(),
        destinationRules: () => destinationRules.list(),
        services: () => services.list(),
        pods: () => this.#pods.list(),
      },
      options.namespace,
    );
    this.#front = new Front(this.#router, this.sidecars, options.clock ?? systemClock);
  }

  /** Resolves when all objects are known and the front listens. */
  async start(): Promise<void> {
    for (const informer of this.#informers) informer.start();
    await Promise.all(this.#informers.map((informer) => informer.whenSynced()));
    this.#port = await this.#front.listen(this.#options.port);
  }

  /** The front's port on 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  /** Calls `listener` after every change of an object that routing is made from. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Percent of the traffic to a host by the `version` label of the pods behind each route; a subset without pods goes
   * by its own name. Empty while no VirtualService is about the host.
   */
  weights(host: string): Map<string, number> {
    const weights = new Map<string, number>();
    for (const { subset = host, labels, weight } of this.#router.shares(host)) {
      const pod = this.#pods.list().find((one) => Object.keys(labels).length > 0 && hasLabels(one, labels));
      const version = pod?.metadata.labels?.['version'] ?? subset;
      weights.set(version, (weights.get(version) ?? 0) + weight);
    }
    return weights;
  }

  /** Requests under way are answered first. */
  async close(): Promise<void> {
    await this.#front.close();
    await Promise.all(this.#informers.map((informer) => informer.stop()));
    await Promise.all([...this.sidecars.values()].map((sidecar) => sidecar.close()));
    this.sidecars.clear();
  }

  #follow<T extends KubeObject>(type: ResourceType): Informer<T> {
    const { client, clock = systemClock, onError } = this.#options;
    const changed = () => {
      this.#router.changed();
      for (const listener of this.#listeners) listener();
    };
    const informer = new Informer<T>({
      client,
      type,
      clock,
      handlers: { added: changed, updated: changed, deleted: changed },
      onError,
    });
    this.#informers.push(informer);
    return informer;
  }
}
