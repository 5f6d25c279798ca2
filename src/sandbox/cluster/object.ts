import type { Json } from '../../kube/types.ts';

/** A JSON object; `undefined` members count as absent. */
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** One entry of `metadata.ownerReferences`. */
export interface Owner {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
  [field: string]: Json | undefined;
}

/** `metadata` as the cluster stores it. */
export interface Meta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: Owner[];
  managedFields?: JsonObject[];
  [field: string]: Json | undefined;
}

/** An object of the cluster. Stored objects are deeply frozen and shared with every reader. */
export interface Stored {
  apiVersion: string;
  kind: string;
  metadata: Meta;
  [field: string]: Json | undefined;
}

/** True for a JSON object, as opposed to a list, a scalar or nothing. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object itself, or an empty one for anything that is no object. */
export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The list itself, or an empty one for anything that is no list. */
export function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The string itself, or '' for anything else. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** A string, number or boolean as text, or '' for anything else. */
export function scalarText(value: Json | undefined): string {
  return typeof value === 'object' || value === undefined ? '' : String(value);
}

/** The number itself, or `fallback` for anything else. */
export function numberOf(value: Json | undefined, fallback = 0): number {
  return typeof value === 'number' ? value : fallback;
}

/** The value at a path of keys, or undefined. */
export function at(value: Json | undefined, ...path: string[]): Json | undefined {
  let current = value;
  for (const key of path) {
    if (!isObject(current)) return undefined;
    current = current[key];
  }
  return current;
}

/** A copy of `object` with the value at `path` replaced; `undefined` removes the last key. */
export function withAt(object: JsonObject, path: readonly string[], value: Json | undefined): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  const next = rest.length === 0 ? value : withAt(objectOf(object[key]), rest, value);
  if (next !== undefined) return { ...object, [key]: next };
  return without(object, key);
}

/** A copy of `object` without the keys. */
export function without<T extends JsonObject>(object: T, ...keys: string[]): T {
  const copy = { ...object };
  for (const key of keys) Reflect.deleteProperty(copy, key);
  return copy;
}

/**
 * True for what the cluster stored before, among objects that came out of decoding: it is complete, needs no defaults and
 * never changes.
 */
export function isStored(value: JsonObject | Json[]): boolean {
  return Object.isFrozen(value);
}

/** Freezes a JSON value all the way down; what is frozen is trusted to be so throughout. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}

/**
 * A value as it would arrive over the wire: undefined members vanish, dates become text. Nothing is shared with the
 * caller but what is frozen all the way down.
 */
export function jsonOf(value: unknown): Json {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null) return null;
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return JSON.parse(JSON.stringify(value)) as Json;
  let same = Object.isFrozen(value);
  const keep = (member: unknown): Json => {
    const json = jsonOf(member);
    same &&= json === member;
    return json;
  };
  if (Array.isArray(value)) {
    const items = value.map(keep);
    return same ? (value as Json[]) : items;
  }
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) same = false;
    else result[key] = keep(member);
  }
  return same ? (value as JsonObject) : result;
}

/** Deep equality of JSON; absent and undefined members are the same. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equal(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key of Object.keys(a)) if (!equal(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (a[key] === undefined && b[key] !== undefined) return false;
  return true;
}
