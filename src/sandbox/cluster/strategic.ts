import type { Json } from '../../kube/types.ts';
import { badRequest } from './errors.ts';
import { equal, isObject, listOf, objectOf, textOf, type JsonObject } from './object.ts';

const DIRECTIVE = '$patch';
const DELETE_PREFIX = '$deleteFromPrimitiveList/';
const ORDER_PREFIX = '$setElementOrder/';
const RETAIN = '$retainKeys';

/**
 * Strategic merge patch: a merge patch in which lists with a merge key (`x-kubernetes-patch-merge-key` in the schema)
 * are merged item by item, with the directives that kubectl writes.
 * @throws ApiError 400 when an item of such a list lacks its key.
 */
export function strategicPatch(target: JsonObject, patch: JsonObject, schema: JsonObject): JsonObject {
  if (patch[DIRECTIVE] === 'replace') return withoutDirectives(patch);
  if (patch[DIRECTIVE] === 'delete') return {};
  const retained = Array.isArray(patch[RETAIN]) ? patch[RETAIN] : undefined;
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(target)) {
    if (retained === undefined || retained.includes(key)) result[key] = value;
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || key === DIRECTIVE || key === RETAIN || key.startsWith(ORDER_PREFIX)) continue;
    if (key.startsWith(DELETE_PREFIX)) {
      const name = key.slice(DELETE_PREFIX.length);
      const gone = listOf(value);
      result[name] = listOf(result[name]).filter((item) => !gone.some((other) => equal(item, other)));
      continue;
    }
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergeValue(result[key], value, fieldSchema(schema, key), key);
  }
  for (const [key, value] of Object.entries(result)) {
    const before = target[key];
    if (!Array.isArray(value) || !Array.isArray(before)) continue;
    const order = patch[ORDER_PREFIX + key] ?? patch[key];
    const schemaOfList = fieldSchema(schema, key);
    if (Array.isArray(order) && schemaOfList['x-kubernetes-patch-strategy'] === 'merge') {
      result[key] = inOrder(value, order, before, mergeKeyOf(schemaOfList));
    }
  }
  return result;
}

function fieldSchema(schema: JsonObject, key: string): JsonObject {
  return objectOf(objectOf(schema['properties'])[key] ?? schema['additionalProperties']);
}

function mergeKeyOf(schema: JsonObject): string {
  return textOf(schema['x-kubernetes-patch-merge-key']);
}

function mergeValue(target: Json | undefined, patch: Json, schema: JsonObject, field: string): Json {
  if (isObject(patch)) return strategicPatch(objectOf(target), patch, schema);
  if (!Array.isArray(patch) || schema['x-kubernetes-patch-strategy'] !== 'merge') return patch;
  const key = mergeKeyOf(schema);
  if (key === '') return mergeScalars(listOf(target), patch);
  return mergeItems(listOf(target), patch, objectOf(schema['items']), key, field);
}

function mergeScalars(target: readonly Json[], patch: readonly Json[]): Json[] {
  return [...target, ...patch.filter((item) => !target.some((other) => equal(item, other)))];
}

function mergeItems(
  target: readonly Json[],
  patch: readonly Json[],
  schema: JsonObject,
  key: string,
  field: string,
): Json[] {
  const items = patch.map(objectOf);
  if (items.some((item) => item[DIRECTIVE] === 'replace')) {
    return items.filter((item) => item[DIRECTIVE] === undefined);
  }
  let result = [...target];
  for (const item of items) {
    const id = item[key];
    if (id === undefined) {
      throw badRequest(
        `map: ${JSON.stringify(item)} does not contain declared merge key: ${key} in ${field}`,
      );
    }
    const index = result.findIndex((other) => equal(objectOf(other)[key], id));
    if (item[DIRECTIVE] === 'delete') result = result.filter((_, place) => place !== index);
    else if (index < 0) result.push(strategicPatch({}, item, schema));
    else result[index] = strategicPatch(objectOf(result[index]), item, schema);
  }
  return result;
}

/**
 * Items that the patch names come in the patch's order, the others in their old one; between the two kinds the old order
 * decides where it knows both, and the patch's items go first where it doesn't.
 */
function inOrder(
  list: readonly Json[],
  order: readonly Json[],
  before: readonly Json[],
  key: string,
): Json[] {
  const idOf = (item: Json) => JSON.stringify(key === '' ? item : (objectOf(item)[key] ?? null));
  const wanted = order.map(idOf);
  const old = before.map(idOf);
  const named = list
    .filter((item) => wanted.includes(idOf(item)))
    .sort((a, b) => wanted.indexOf(idOf(a)) - wanted.indexOf(idOf(b)));
  const others = list.filter((item) => !wanted.includes(idOf(item)));
  const result: Json[] = [];
  for (const item of named) {
    const place = old.indexOf(idOf(item));
    while (place >= 0 && others[0] !== undefined && old.indexOf(idOf(others[0])) < place) {
      result.push(...others.splice(0, 1));
    }
    result.push(item);
  }
  return [...result, ...others];
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
