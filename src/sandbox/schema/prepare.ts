import type { Json } from '../../kube/types.ts';
import { isObject, type JsonObject } from '../cluster/object.ts';
import { memberSchema, type Schema } from './schema.ts';

const TYPE_AND_OBJECT_META = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * A copy without the fields that the schema doesn't know. At the root, and in embedded resources, `apiVersion`, `kind`
 * and `metadata` stay whatever the schema says.
 */
export function prune(value: Json, schema: Schema | undefined, isRoot: boolean): Json {
  return pruneAs(value, schema, isRoot, schema?.preserveUnknownFields === true);
}

function pruneAs(value: Json, schema: Schema | undefined, isRoot: boolean, preserve: boolean): Json {
  if (preserve && schema === undefined) return value;
  if (Array.isArray(value)) {
    // Items of a preserved list are preserved too, those of other lists as their schema says.
    return value.map((item) =>
      pruneAs(item, schema?.items, false, preserve || schema?.items?.preserveUnknownFields === true),
    );
  }
  if (!isObject(value)) return value;
  return pruneMembers(value, schema, isRoot || schema?.embeddedResource === true, preserve);
}

function pruneMembers(
  value: JsonObject,
  schema: Schema | undefined,
  isResource: boolean,
  preserve: boolean,
): JsonObject {
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (isResource && TYPE_AND_OBJECT_META.has(name)) {
      result[name] = member;
    } else if (
      schema !== undefined &&
      (schema.properties.has(name) || schema.additionalProperties !== undefined)
    ) {
      result[name] = prune(member, memberSchema(schema, name), false);
    } else if (preserve) {
      result[name] = member;
    }
  }
  return result;
}

/** A copy without the nulls that the schema neither allows nor replaces by a default. */
export function dropNulls(value: Json, schema: Schema | undefined): Json {
  if (Array.isArray(value)) return value.map((item) => dropNulls(item, schema?.items));
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const own = memberSchema(schema, name);
    if (member === null && own !== undefined && !own.nullable && own.default === undefined) continue;
    result[name] = dropNulls(member, own);
  }
  return result;
}

/** A copy with the defaults of the schema filled in, also for nulls that the schema doesn't allow. */
export function applyDefaults(value: Json, schema: Schema | undefined): Json {
  if (schema === undefined) return value;
  if (Array.isArray(value)) {
    return value.map((item) =>
      applyDefaults(isForbiddenNull(item, schema.items) ? defaultOf(schema.items) : item, schema.items),
    );
  }
  if (!isObject(value)) return value;
  const result: JsonObject = { ...value };
  for (const [name, own] of schema.properties) {
    if (own.default === undefined) continue;
    const member = result[name];
    if (member === undefined || isForbiddenNull(member, own)) result[name] = own.default;
  }
  for (const [name, member] of Object.entries(result)) {
    if (member === undefined) continue;
    const own = memberSchema(schema, name);
    const isAdditional = !schema.properties.has(name);
    result[name] = applyDefaults(isAdditional && isForbiddenNull(member, own) ? defaultOf(own) : member, own);
  }
  return result;
}

function isForbiddenNull(value: Json, schema: Schema | undefined): boolean {
  return value === null && schema !== undefined && !schema.nullable;
}

function defaultOf(schema: Schema | undefined): Json {
  return schema?.default ?? null;
}
