import { keyOf } from './types.ts';
import type { KubeObject } from './types.ts';

/** Gives the values under which an object is found in one index. */
export type Indexer<T> = (object: T) => readonly string[];

/** What a write to the store did to one key. */
export type Change<T> =
  { type: 'added'; object: T } | { type: 'updated'; object: T; old: T } | { type: 'deleted'; old: T };

const BY_NAMESPACE = '\0namespace';

/** Objects of one kind by their key, with indexes. Writes tell what changed. */
export class ObjectStore<T extends KubeObject> {
  #objects = new Map<string, T>();
  readonly #indexers: ReadonlyMap<string, Indexer<T>>;
  readonly #indexes = new Map<string, Map<string, Map<string, T>>>();

  constructor(indexers: Readonly<Record<string, Indexer<T>>> = {}) {
    const byNamespace: Indexer<T> = (object) => [object.metadata.namespace ?? ''];
    this.#indexers = new Map([...Object.entries(indexers), [BY_NAMESPACE, byNamespace]]);
    for (const name of this.#indexers.keys()) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** All objects, or those of one namespace, in no order. */
  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(BY_NAMESPACE, namespace);
  }

  /** @throws Error for an index that does not exist. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined)
      throw new Error(`no index ${JSON.stringify(name)}; there are ${this.#names().join(', ') || 'none'}`);
    return [...(index.get(value)?.values() ?? [])];
  }

  /**
   * Puts an object in place of the one with its key. An object with another uid is another object: the old one was
   * deleted, even if nobody saw it. The same version again is no change.
   */
  set(object: T): Change<T>[] {
    const key = keyOf(object.metadata);
    const old = this.#objects.get(key);
    if (old?.metadata.uid === object.metadata.uid && isSameVersion(old, object)) return [];
    if (old !== undefined) this.#unindex(key, old);
    this.#objects.set(key, object);
    this.#index(key, object);
    if (old === undefined) return [{ type: 'added', object }];
    if (old.metadata.uid === object.metadata.uid) return [{ type: 'updated', object, old }];
    return [
      { type: 'deleted', old },
      { type: 'added', object },
    ];
  }

  /** Removes the object of this key, unless it is another one than `object`: then that one is gone already. */
  delete(object: T): Change<T>[] {
    const key = keyOf(object.metadata);
    const old = this.#objects.get(key);
    if (old === undefined || old.metadata.uid !== object.metadata.uid) return [];
    this.#unindex(key, old);
    this.#objects.delete(key);
    return [{ type: 'deleted', old }];
  }

  /** Makes `objects` all that there is. Deletions come first in what it returns. */
  replace(objects: readonly T[]): Change<T>[] {
    const keys = new Set(objects.map((object) => keyOf(object.metadata)));
    const gone = [...this.#objects].filter(([key]) => !keys.has(key));
    const deleted = gone.flatMap(([, old]) => this.delete(old));
    return [...deleted, ...objects.flatMap((object) => this.set(object))];
  }

  #names(): string[] {
    return [...this.#indexers.keys()].filter((name) => name !== BY_NAMESPACE);
  }

  #index(key: string, object: T): void {
    for (const [name, indexer] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const value of indexer(object)) {
        const bucket = index?.get(value) ?? new Map<string, T>();
        bucket.set(key, object);
        index?.set(value, bucket);
      }
    }
  }

  #unindex(key: string, object: T): void {
    for (const [name, indexer] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const value of indexer(object)) {
        const bucket = index?.get(value);
        bucket?.delete(key);
        if (bucket?.size === 0) index?.delete(value);
      }
    }
  }
}

function isSameVersion(a: KubeObject | undefined, b: KubeObject): boolean {
  return (
    a?.metadata.resourceVersion !== undefined && a.metadata.resourceVersion === b.metadata.resourceVersion
  );
}
