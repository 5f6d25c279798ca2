import type { Stored } from '../cluster/object.ts';
import type { Change, Store } from '../cluster/store.ts';
import { controllerOf } from './owners.ts';

/** Where an object is stored. */
export interface Place {
  readonly table: string;
  readonly key: string;
}

/** Finds the dependents of an object by its uid, and objects without a controller by their namespace. */
export class OwnerIndex {
  readonly #store: Store;
  readonly #dependents = new Map<string, Map<string, Place>>();
  /** Of tables whose objects can be adopted. */
  readonly #orphans = new Map<string, Set<string>>();
  readonly #adoptable: ReadonlySet<string>;

  constructor(store: Store, adoptable: readonly string[]) {
    this.#store = store;
    this.#adoptable = new Set(adoptable);
    for (const table of store.tables()) {
      for (const object of store.list(table)) {
        const { namespace, name } = object.metadata;
        const key = namespace === undefined ? name : `${namespace}/${name}`;
        this.#take({ revision: 0, table, key, before: undefined, after: object });
      }
    }
    store.listen('', (change) => {
      this.#take(change);
    });
  }

  /** Where the objects are that name this uid as an owner, in the order of their coming. */
  placesOf(ownerUid: string): Place[] {
    return [...(this.#dependents.get(ownerUid)?.values() ?? [])];
  }

  /** The objects of one table that name this uid as an owner. */
  dependents(ownerUid: string, table: string): Stored[] {
    return this.placesOf(ownerUid)
      .filter((place) => place.table === table)
      .flatMap(({ key }) => this.#store.get(table, key) ?? []);
  }

  /** The objects of an adoptable table in a namespace that have no controller. */
  orphans(table: string, namespace: string): Stored[] {
    const keys = this.#orphans.get(`${table} ${namespace}`) ?? [];
    return [...keys].flatMap((key) => this.#store.get(table, key) ?? []);
  }

  #take({ table, key, before, after }: Change): void {
    if (before?.metadata.ownerReferences !== after?.metadata.ownerReferences) {
      this.#reindex({ table, key }, before, after);
    }
    if (!this.#adoptable.has(table)) return;
    const orphans = `${table} ${(after ?? before)?.metadata.namespace ?? ''}`;
    const set = this.#orphans.get(orphans) ?? new Set();
    if (after !== undefined && controllerOf(after) === undefined) this.#orphans.set(orphans, set.add(key));
    else set.delete(key);
  }

  #reindex(place: Place, before: Stored | undefined, after: Stored | undefined): void {
    const id = `${place.table} ${place.key}`;
    for (const { uid } of before?.metadata.ownerReferences ?? []) {
      const places = this.#dependents.get(uid);
      places?.delete(id);
      if (places?.size === 0) this.#dependents.delete(uid);
    }
    for (const { uid } of after?.metadata.ownerReferences ?? []) {
      const places = this.#dependents.get(uid) ?? new Map<string, Place>();
      this.#dependents.set(uid, places.set(id, place));
    }
  }
}
