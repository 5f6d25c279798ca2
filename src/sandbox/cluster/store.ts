import { expired, tooLargeVersion } from './errors.ts';
import { freeze, type Stored } from './object.ts';

/** One write: what an object was before and is afterwards (undefined where it did not or does not exist). */
export interface Change {
  readonly revision: number;
  readonly table: string;
  readonly key: string;
  readonly before: Stored | undefined;
  readonly after: Stored | undefined;
}

export type Listener = (change: Change) => void;

interface Table {
  readonly rows: Map<string, Stored>;
  /** Keys in order, or undefined when a key came or went since they were sorted. */
  sorted: string[] | undefined;
}

/**
 * Objects by table (`deployments.apps`) and key (`namespace/name`), with one counter of revisions for all, as etcd
 * keeps it: every write is one revision, and the latest `historyLimit` writes can be read again.
 */
export class Store {
  readonly #tables = new Map<string, Table>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #historyLimit: number;
  #history: Change[] = [];
  readonly #unheard: Change[] = [];
  /** Revision of the last change that is forgotten. */
  #compacted = 0;
  #revision = 0;

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get revision(): number {
    return this.#revision;
  }

  /** The oldest revision from which changes can still be followed. */
  get compacted(): number {
    return this.#compacted;
  }

  get(table: string, key: string): Stored | undefined {
    return this.#tables.get(table)?.rows.get(key);
  }

  /** The tables that hold objects. */
  tables(): string[] {
    return [...this.#tables].filter(([, table]) => table.rows.size > 0).map(([name]) => name);
  }

  /** How many objects a table has. */
  size(table: string): number {
    return this.#tables.get(table)?.rows.size ?? 0;
  }

  /** The objects whose key begins with `prefix`, in the order of keys. */
  list(table: string, prefix = ''): Stored[] {
    const { rows, keys } = this.#sorted(table);
    const objects: Stored[] = [];
    for (let index = lowerBound(keys, prefix); index < keys.length; index += 1) {
      const key = keys[index] ?? '';
      if (!key.startsWith(prefix)) break;
      const object = rows.get(key);
      if (object !== undefined) objects.push(object);
    }
    return objects;
  }

  /**
   * The table as it was after `revision`.
   * @throws ApiError 410 when history doesn't reach back so far, 504 when the revision is yet to come.
   */
  listAt(table: string, prefix: string, revision: number): Stored[] {
    if (revision > this.#revision) throw tooLargeVersion(String(revision), this.#revision);
    const changes = this.#after(revision);
    if (changes === undefined) throw expired('The provided resource version is too old');
    const rows = new Map(this.list(table, prefix).map((object) => [keyOfStored(object), object]));
    for (const change of changes.reverse()) {
      if (change.table !== table || !change.key.startsWith(prefix)) continue;
      if (change.before === undefined) rows.delete(change.key);
      else rows.set(change.key, change.before);
    }
    return [...rows.keys()].sort(byCodePoint).flatMap((key) => rows.get(key) ?? []);
  }

  /**
   * Writes or, where `object` is undefined, removes. The written object carries the new revision as its
   * resourceVersion; it is frozen and becomes the store's own.
   */
  write(table: string, key: string, object: Stored | undefined): Stored | undefined {
    const rows = this.#table(table);
    const before = rows.rows.get(key);
    this.#revision += 1;
    const after =
      object === undefined
        ? undefined
        : freeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } });
    if (after === undefined) rows.rows.delete(key);
    else rows.rows.set(key, after);
    if ((before === undefined) !== (after === undefined)) rows.sorted = undefined;
    const change: Change = { revision: this.#revision, table, key, before, after };
    this.#remember(change);
    this.#notify(change);
    return after;
  }

  // Listeners write too: they all see all changes in the order in which they were made.
  #notify(change: Change): void {
    this.#unheard.push(change);
    if (this.#unheard.length > 1) return;
    for (let next = this.#unheard[0]; next !== undefined; next = this.#unheard[0]) {
      for (const name of [next.table, '']) {
        for (const listener of this.#listeners.get(name) ?? []) listener(next);
      }
      this.#unheard.shift();
    }
  }

  /**
   * Calls `listener` with every later change of the table (of all tables for ''), in order; returns the way to stop.
   */
  listen(table: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(table) ?? new Set();
    this.#listeners.set(table, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /**
   * The table's changes after `revision`.
   * @throws ApiError 410 when history doesn't reach back so far.
   */
  changesAfter(table: string, revision: number): Change[] {
    const changes = this.#after(revision);
    if (changes === undefined) {
      throw expired(`too old resource version: ${revision} (${this.#compacted})`);
    }
    return changes.filter((change) => change.table === table);
  }

  /** Forgets all history up to and including `revision`, as etcd's compaction does. */
  compact(revision = this.#revision): void {
    const drop = Math.min(revision, this.#revision) - this.#compacted;
    if (drop <= 0) return;
    this.#history = this.#history.slice(drop);
    this.#compacted += drop;
  }

  /** A copy of the changes after a revision, or undefined when some of them are forgotten. */
  #after(revision: number): Change[] | undefined {
    if (revision < this.#compacted) return undefined;
    return this.#history.slice(revision - this.#compacted);
  }

  #remember(change: Change): void {
    this.#history.push(change);
    // Twice the limit, so that the copying of slice is paid once in so many writes.
    if (this.#history.length >= 2 * this.#historyLimit) this.compact(this.#revision - this.#historyLimit);
  }

  #table(name: string): Table {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = { rows: new Map(), sorted: [] };
      this.#tables.set(name, table);
    }
    return table;
  }

  #sorted(name: string): { rows: Map<string, Stored>; keys: string[] } {
    const table = this.#table(name);
    table.sorted ??= [...table.rows.keys()].sort(byCodePoint);
    return { rows: table.rows, keys: table.sorted };
  }
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function keyOfStored({ metadata }: Stored): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

function lowerBound(keys: readonly string[], wanted: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
