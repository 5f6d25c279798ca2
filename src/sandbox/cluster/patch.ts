import type { Json } from '../../kube/types.ts';
import { badRequest, unprocessable } from './errors.ts';
import { equal, isObject, listOf, textOf, type JsonObject } from './object.ts';

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json | undefined): Json {
  if (!isObject(patch)) return patch ?? null;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else if (value !== undefined) result[key] = mergePatch(result[key], value);
  }
  return result;
}

/**
 * RFC 6902.
 * @throws ApiError 400 when `patch` is no list of operations, 422 when one can't be applied or a test fails.
 */
export function jsonPatch(target: Json, patch: Json | undefined): Json {
  if (!Array.isArray(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${isObject(patch) ? 'object' : typeof patch} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  let result = target;
  for (const operation of listOf(patch)) {
    if (!isObject(operation)) throw unprocessable();
    result = applyOperation(result, operation);
  }
  return result;
}

function applyOperation(document: Json, operation: JsonObject): Json {
  const path = pointer(operation['path']);
  const value = operation['value'];
  switch (textOf(operation['op'])) {
    case 'add':
      return put(document, path, value ?? null, insert);
    case 'remove':
      return remove(document, path);
    case 'replace':
      return put(document, path, value ?? null, replace);
    case 'test':
      if (!equal(find(document, path) ?? null, value ?? null)) throw unprocessable();
      return document;
    case 'copy':
      return put(document, path, find(document, pointer(operation['from'])) ?? null, insert);
    case 'move': {
      const from = pointer(operation['from']);
      return put(remove(document, from), path, lookUp(document, from), insert);
    }
    default:
      throw unprocessable();
  }
}

function required(value: Json | undefined): Json {
  if (value === undefined) throw unprocessable();
  return value;
}

function pointer(path: Json | undefined): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) throw unprocessable();
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What is at the path, or undefined where its container has no such member. */
function find(document: Json, path: readonly string[]): Json | undefined {
  let current: Json | undefined = document;
  for (const key of path) {
    if (Array.isArray(current)) current = current[indexIn(current, key, current.length - 1)];
    else if (isObject(current)) current = current[key];
    else throw unprocessable();
  }
  return current;
}

function lookUp(document: Json, path: readonly string[]): Json {
  return required(find(document, path));
}

type Put = (container: Json, key: string, value: Json) => Json;

function put(document: Json, path: readonly string[], value: Json, how: Put): Json {
  if (path.length === 0) return value;
  return edit(document, path, (container, key) => how(container, key, value));
}

/** A copy of `document` in which the container of the path's last key is what `change` makes of it. */
function edit(document: Json, path: readonly string[], change: (container: Json, key: string) => Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) throw unprocessable();
  if (rest.length === 0) return change(document, key);
  return replace(document, key, edit(lookUp(document, [key]), rest, change));
}

function remove(document: Json, path: readonly string[]): Json {
  lookUp(document, path);
  return edit(document, path, (container, key) => {
    if (Array.isArray(container))
      return container.toSpliced(indexIn(container, key, container.length - 1), 1);
    const copy = { ...(isObject(container) ? container : {}) };
    Reflect.deleteProperty(copy, key);
    return copy;
  });
}

function insert(container: Json, key: string, value: Json): Json {
  if (Array.isArray(container)) {
    const index = key === '-' ? container.length : indexIn(container, key, container.length);
    return container.toSpliced(index, 0, value);
  }
  return replace(container, key, value);
}

function replace(container: Json, key: string, value: Json): Json {
  if (Array.isArray(container)) return container.with(indexIn(container, key, container.length - 1), value);
  if (!isObject(container)) throw unprocessable();
  return { ...container, [key]: value };
}

function indexIn(list: readonly Json[], key: string, last: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw unprocessable();
  const number = Number(key);
  // As in the real server, -1 is the last one.
  const index = number < 0 ? number + last + 1 : number;
  if (index < 0 || index > last || index > list.length) throw unprocessable();
  return index;
}
