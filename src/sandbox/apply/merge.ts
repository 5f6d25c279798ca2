import type { Json } from '../../kube/types.ts';
import { equal, isObject, type JsonObject } from '../cluster/object.ts';
import { FieldSet } from './field-set.ts';
import type { MergeList, MergeMap, MergeType } from './merge-schema.ts';
import { fieldElement, type PathElement } from './path.ts';
import { itemElement, itemsOf, memberType, shapeOf } from './typed.ts';

/** What an object lost, changed and gained; no field is in two of the sets. */
export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

type Maybe = Json | undefined;

/** Compares two values of one type. */
export function compare(type: MergeType, before: Json, after: Json): Comparison {
  const comparison = { removed: new FieldSet(), modified: new FieldSet(), added: new FieldSet() };
  compareAt(comparison, [], type, before, after);
  return comparison;
}

function compareAt(
  comparison: Comparison,
  path: readonly PathElement[],
  type: MergeType,
  before: Maybe,
  after: Maybe,
): void {
  const was = shapeOf(type, before);
  const is = shapeOf(type, after);
  const shape = after === undefined ? was : is;
  if (before !== undefined && after !== undefined && was !== is) {
    compareShape(comparison, path, type, was, before, after);
  }
  const leaf = compareShape(comparison, path, type, shape, before, after);
  if (leaf) return;
  if (before === undefined) comparison.added.insert(path);
  else if (after === undefined) comparison.removed.insert(path);
}

/** Compares as one shape of the type; true when that made it one leaf. */
function compareShape(
  comparison: Comparison,
  path: readonly PathElement[],
  type: MergeType,
  shape: ReturnType<typeof shapeOf>,
  before: Maybe,
  after: Maybe,
): boolean {
  if (shape === 'map' && type.map !== undefined) {
    if (!isMapLeaf(type.map, before, after)) {
      compareMembers(comparison, path, type.map, membersOf(before), membersOf(after));
      return false;
    }
  } else if (shape === 'list' && type.list !== undefined) {
    if (!isListLeaf(type.list, before, after)) {
      compareItems(comparison, path, type.list, listItems(before), listItems(after));
      return false;
    }
  }
  if (before === undefined) comparison.added.insert(path);
  else if (after === undefined) comparison.removed.insert(path);
  else if (!equal(before, after)) comparison.modified.insert(path);
  return true;
}

function membersOf(value: Maybe): JsonObject {
  return isObject(value) ? value : {};
}

function listItems(value: Maybe): Json[] {
  return Array.isArray(value) ? value : [];
}

// Two empty or absent containers are a leaf, so that absent, null and empty stay apart.
function isMapLeaf(map: MergeMap, before: Maybe, after: Maybe): boolean {
  const isEmpty = (value: Maybe) => Object.keys(membersOf(value)).length === 0;
  return map.relationship === 'atomic' || (isEmpty(before) && isEmpty(after));
}

function isListLeaf(list: MergeList, before: Maybe, after: Maybe): boolean {
  return list.relationship === 'atomic' || (listItems(before).length === 0 && listItems(after).length === 0);
}

function compareMembers(
  comparison: Comparison,
  path: readonly PathElement[],
  map: MergeMap,
  before: JsonObject,
  after: JsonObject,
): void {
  for (const name of namesOf(before, after)) {
    const type = memberType(map, name);
    if (type === undefined) continue;
    compareAt(comparison, [...path, fieldElement(name)], type, before[name], after[name]);
  }
}

function namesOf(before: JsonObject, after: JsonObject): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => before[name] !== undefined || after[name] !== undefined,
  );
}

function compareItems(
  comparison: Comparison,
  path: readonly PathElement[],
  list: MergeList,
  before: Json[],
  after: Json[],
): void {
  const was = itemsOf(list, before);
  const is = itemsOf(list, after);
  for (const element of new Set([...was.keys(), ...is.keys()])) {
    const left = was.get(element) ?? [];
    const right = is.get(element) ?? [];
    const below = [...path, element];
    if (left.length <= 1 && right.length <= 1) {
      compareAt(comparison, below, list.items, left[0], right[0]);
    } else if (left.length > 1 && right.length > 1) {
      if (!equal(left, right)) comparison.modified.insert(below);
    } else if (left.length > 1) {
      if (right.length > 0) compareAt(comparison, below, list.items, undefined, right[0]);
      comparison.removed.insert(below);
    } else {
      if (left.length > 0) compareAt(comparison, below, list.items, left[0], undefined);
      comparison.added.insert(below);
    }
  }
}

/**
 * Lays a configuration over an object: leaves of the configuration win, nothing is removed. Items of associative lists
 * come in the order of the configuration, with the object's others between them where they were.
 */
export function merge(type: MergeType, live: Json, config: Json): Json {
  return mergeAt(type, live, config) ?? null;
}

function mergeAt(type: MergeType, live: Maybe, config: Maybe): Maybe {
  const shape = config === undefined ? shapeOf(type, live) : shapeOf(type, config);
  if (shape === 'map' && type.map !== undefined && !isMapLeaf(type.map, live, config)) {
    return mergeMembers(type.map, membersOf(live), membersOf(config));
  }
  if (shape === 'list' && type.list !== undefined && !isListLeaf(type.list, live, config)) {
    return mergeItems(type.list, listItems(live), listItems(config));
  }
  return config ?? (config === null ? null : live);
}

function mergeMembers(map: MergeMap, live: JsonObject, config: JsonObject): Maybe {
  const result: JsonObject = {};
  for (const name of namesOf(live, config)) {
    const type = memberType(map, name);
    const merged =
      type === undefined ? (config[name] ?? live[name]) : mergeAt(type, live[name], config[name]);
    if (merged !== undefined) result[name] = merged;
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

function mergeItems(list: MergeList, live: Json[], config: Json[]): Maybe {
  const left = live.map((item) => ({ element: itemElement(list, item), item }));
  const right = [...itemsOf(list, config)].map(([element, [item]]) => ({ element, item }));
  const known = itemsOf(list, live);
  const wanted = new Map(right.map(({ element, item }) => [element, item]));
  // An item that repeats in the object is replaced rather than merged.
  const mergedItem = (element: PathElement) => {
    const same = known.get(element) ?? [];
    return mergeAt(list.items, same.length > 1 ? null : same[0], wanted.get(element));
  };
  const shared = right.map(({ element }) => element).filter((element) => known.has(element));
  const done = new Set<PathElement>();
  const result: Maybe[] = [];
  let l = 0;
  let r = 0;
  const takeConfig = (element: PathElement) => {
    done.add(element);
    result.push(mergedItem(element));
    r += 1;
    if (shared[0] === element) shared.shift();
  };
  while (l < left.length || r < right.length) {
    const mine = left[l];
    const theirs = right[r];
    if (mine !== undefined && theirs !== undefined) {
      if (mine.element === theirs.element) {
        takeConfig(theirs.element);
        l += 1;
        continue;
      }
      if (wanted.has(mine.element) && shared[0] !== undefined && shared[0] !== mine.element) {
        l += 1;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!wanted.has(mine.element)) {
        result.push(mergeAt(list.items, mine.item, undefined));
        l += 1;
        continue;
      }
      if (done.has(mine.element)) l += 1;
    }
    if (theirs !== undefined) takeConfig(theirs.element);
  }
  const items = result.filter((item) => item !== undefined);
  return items.length === 0 ? undefined : items;
}
