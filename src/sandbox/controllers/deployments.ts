import { timestamp } from '../cluster/core.ts';
import { at, equal, numberOf, objectOf, without, type JsonObject, type Stored } from '../cluster/object.ts';
import { labelSelectorOf } from '../cluster/selectors.ts';
import { deploymentStatus, msToDeadline } from './deployment-status.ts';
import { DEPLOYMENTS, REPLICA_SETS, type SystemClient, TABLES } from './host.ts';
import type { Loop } from './loop.ts';
import type { OwnerIndex } from './owner-index.ts';
import { controlledBy, controllerOf, isControlledBy, keyOfObject } from './owners.ts';
import { limitsOf, newReplicas, replicasOf, shrinkOld } from './rolling.ts';
import { HASH_LABEL, templateHash } from './template-hash.ts';

const PREFIX = 'deployment.kubernetes.io';
const REVISION = `${PREFIX}/revision`;
const HISTORY = `${PREFIX}/revision-history`;
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Rolls Deployments out: one ReplicaSet a template, the newest growing while the old ones shrink. */
export class DeploymentController {
  readonly #client: SystemClient;
  readonly #loop: Loop;
  readonly #index: OwnerIndex;

  constructor(client: SystemClient, loop: Loop, index: OwnerIndex) {
    this.#client = client;
    this.#loop = loop;
    this.#index = index;
  }

  mark(key: string): void {
    this.#loop.mark('deployment', key, this.#reconcile);
  }

  /** A ReplicaSet came, changed or went. */
  replicaSetChanged(set: Stored): void {
    const owner = controllerOf(set);
    if (owner?.kind === 'Deployment') this.mark(`${set.metadata.namespace ?? ''}/${owner.name}`);
  }

  readonly #reconcile = (key: string): void => {
    const deployment = this.#client.get(TABLES.deployments, key);
    if (deployment === undefined) return;
    if (deployment.metadata.deletionTimestamp === undefined) this.#rollOut(deployment);
    const current = this.#client.get(TABLES.deployments, key);
    if (current === undefined) return;
    const { fresh, old } = this.#sets(current);
    this.#writeStatus(current, fresh, old);
    if (current.metadata.deletionTimestamp === undefined) this.#forget(current, fresh, old);
  };

  #rollOut(deployment: Stored): void {
    const { fresh: found, old } = this.#sets(deployment);
    const active = old.filter((set) => replicasOf(set) > 0);
    const fresh = found ?? (isPaused(deployment) ? undefined : this.#createSet(deployment, active));
    if (fresh === undefined) {
      // A paused Deployment is still scaled.
      const [only] = active;
      if (only !== undefined && active.length === 1) this.#scale(deployment, only, replicasOf(deployment));
      return;
    }
    this.#keepRevision(deployment, fresh, old);
    if (isPaused(deployment) && active.length > 0) return;
    const current = this.#client.get(TABLES.replicaSets, keyOfObject(fresh)) ?? fresh;
    if (at(deployment, 'spec', 'strategy', 'type') === 'Recreate') this.#recreate(deployment, current, old);
    else {
      this.#scale(deployment, current, newReplicas(deployment, current, active));
      const grown = this.#client.get(TABLES.replicaSets, keyOfObject(fresh)) ?? current;
      for (const { set, replicas } of shrinkOld(deployment, grown, active)) {
        this.#scale(deployment, set, replicas);
      }
    }
  }

  #recreate(deployment: Stored, fresh: Stored, old: readonly Stored[]): void {
    for (const set of old) this.#scale(deployment, set, 0);
    const left = old.some((set) => this.#index.dependents(set.metadata.uid ?? '', TABLES.pods).length > 0);
    if (!left) this.#scale(deployment, fresh, replicasOf(deployment));
  }

  /** The ReplicaSet of the present template, and the others, oldest first. */
  #sets(deployment: Stored): { fresh: Stored | undefined; old: Stored[] } {
    const namespace = deployment.metadata.namespace ?? '';
    const selects = labelSelectorOf(objectOf(at(deployment, 'spec', 'selector')));
    if (deployment.metadata.deletionTimestamp === undefined) {
      for (const set of this.#index.orphans(TABLES.replicaSets, namespace)) {
        if (set.metadata.deletionTimestamp !== undefined || !selects(set.metadata.labels ?? {})) continue;
        const ownerReferences = [...(set.metadata.ownerReferences ?? []), controlledBy(deployment)];
        this.#client.update(REPLICA_SETS, { ...set, metadata: { ...set.metadata, ownerReferences } });
      }
    }
    const sets = this.#index
      .dependents(deployment.metadata.uid ?? '', TABLES.replicaSets)
      .filter((set) => isControlledBy(set, deployment))
      .sort((a, b) => revisionOf(a) - revisionOf(b));
    const template = at(deployment, 'spec', 'template');
    const fresh = sets.find((set) => equal(withoutHash(set), template ?? null));
    return { fresh, old: sets.filter((set) => set !== fresh) };
  }

  #createSet(deployment: Stored, active: readonly Stored[]): Stored | undefined {
    const { metadata } = deployment;
    const template = objectOf(at(deployment, 'spec', 'template'));
    const hash = templateHash(template, numberOf(at(deployment, 'status', 'collisionCount')));
    const templateMetadata = objectOf(template['metadata']);
    const labels = { ...objectOf(templateMetadata['labels']), [HASH_LABEL]: hash };
    const selector = objectOf(at(deployment, 'spec', 'selector'));
    const name = `${metadata.name}-${hash}`;
    const waits = at(deployment, 'spec', 'strategy', 'type') === 'Recreate' && active.length > 0;
    this.#client.create(REPLICA_SETS, metadata.namespace, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name,
        labels,
        annotations: this.#annotations(deployment),
        ownerReferences: [controlledBy(deployment)],
      },
      spec: {
        replicas: waits ? 0 : newReplicas(deployment, undefined, active),
        minReadySeconds: at(deployment, 'spec', 'minReadySeconds'),
        selector: { ...selector, matchLabels: { ...objectOf(selector['matchLabels']), [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...templateMetadata, labels } },
      },
    });
    return this.#client.get(TABLES.replicaSets, `${metadata.namespace ?? ''}/${name}`);
  }

  #annotations(deployment: Stored): Record<string, string> {
    const replicas = replicasOf(deployment);
    return {
      ...without(deployment.metadata.annotations ?? {}, LAST_APPLIED, REVISION, HISTORY),
      [`${PREFIX}/desired-replicas`]: String(replicas),
      [`${PREFIX}/max-replicas`]: String(replicas + limitsOf(deployment).surge),
    };
  }

  /** The newest ReplicaSet has the highest revision, and the Deployment shows it. */
  #keepRevision(deployment: Stored, fresh: Stored, old: readonly Stored[]): void {
    const highest = old.reduce((most, set) => Math.max(most, revisionOf(set)), 0);
    const revision = String(Math.max(revisionOf(fresh), highest + 1));
    const annotations = {
      ...fresh.metadata.annotations,
      ...this.#annotations(deployment),
      [REVISION]: revision,
      ...historyOf(fresh, revision),
    };
    if (!equal(annotations, fresh.metadata.annotations)) {
      this.#client.update(REPLICA_SETS, { ...fresh, metadata: { ...fresh.metadata, annotations } });
    }
    const own = deployment.metadata.annotations;
    if (own?.[REVISION] === revision) return;
    const metadata = { ...deployment.metadata, annotations: { ...own, [REVISION]: revision } };
    // By way of /status, as the real controller does it: that is no new generation.
    this.#client.update(DEPLOYMENTS, { ...deployment, metadata }, 'status');
  }

  #scale(deployment: Stored, set: Stored, replicas: number): void {
    const current = this.#client.get(TABLES.replicaSets, keyOfObject(set));
    if (current === undefined) return;
    const annotations = { ...current.metadata.annotations, ...this.#annotations(deployment) };
    if (replicasOf(current) === replicas && equal(annotations, current.metadata.annotations)) return;
    this.#client.update(REPLICA_SETS, {
      ...current,
      metadata: { ...current.metadata, annotations },
      spec: { ...objectOf(current['spec']), replicas },
    });
  }

  #writeStatus(deployment: Stored, fresh: Stored | undefined, old: readonly Stored[]): void {
    const now = timestamp(this.#client.clock);
    const status = deploymentStatus(deployment, fresh, old, now);
    if (!equal(status, deployment['status'])) {
      this.#client.update(DEPLOYMENTS, { ...deployment, status }, 'status');
    }
    const wait = msToDeadline({ ...deployment, status }, this.#client.clock.now());
    this.#loop.markAfter(wait, 'deployment', keyOfObject(deployment), this.#reconcile);
  }

  /** Deletes old ReplicaSets beyond the revision history that the Deployment keeps, once it is complete. */
  #forget(deployment: Stored, fresh: Stored | undefined, old: readonly Stored[]): void {
    const complete =
      fresh !== undefined && numberOf(at(fresh, 'status', 'availableReplicas')) === replicasOf(deployment);
    if (!complete) return;
    const idle = old.filter((set) => replicasOf(set) === 0 && numberOf(at(set, 'status', 'replicas')) === 0);
    const keep = numberOf(at(deployment, 'spec', 'revisionHistoryLimit'), 10);
    for (const set of idle.slice(0, Math.max(0, idle.length - keep))) this.#client.delete(REPLICA_SETS, set);
  }
}

function isPaused(deployment: Stored): boolean {
  return at(deployment, 'spec', 'paused') === true;
}

function revisionOf(set: Stored): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

/** A ReplicaSet that is the newest again remembers which revisions it was before. */
function historyOf(set: Stored, revision: string): Record<string, string> {
  const before = set.metadata.annotations?.[REVISION];
  if (before === undefined || before === revision) return {};
  const history = set.metadata.annotations?.[HISTORY];
  return { [HISTORY]: history === undefined ? before : `${history},${before}` };
}

function withoutHash(set: Stored): JsonObject {
  const template = objectOf(at(set, 'spec', 'template'));
  const metadata = objectOf(template['metadata']);
  return {
    ...template,
    metadata: { ...metadata, labels: without(objectOf(metadata['labels']), HASH_LABEL) },
  };
}
