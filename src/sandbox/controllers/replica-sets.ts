import { ApiError } from '../../kube/types.ts';
import { secondText } from '../cluster/core.ts';
import { at, equal, numberOf, objectOf, type JsonObject, type Stored, without } from '../cluster/object.ts';
import { labelSelectorOf } from '../cluster/selectors.ts';
import { recordFailure, withFailure } from './failures.ts';
import { PODS, REPLICA_SETS, type SystemClient, TABLES } from './host.ts';
import type { Loop } from './loop.ts';
import type { OwnerIndex } from './owner-index.ts';
import { controlledBy, controllerOf, isControlledBy, keyOfObject } from './owners.ts';
import { bySacrifice, isActive, isReady, msUntilAvailable } from './pods.ts';

/** How long after a pod could not be created the next try is made. */
const RETRY_MS = 10_000;

/** Keeps as many pods for each ReplicaSet as it asks for. */
export class ReplicaSetController {
  readonly #client: SystemClient;
  readonly #loop: Loop;
  readonly #index: OwnerIndex;

  constructor(client: SystemClient, loop: Loop, index: OwnerIndex) {
    this.#client = client;
    this.#loop = loop;
    this.#index = index;
  }

  mark(key: string): void {
    this.#loop.mark('replicaset', key, this.#reconcile);
  }

  /** A pod came, changed or went. */
  podChanged(pod: Stored): void {
    const owner = controllerOf(pod);
    const namespace = pod.metadata.namespace ?? '';
    if (owner?.kind === 'ReplicaSet') this.mark(`${namespace}/${owner.name}`);
    if (owner !== undefined) return;
    for (const set of this.#client.list(TABLES.replicaSets, namespace)) {
      if (selects(set, pod)) this.mark(keyOfObject(set));
    }
  }

  readonly #reconcile = (key: string): void => {
    const set = this.#client.get(TABLES.replicaSets, key);
    if (set === undefined) return;
    const pods = this.#claim(set);
    const failure =
      set.metadata.deletionTimestamp === undefined ? this.#scale(set, pods.filter(isActive)) : undefined;
    if (failure !== undefined) this.#loop.markAfter(RETRY_MS, 'replicaset', key, this.#reconcile);
    this.#writeStatus(set, this.#claim(set), failure);
  };

  /** The pods of a ReplicaSet, orphans that it selects among them: these it adopts. */
  #claim(set: Stored): Stored[] {
    if (set.metadata.deletionTimestamp === undefined) {
      for (const pod of this.#index.orphans(TABLES.pods, set.metadata.namespace ?? '')) {
        if (!isActive(pod) || !selects(set, pod)) continue;
        const ownerReferences = [...(pod.metadata.ownerReferences ?? []), controlledBy(set)];
        this.#client.update(PODS, { ...pod, metadata: { ...pod.metadata, ownerReferences } });
      }
    }
    return this.#index
      .dependents(set.metadata.uid ?? '', TABLES.pods)
      .filter((pod) => isControlledBy(pod, set));
  }

  /** Creates or deletes pods until there are enough; the error that stopped it, if any. */
  #scale(set: Stored, active: readonly Stored[]): ApiError | undefined {
    const missing = numberOf(at(set, 'spec', 'replicas')) - active.length;
    for (let index = 0; index < missing; index += 1) {
      const failure = this.#createPod(set);
      if (failure !== undefined) return failure;
    }
    for (const pod of [...active].sort(bySacrifice).slice(0, Math.max(0, -missing))) {
      this.#client.delete(PODS, pod);
    }
    return undefined;
  }

  #createPod(set: Stored): ApiError | undefined {
    try {
      this.#client.create(PODS, set.metadata.namespace, podOf(set));
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A Namespace that is being deleted takes no events either.
      if (error.code !== 403) recordFailure(this.#client, set, error);
      return error;
    }
  }

  #writeStatus(set: Stored, pods: readonly Stored[], failure: ApiError | undefined): void {
    const now = this.#client.clock.now();
    const active = pods.filter(isActive);
    const minReady = numberOf(at(set, 'spec', 'minReadySeconds'));
    const waits = active.map((pod) => msUntilAvailable(pod, minReady, now));
    const conditions = withFailure(at(set, 'status', 'conditions'), failure, secondText(now));
    const status: JsonObject = {
      ...without(
        objectOf(set['status']),
        'fullyLabeledReplicas',
        'readyReplicas',
        'availableReplicas',
        'terminatingReplicas',
        'conditions',
      ),
      replicas: active.length,
      ...counted('fullyLabeledReplicas', active.filter((pod) => isFullyLabeled(set, pod)).length),
      ...counted('readyReplicas', active.filter(isReady).length),
      ...counted('availableReplicas', waits.filter((ms) => ms === 0).length),
      terminatingReplicas: pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined).length,
      observedGeneration: set.metadata.generation,
      ...(conditions.length === 0 ? {} : { conditions }),
    };
    const soonest = Math.min(...waits.filter((ms) => ms > 0));
    this.#loop.markAfter(soonest, 'replicaset', keyOfObject(set), this.#reconcile);
    if (!equal(status, set['status'])) this.#client.update(REPLICA_SETS, { ...set, status }, 'status');
  }
}

function counted(field: string, count: number): JsonObject {
  return count === 0 ? {} : { [field]: count };
}

function selects(set: Stored, pod: Stored): boolean {
  return labelSelectorOf(objectOf(at(set, 'spec', 'selector')))(pod.metadata.labels ?? {});
}

function isFullyLabeled(set: Stored, pod: Stored): boolean {
  const wanted = Object.entries(objectOf(at(set, 'spec', 'template', 'metadata', 'labels')));
  return wanted.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

function podOf(set: Stored): JsonObject {
  const template = objectOf(at(set, 'spec', 'template'));
  const { labels, annotations, finalizers } = objectOf(template['metadata']);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      labels,
      annotations,
      finalizers,
      ownerReferences: [controlledBy(set)],
    },
    spec: template['spec'],
  };
}
