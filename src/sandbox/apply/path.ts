import type { Json } from '../../kube/types.ts';
import type { JsonObject } from '../cluster/object.ts';

/**
 * One step from a value to a part of it, in the form that FieldsV1 gives it: `f:NAME` is a field, `k:{...}` the item of
 * a list with these keys, `v:VALUE` the item of a set, `i:INDEX` the item of an atomic list. The text is canonical, so
 * equal steps are equal strings.
 */
export type PathElement = string;

const ESCAPED = /[<>&\u2028\u2029]/g;

// Go's encoder escapes what HTML would trip over; managedFields are compared as text by some clients.
function text(value: Json): string {
  return JSON.stringify(value).replace(
    ESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** `keys` need not be sorted. */
export function keyElement(keys: readonly (readonly [string, Json])[]): PathElement {
  const sorted = [...keys].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `k:{${sorted.map(([name, value]) => `${text(name)}:${text(value)}`).join(',')}}`;
}

export function valueElement(value: Json): PathElement {
  return `v:${text(value)}`;
}

export function indexElement(index: number): PathElement {
  return `i:${index}`;
}

/** The name of a field element, or undefined for other elements. */
export function fieldName(element: PathElement): string | undefined {
  return element.startsWith('f:') ? element.slice(2) : undefined;
}

/** True for the item of a list with keys. */
export function isKey(element: PathElement): boolean {
  return element.startsWith('k:');
}

/**
 * Canonical form of an element as it stands in a FieldsV1; undefined for kinds of element that are not known, which
 * readers must skip.
 * @throws Error when it is malformed.
 */
export function parseElement(element: string): PathElement | undefined {
  if (element.length < 2) throw new Error(`${JSON.stringify(element)}: key must be 2 characters long`);
  if (element[1] !== ':') throw new Error(`missing colon: ${element}`);
  const rest = element.slice(2);
  switch (element.charAt(0)) {
    case 'f':
      return element;
    case 'v':
      return valueElement(JSON.parse(rest) as Json);
    case 'k':
      return keyElement(
        Object.entries(JSON.parse(rest) as JsonObject).map(([name, value]) => [name, value ?? null]),
      );
    case 'i':
      if (!/^-?\d+$/.test(rest)) throw new Error(`${JSON.stringify(rest)} is no index`);
      return indexElement(Number(rest));
    default:
      return undefined;
  }
}

/** Human-readable: `.spec`, `[name="app"]`, `[="value"]`, `[3]`. */
export function describeElement(element: PathElement): string {
  const rest = element.slice(2);
  switch (element.charAt(0)) {
    case 'f':
      return `.${rest}`;
    case 'k':
      return `[${Object.entries(JSON.parse(rest) as JsonObject)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${JSON.stringify(JSON.parse(rest))}]`;
    default:
      return `[${rest}]`;
  }
}

/** Human-readable form of a whole path, as in conflicts: `.spec.containers[name="app"].image`. */
export function describePath(path: readonly PathElement[]): string {
  return path.map(describeElement).join('');
}

const KINDS = 'fkvi';

/** The order of elements in FieldsV1 and in lists of conflicts. */
export function compareElements(a: PathElement, b: PathElement): number {
  const kinds = KINDS.indexOf(a[0] ?? '') - KINDS.indexOf(b[0] ?? '');
  if (kinds !== 0) return kinds;
  const left = a.slice(2);
  const right = b.slice(2);
  if (a.startsWith('f:')) return compareText(left, right);
  return compareJson(JSON.parse(left) as Json, JSON.parse(right) as Json);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Numbers before strings before booleans before objects, as the real server sorts values.
function compareJson(a: Json, b: Json): number {
  const ranks = rank(a) - rank(b);
  if (ranks !== 0) return ranks;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  const left = entries(a);
  const right = entries(b);
  for (const [index, [name, value]] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = compareText(name, other[0]) || compareJson(value, other[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function rank(value: Json): number {
  const order = ['number', 'string', 'boolean', 'object'];
  return value === null ? order.length : order.indexOf(typeof value);
}

function entries(value: Json): [string, Json][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([name, member]) => [name, member ?? null]);
}
