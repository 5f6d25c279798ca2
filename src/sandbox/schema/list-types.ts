import type { Json } from '../../kube/types.ts';
import { isObject, type JsonObject } from '../cluster/object.ts';
import { childPath, duplicate, invalidValue, keyPath, sortedJson, type FieldError } from './field-error.ts';
import type { Schema } from './schema.ts';

/** Items of sets and list maps that occur more than once, and items of list maps that are no objects. */
export function duplicateErrors(schema: Schema, value: Json, path: string): FieldError[] {
  if (Array.isArray(value)) return [...listErrors(schema, value, path), ...itemErrors(schema, value, path)];
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    if (member === undefined) return [];
    const own = schema.properties.get(name);
    if (own !== undefined) return duplicateErrors(own, member, childPath(path, name));
    const { additionalProperties } = schema;
    if (typeof additionalProperties !== 'object') return [];
    return duplicateErrors(additionalProperties, member, path === '' ? name : keyPath(path, name));
  });
}

function itemErrors({ items }: Schema, value: readonly Json[], path: string): FieldError[] {
  if (items === undefined) return [];
  return value.flatMap((item, index) => duplicateErrors(items, item, keyPath(path, index)));
}

function listErrors({ listType, listMapKeys }: Schema, value: readonly Json[], path: string): FieldError[] {
  if (listType === 'set')
    return repeated(value).map((index) => duplicate(keyPath(path, index), value[index] ?? null));
  if (listType !== 'map') return [];
  const stray = value.findIndex((item) => item !== null && !isObject(item));
  if (stray >= 0) {
    const why = 'must be an object for an array of list-type map';
    return [invalidValue(keyPath(path, stray), value[stray] ?? null, why)];
  }
  const keys = value.map((item): JsonObject => {
    const object = isObject(item) ? item : {};
    return Object.fromEntries(
      listMapKeys.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]),
    );
  });
  return repeated(keys).map((index) => duplicate(keyPath(path, index), keys[index] ?? {}));
}

/** Where each repeated value comes for the second time. */
function repeated(values: readonly Json[]): number[] {
  const seen = new Map<string, number>();
  return values.flatMap((value, index) => {
    const text = sortedJson(value);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    return times === 2 ? [index] : [];
  });
}
