import { ANNOTATIONS } from '../../api/names.ts';
import { type Clock, sleep } from '../../kube/clock.ts';
import { type ApiClient, isApiError, type ObjectRef } from '../../kube/types.ts';
import { pods } from '../../kube/well-known.ts';
import { type Pod, type PodCondition, PORTS_ANNOTATION } from '../mesh/objects.ts';
import { Sidecar } from '../mesh/sidecar.ts';
import { ContainerRun } from './container.ts';

/** What a node needs of its API server: in addition, the end of a pod's grace period. */
export interface NodeClient extends ApiClient {
  delete(
    ...args: [
      type: Parameters<ApiClient['delete']>[0],
      ref: ObjectRef,
      options?: Parameters<ApiClient['delete']>[2] & { gracePeriodSeconds?: number | undefined },
    ]
  ): Promise<void>;
}

export interface PodDeps {
  readonly client: NodeClient;
  readonly clock: Clock;
  readonly nodeName: string;
  /** By the pod's uid: where its requests are counted. */
  readonly sidecars: Map<string, Sidecar>;
  /** How long a pod that is being deleted goes on answering, for the mesh to learn of it. */
  readonly drainMs: number;
  readonly onError: (error: unknown) => void;
}

const CREATION_MS = 250;

/** One pod on this node, from its creation to its end. */
export class PodRun {
  readonly #pod: Pod;
  readonly #ref: ObjectRef;
  readonly #deps: PodDeps;
  readonly #stop = new AbortController();
  readonly #containers: readonly ContainerRun[];
  #running: Promise<void> | undefined;
  #conditions: readonly PodCondition[] = [];
  #reporting: Promise<void> = Promise.resolve();
  #reportWanted = false;
  #ending: Promise<void> | undefined;

  constructor(pod: Pod, deps: PodDeps) {
    this.#pod = pod;
    this.#ref = { namespace: pod.metadata.namespace, name: pod.metadata.name };
    this.#deps = deps;
    const changed = () => {
      this.#report();
    };
    const { client, clock } = deps;
    this.#containers = (pod.spec?.containers ?? []).map(
      (container) => new ContainerRun(pod, container, { client, clock, changed }),
    );
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#deps.onError(error);
    });
  }

  /** The pod's deletion was asked for: it answers on for a while, ends, and is gone from the API server. */
  terminate(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** Ends it at once: the pod object is gone, or the node goes down. */
  async kill(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#containers.map((container) => container.close()));
    await this.#reporting;
    await this.#removeSidecar();
  }

  async #run(): Promise<void> {
    const { client, clock, nodeName, sidecars } = this.#deps;
    const { signal } = this.#stop;
    const { name, namespace, uid = '' } = this.#pod.metadata;
    if (this.#pod.spec?.nodeName === undefined) {
      const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace: namespace ?? '' },
        target,
      };
      await client.create(pods, binding, { subresource: 'binding' });
    }
    this.#report();
    await sleep(clock, CREATION_MS, signal);
    if (signal.aborted) return;
    sidecars.set(uid, await Sidecar.start(destinationOf(this.#pod)));
    await Promise.all(this.#containers.map((container) => container.run(signal)));
  }

  async #end(): Promise<void> {
    const { client, drainMs, onError } = this.#deps;
    const { uid } = this.#pod.metadata;
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#containers.map((container) => container.drain(drainMs)));
    await this.#reporting;
    try {
      await client.delete(pods, this.#ref, {
        gracePeriodSeconds: 0,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
    } catch (error) {
      if (!isApiError(error, 404) && !isApiError(error, 409)) onError(error);
    }
    await this.#removeSidecar();
  }

  async #removeSidecar(): Promise<void> {
    const { sidecars } = this.#deps;
    const { uid = '' } = this.#pod.metadata;
    const sidecar = sidecars.get(uid);
    sidecars.delete(uid);
    await sidecar?.close();
  }

  /** Writes the status soon; what changes while a write is under way goes into one more write. */
  #report(): void {
    if (this.#reportWanted) return;
    this.#reportWanted = true;
    this.#reporting = this.#reporting.then(async () => {
      this.#reportWanted = false;
      try {
        await this.#write();
      } catch (error) {
        if (!isApiError(error, 404)) this.#deps.onError(error);
      }
    });
  }

  async #write(): Promise<void> {
    const { client, sidecars } = this.#deps;
    const sidecar = sidecars.get(this.#pod.metadata.uid ?? '');
    if (sidecar !== undefined) {
      // Addresses first: whoever sees the pod ready must find it.
      const ports = Object.assign({}, ...this.#containers.map((container) => container.ports)) as object;
      const annotations = {
        [PORTS_ANNOTATION]: JSON.stringify(ports),
        [ANNOTATIONS.statsPort]: String(sidecar.statsPort),
      };
      await client.patch(pods, this.#ref, 'merge', { metadata: { annotations } });
    }
    const status = this.#status();
    await client.patch(pods, this.#ref, 'merge', { status }, { subresource: 'status' });
  }

  #status(): object {
    const containerStatuses = this.#containers.map(({ status }) => status);
    const started = containerStatuses.every(
      ({ state, restartCount }) => state.running !== undefined || restartCount > 0,
    );
    const ready = containerStatuses.length > 0 && containerStatuses.every((one) => one.ready);
    const since = new Date(this.#deps.clock.now()).toISOString();
    const wanted = { PodScheduled: true, Initialized: true, ContainersReady: ready, Ready: ready };
    this.#conditions = Object.entries(wanted).map(([type, is]) => {
      const status = is ? 'True' : 'False';
      const before = this.#conditions.find((condition) => condition.type === type);
      return before?.status === status ? before : { type, status, lastTransitionTime: since };
    });
    return {
      phase: started ? 'Running' : 'Pending',
      conditions: this.#conditions,
      hostIP: '127.0.0.1',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      startTime: this.#conditions[0]?.lastTransitionTime ?? since,
      containerStatuses,
    };
  }
}

function destinationOf({ metadata }: Pod) {
  const { name, namespace = '', labels = {} } = metadata;
  return {
    pod: name,
    namespace,
    workload: workloadOf(metadata),
    app: labels['app'] ?? name,
    version: labels['version'] ?? 'latest',
  };
}

/** The Deployment of a ReplicaSet is its name without the template hash, as Istio reckons too. */
function workloadOf({ name, labels = {}, ownerReferences = [] }: Pod['metadata']): string {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return name;
  const hash = labels['pod-template-hash'];
  const suffix = hash === undefined ? '' : `-${hash}`;
  const isReplicaSet = owner.kind === 'ReplicaSet' && suffix !== '' && owner.name.endsWith(suffix);
  return isReplicaSet ? owner.name.slice(0, -suffix.length) : owner.name;
}
