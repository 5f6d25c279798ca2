import type { Json } from '../../kube/types.ts';
import { equal, isObject } from '../cluster/object.ts';
import { sortedJson } from './field-error.ts';
import { memberSchema, type Schema } from './schema.ts';

/**
 * A value and what it was before the update, as far as the one can be told from the other: members by name, items of
 * list maps by their keys. Faults of what did not change are let pass on updates ("ratcheting").
 */
export class Correlated {
  readonly value: Json;
  readonly old: Json;
  readonly #schema: Schema;
  #same: boolean | undefined;

  constructor(value: Json, old: Json, schema: Schema) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  get unchanged(): boolean {
    this.#same ??= this.#compare();
    return this.#same;
  }

  #compare(): boolean {
    if (!Array.isArray(this.value) || !Array.isArray(this.old) || this.#schema.listType !== 'map') {
      return isObject(this.value) && isObject(this.old)
        ? this.#compareMembers(this.value, this.old)
        : equal(this.value, this.old);
    }
    // List maps are equal in any order.
    return (
      this.value.length === this.old.length &&
      this.value.every((_, index) => this.item(index)?.unchanged === true)
    );
  }

  #compareMembers(value: Record<string, Json | undefined>, old: Record<string, Json | undefined>): boolean {
    const names = Object.keys(value).filter((name) => value[name] !== undefined);
    const before = Object.keys(old).filter((name) => old[name] !== undefined);
    return names.length === before.length && names.every((name) => this.member(name)?.unchanged === true);
  }

  member(name: string): Correlated | undefined {
    if (!isObject(this.value) || !isObject(this.old)) return undefined;
    const value = this.value[name];
    const old = this.old[name];
    const schema = memberSchema(this.#schema, name);
    if (value === undefined || old === undefined || schema === undefined) return undefined;
    return new Correlated(value, old, schema);
  }

  item(index: number): Correlated | undefined {
    const { items, listType, listMapKeys } = this.#schema;
    if (!Array.isArray(this.value) || !Array.isArray(this.old) || listType !== 'map' || items === undefined)
      return undefined;
    const value = this.value[index];
    const key = keyOf(value, listMapKeys);
    if (value === undefined || key === undefined) return undefined;
    const old = this.old.find((item) => keyOf(item, listMapKeys) === key);
    return old === undefined ? undefined : new Correlated(value, old, items);
  }
}

/** What tells the items of a list map apart, as text; undefined for what is no object. */
export function keyOf(item: Json | undefined, keys: readonly string[]): string | undefined {
  if (!isObject(item)) return undefined;
  return sortedJson(keys.map((key) => item[key] ?? null));
}
