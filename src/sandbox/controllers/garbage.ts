import type { Owner, Stored } from '../cluster/object.ts';
import type { Resource } from '../cluster/resource.ts';
import type { Change } from '../cluster/store.ts';
import type { ControllerHost, SystemClient } from './host.ts';
import type { Loop } from './loop.ts';
import type { OwnerIndex, Place } from './owner-index.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

/**
 * Deletes what has lost all its owners, and carries out foreground and orphaning deletions.
 */
export class GarbageCollector {
  readonly #host: ControllerHost;
  readonly #client: SystemClient;
  readonly #loop: Loop;
  readonly #index: OwnerIndex;

  constructor(host: ControllerHost, client: SystemClient, loop: Loop, index: OwnerIndex) {
    this.#host = host;
    this.#client = client;
    this.#loop = loop;
    this.#index = index;
  }

  /** Any object came, changed or went. */
  changed({ table, key, before, after }: Change): void {
    const owned = after?.metadata.ownerReferences;
    if (owned !== undefined && owned !== before?.metadata.ownerReferences) this.#mark({ table, key });
    if (after?.metadata.deletionTimestamp !== undefined) this.#mark({ table, key });
    if (after !== undefined) return;
    for (const place of this.#index.placesOf(before?.metadata.uid ?? '')) this.#mark(place);
    for (const owner of before?.metadata.ownerReferences ?? []) {
      const place = this.#placeOf(owner, before?.metadata.namespace);
      if (place !== undefined) this.#mark(place);
    }
  }

  #mark({ table, key }: Place): void {
    this.#loop.mark('garbage', `${table} ${key}`, this.#reconcile);
  }

  readonly #reconcile = (id: string): void => {
    const [table = '', key = ''] = id.split(' ');
    const object = this.#client.get(table, key);
    const resource = this.#host.core.resources.ofTable(table);
    if (object === undefined || resource === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) this.#finish(resource, object);
    else this.#checkOwners(resource, object);
  };

  /** Does what the finalizers of an object that is being deleted ask for. */
  #finish(resource: Resource, object: Stored): void {
    const { finalizers = [], uid = '' } = object.metadata;
    if (finalizers.includes(ORPHAN)) {
      for (const place of this.#index.placesOf(uid)) this.#disown(place, new Set([uid]));
      this.#release(resource, object, ORPHAN);
    } else if (finalizers.includes(FOREGROUND)) {
      const places = this.#index.placesOf(uid);
      const blocking = places.filter((place) => this.#blocks(place, uid));
      if (blocking.length === 0) this.#release(resource, object, FOREGROUND);
      for (const place of places) this.#mark(place);
    }
  }

  #blocks({ table, key }: Place, uid: string): boolean {
    const owners = this.#client.get(table, key)?.metadata.ownerReferences ?? [];
    return owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
  }

  #release(resource: Resource, object: Stored, finalizer: string): void {
    const finalizers = (object.metadata.finalizers ?? []).filter((other) => other !== finalizer);
    this.#client.update(resource, { ...object, metadata: { ...object.metadata, finalizers } });
  }

  #disown({ table, key }: Place, uids: ReadonlySet<string>): void {
    const object = this.#client.get(table, key);
    const resource = this.#host.core.resources.ofTable(table);
    if (object === undefined || resource === undefined) return;
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.has(uid));
    this.#client.update(resource, { ...object, metadata: { ...object.metadata, ownerReferences } });
  }

  /** Deletes an object all of whose owners are gone, or wait for it to go. */
  #checkOwners(resource: Resource, object: Stored): void {
    const { ownerReferences = [], namespace } = object.metadata;
    if (ownerReferences.length === 0) return;
    const states = ownerReferences.map((owner) => ({ owner, state: this.#stateOf(owner, namespace) }));
    const gone = states.filter(({ state }) => state !== 'present');
    if (gone.length === 0) return;
    if (gone.length < states.length) {
      const { table } = resource;
      const key = namespace === undefined ? object.metadata.name : `${namespace}/${object.metadata.name}`;
      this.#disown({ table, key }, new Set(gone.map(({ owner }) => owner.uid)));
      return;
    }
    const waited = gone.some(({ state }) => state === 'waiting');
    const dependents = this.#index.placesOf(object.metadata.uid ?? '').length > 0;
    this.#client.delete(resource, object, {
      propagationPolicy: waited && dependents ? 'Foreground' : 'Background',
    });
  }

  /** `waiting`: the owner is being deleted in the foreground, so it waits for its dependents. */
  #stateOf(owner: Owner, namespace: string | undefined): 'present' | 'absent' | 'waiting' {
    const place = this.#placeOf(owner, namespace);
    // Of a kind that isn't served nothing can be said: nothing is deleted for it.
    if (place === undefined) return 'present';
    const found = this.#client.get(place.table, place.key);
    if (found === undefined || found.metadata.uid !== owner.uid) return 'absent';
    const { deletionTimestamp, finalizers = [] } = found.metadata;
    return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND) ? 'waiting' : 'present';
  }

  #placeOf({ apiVersion, kind, name }: Owner, namespace: string | undefined): Place | undefined {
    const resource = this.#host.core.resources.findKind(apiVersion, kind);
    if (resource === undefined) return undefined;
    // A namespaced owner of a cluster-scoped object can't be.
    const key = resource.namespaced ? `${namespace ?? ''}/${name}` : name;
    return { table: resource.table, key };
  }
}
