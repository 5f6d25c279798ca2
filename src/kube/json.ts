import { createHash } from 'node:crypto';

/**
 * JSON with sorted keys and no white space, the same for equal values whatever the order in which they were built.
 * Members that are undefined are left out, as JSON.stringify does.
 * @throws TypeError for what JSON cannot carry (NaN, Infinity, bigint, functions, symbols, class instances other than
 *   plain objects, undefined in an array, cycles): a hash of such a value would mean nothing.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '', new Set());
}

function write(value: unknown, path: string, parents: Set<object>): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== 'object')
    throw notJson(path, typeof value === 'number' ? String(value) : `of type ${typeof value}`);
  if (parents.has(value)) throw notJson(path, 'a cycle');
  parents.add(value);
  const text = Array.isArray(value)
    ? `[${value.map((item, index) => write(item, `${path}[${index}]`, parents)).join(',')}]`
    : writeObject(value, path, parents);
  parents.delete(value);
  return text;
}

function writeObject(value: object, path: string, parents: Set<object>): string {
  if (!isObject(value)) throw notJson(path, `a ${value.constructor.name}`);
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(value[key], `${path}.${key}`, parents)}`);
  return `{${members.join(',')}}`;
}

function notJson(path: string, what: string): TypeError {
  return new TypeError(`${path === '' ? 'the value' : path} is ${what}, which JSON cannot carry`);
}

/** Lower-case hexadecimal sha256 of {@link canonicalJson}. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** True for a plain object: no array, no null, no class instance. */
export function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Equality of JSON values; an undefined member equals an absent one, and the order of keys does not matter. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => deepEqual(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  return (
    Object.keys(a).every((key) => deepEqual(a[key], b[key])) &&
    Object.keys(b).every((key) => b[key] === undefined || a[key] !== undefined)
  );
}

/** Freezes a JSON value all the way down and gives it back. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
