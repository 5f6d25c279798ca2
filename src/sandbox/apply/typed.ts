import type { Json } from '../../kube/types.ts';
import { isObject, type JsonObject } from '../cluster/object.ts';
import { FieldSet } from './field-set.ts';
import type { MergeList, MergeMap, MergeType } from './merge-schema.ts';
import {
  describeElement,
  fieldElement,
  fieldName,
  indexElement,
  isKey,
  keyElement,
  valueElement,
  type PathElement,
} from './path.ts';

/** Which of the shapes of a type a value has; for null and for values of no allowed shape, whichever comes first. */
export function shapeOf(type: MergeType, value: Json | undefined): 'map' | 'scalar' | 'list' | undefined {
  if (Array.isArray(value) && type.list !== undefined) return 'list';
  if (isObject(value) && type.map !== undefined) return 'map';
  if (isScalar(value) && type.scalar !== undefined) return 'scalar';
  if (type.map !== undefined) return 'map';
  if (type.scalar !== undefined) return 'scalar';
  return type.list === undefined ? undefined : 'list';
}

function isScalar(value: Json | undefined): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** The type of a member of a map; undefined where the schema knows none. */
export function memberType(map: MergeMap, name: string): MergeType | undefined {
  return map.fields.get(name)?.type ?? map.others;
}

/**
 * How an item of an associative list is told apart.
 * @throws Error for an item that can't be.
 */
export function itemElement(list: MergeList, item: Json): PathElement {
  if (list.keys.length === 0) {
    if (isObject(item)) throw new Error("associative list without keys has an element that's a map type");
    if (Array.isArray(item)) throw new Error('not supported: associative list with lists as elements');
    if (item === null)
      throw new Error("associative list without keys has an element that's an explicit null");
    return valueElement(item);
  }
  if (item === null) throw new Error('associative list with keys may not have a null element');
  if (!isObject(item)) throw new Error('associative list with keys may not have non-map elements');
  const keys: [string, Json][] = [];
  for (const key of list.keys) {
    const value = item[key] ?? list.items.map?.fields.get(key)?.default;
    if (value !== undefined) keys.push([key, value]);
  }
  if (keys.length > 0) return keyElement(keys);
  const names = list.keys.map((key) => JSON.stringify(key)).join(' ');
  throw new Error(
    `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  );
}

/** Faults that keep a value from being merged as this type, each with its path: `.spec.replicas: expected …`. */
export function typeErrors(type: MergeType, value: Json, allowDuplicates: boolean): string[] {
  switch (shapeOf(type, value)) {
    case 'map':
      return type.map === undefined ? [] : mapErrors(type.map, value, allowDuplicates);
    case 'list':
      return type.list === undefined ? [] : listErrors(type.list, value, allowDuplicates);
    case 'scalar':
      return scalarErrors(type.scalar, value);
    case undefined:
      return [': schema error: invalid atom: inlined'];
  }
}

function scalarErrors(scalar: MergeType['scalar'], value: Json): string[] {
  if (value === null) return [];
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' ? [] : [`: expected numeric (int or float), got ${goType(value)}`];
    case 'string':
      return typeof value === 'string'
        ? []
        : [`: expected string, got &value.valueUnstructured{Value:${goPlain(value)}}`];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`: expected boolean, ${got(value)}`];
    case 'untyped':
    case undefined:
      return isScalar(value) ? [] : [`: expected any scalar, ${got(value)}`];
  }
}

function goType(value: Json): string {
  if (Array.isArray(value)) return '[]interface {}';
  return isObject(value)
    ? 'map[string]interface {}'
    : value === true || value === false
      ? 'bool'
      : typeof value;
}

/** A value as Go prints it without asking for details. */
function goPlain(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(goPlain).join(' ')}]`;
  if (!isObject(value)) return value === null ? '<nil>' : String(value);
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  return `map[${names
    .sort()
    .map((name) => `${name}:${goPlain(value[name] ?? null)}`)
    .join(' ')}]`;
}

function got(value: Json): string {
  return `got &{${goPlain(value)}}`;
}

function prefixed(prefix: string, errors: string[]): string[] {
  return errors.map((error) => prefix + error);
}

function mapErrors(map: MergeMap, value: Json, allowDuplicates: boolean): string[] {
  if (value === null) return [];
  if (!isObject(value)) return [`: expected map, ${got(value)}`];
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.flatMap(([name, member]) => {
    if (member === undefined) return [];
    const type = memberType(map, name);
    return prefixed(
      describeElement(fieldElement(name)),
      type === undefined ? [': field not declared in schema'] : typeErrors(type, member, allowDuplicates),
    );
  });
}

function listErrors(list: MergeList, value: Json, allowDuplicates: boolean): string[] {
  if (value === null) return [];
  if (!Array.isArray(value)) return [`: expected list, ${got(value)}`];
  const seen = new Set<PathElement>();
  const errors: string[] = [];
  for (const [index, item] of value.entries()) {
    let element = indexElement(index);
    if (list.relationship === 'associative') {
      try {
        element = itemElement(list, item);
      } catch (error) {
        return [...errors, `: element ${index}: ${error instanceof Error ? error.message : String(error)}`];
      }
      if (seen.has(element) && !allowDuplicates)
        errors.push(`: duplicate entries for key ${describeElement(element)}`);
      seen.add(element);
    }
    errors.push(...prefixed(describeElement(element), typeErrors(list.items, item, allowDuplicates)));
  }
  return errors;
}

/** The fields that a value mentions: its leaves, the items of its lists, and its members without a declared field. */
export function fieldsOf(type: MergeType, value: Json): FieldSet {
  const set = new FieldSet();
  addFields(set, [], type, value);
  return set;
}

function addFields(set: FieldSet, path: readonly PathElement[], type: MergeType, value: Json): void {
  switch (shapeOf(type, value)) {
    case 'map':
      if (type.map?.relationship === 'atomic') set.insert(path);
      else if (type.map !== undefined && isObject(value)) addMembers(set, path, type.map, value);
      return;
    case 'list':
      if (type.list?.relationship === 'atomic') set.insert(path);
      else if (type.list !== undefined && Array.isArray(value)) addItems(set, path, type.list, value);
      return;
    case 'scalar':
      set.insert(path);
      return;
    case undefined:
  }
}

function addMembers(set: FieldSet, path: readonly PathElement[], map: MergeMap, value: JsonObject): void {
  for (const [name, member] of Object.entries(value)) {
    const type = memberType(map, name);
    if (member === undefined || type === undefined) continue;
    const below = [...path, fieldElement(name)];
    addFields(set, below, type, member);
    const isEmpty = member === null || (isObject(member) && Object.keys(member).length === 0);
    if (isEmpty || !map.fields.has(name)) set.insert(below);
  }
}

function addItems(set: FieldSet, path: readonly PathElement[], list: MergeList, value: Json[]): void {
  for (const [element, items] of itemsOf(list, value)) {
    const below = [...path, element];
    const [item] = items;
    // What repeats is owned as a whole.
    if (items.length === 1 && item !== undefined) addFields(set, below, list.items, item);
    set.insert(below);
  }
}

/** Items by what tells them apart, in order; those that can't be told apart are left out. */
export function itemsOf(list: MergeList, value: readonly Json[]): Map<PathElement, Json[]> {
  const items = new Map<PathElement, Json[]>();
  for (const item of value) {
    let element: PathElement;
    try {
      element = itemElement(list, item);
    } catch {
      continue;
    }
    const same = items.get(element);
    if (same === undefined) items.set(element, [item]);
    else same.push(item);
  }
  return items;
}

/**
 * A copy of a value without the fields and items of a set. Atomic maps and lists that are reached become null, as the
 * real server has it: they are owned as a whole, so a set never names anything within.
 */
export function removeFields(type: MergeType, value: Json, set: FieldSet): Json {
  switch (shapeOf(type, value)) {
    case 'map':
      return type.map === undefined || !isObject(value) ? null : removeMembers(type.map, value, set);
    case 'list':
      return type.list === undefined || !Array.isArray(value) ? null : removeItems(type.list, value, set);
    case 'scalar':
    case undefined:
      return value;
  }
}

function removeMembers(map: MergeMap, value: JsonObject, set: FieldSet): Json {
  if (map.relationship === 'atomic') return null;
  const result: JsonObject = {};
  let reached = false;
  for (const [name, member] of Object.entries(value)) {
    const element = fieldElement(name);
    if (member === undefined || set.has(element)) continue;
    const below = set.below(element);
    const type = memberType(map, name);
    if (below.empty || type === undefined) {
      result[name] = member;
    } else {
      reached = true;
      result[name] = removeFields(type, member, below) ?? emptied(member);
    }
  }
  return reached || Object.keys(result).length > 0 ? result : null;
}

function removeItems(list: MergeList, value: Json[], set: FieldSet): Json {
  if (list.relationship === 'atomic') return null;
  const result: Json[] = [];
  let reached = false;
  for (const item of value) {
    let element: PathElement;
    try {
      element = itemElement(list, item);
    } catch {
      result.push(item);
      continue;
    }
    if (set.has(element)) continue;
    const below = set.below(element);
    if (!below.empty) reached = true;
    result.push(below.empty ? item : (removeFields(list.items, item, below) ?? emptied(item)));
  }
  return reached || result.length > 0 ? result : null;
}

// A container that loses its last part stays, empty.
function emptied(value: Json): Json {
  if (Array.isArray(value)) return [];
  return isObject(value) ? {} : null;
}

/** The set with the declared fields above its members: `spec.replicas` brings `spec`, but a label brings no `labels`. */
export function withNamedFields(set: FieldSet, type: MergeType | undefined): FieldSet {
  const result = new FieldSet();
  for (const member of set.members) result.members.add(member);
  for (const [element, child] of set.children) {
    const name = fieldName(element);
    if (name !== undefined && type?.map?.fields.has(name) === true) result.members.add(element);
    let below: MergeType | undefined;
    if (name !== undefined && type?.map !== undefined) below = memberType(type.map, name);
    else if (isKey(element)) below = type?.list?.items;
    result.children.set(element, withNamedFields(child, below));
  }
  return result;
}
