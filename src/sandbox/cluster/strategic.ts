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
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(ORDER_PREFIX)) continue;
    const name = key.slice(ORDER_PREFIX.length);
    const list = result[name];
    if (Array.isArray(list))
      result[name] = inOrder(list, listOf(value), mergeKeyOf(fieldSchema(schema, name)));
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

/** Items that `order` names come in that order; others keep their place relative to what stood before them. */
function inOrder(list: readonly Json[], order: readonly Json[], key: string): Json[] {
  const place = (item: Json) =>
    order.findIndex((other) =>
      key === '' ? equal(item, other) : equal(objectOf(item)[key], objectOf(other)[key]),
    );
  const named = list.filter((item) => place(item) >= 0).sort((a, b) => place(a) - place(b));
  const result: Json[] = [];
  for (const item of list) {
    if (place(item) < 0) result.push(item);
    else result.push(named.shift() ?? item);
  }
  return result;
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}
