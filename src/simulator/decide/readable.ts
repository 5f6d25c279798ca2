import { isDeepStrictEqual } from 'node:util';
import type { CanaryReleaseStatus } from '../../api/index.ts';
import { canaryReleaseStatus } from '../../api/index.ts';

/**
 * Shapes of fields that were read already: reading is slow, and most statuses differ in times and numbers alone. Two
 * shapes of the same hash would be taken for one; among as many as are kept, that is one in a million.
 */
const shapes = new Set<number>();
const MOST_SHAPES = 10_000;
/** Values of fields that were read; a pass keeps those that it does not change. */
const known = new WeakSet();

/** What is wrong with a status that could not be read again after a restart, or would lose something by it. */
export function unreadable(status: CanaryReleaseStatus): string | undefined {
  let isNew = false;
  for (const [name, value] of Object.entries(status)) {
    const isObject = typeof value === 'object';
    if (isObject && known.has(value)) continue;
    if (isObject) known.add(value);
    const shape = hash(name, value);
    if (shapes.has(shape)) continue;
    isNew = true;
    if (shapes.size >= MOST_SHAPES) shapes.clear();
    shapes.add(shape);
  }
  return isNew ? problemOf(status) : undefined;
}

function problemOf(status: CanaryReleaseStatus): string | undefined {
  const plain = JSON.parse(JSON.stringify(status)) as unknown;
  const read = canaryReleaseStatus.safeParse(plain);
  if (!read.success) return `not readable: ${read.error.message}`;
  return isDeepStrictEqual(read.data, plain) ? undefined : 'loses fields when it is read';
}

/** Of the names of all members, of texts other than times, and of the kinds of all other values. */
function hash(name: string, value: unknown): number {
  const start = textHash(name);
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => mixed(sum, hash('', one)), start + 1);
  if (typeof value === 'object' && value !== null) {
    let sum = start + 2;
    for (const key in value) sum = mixed(sum, hash(key, (value as Record<string, unknown>)[key]));
    return sum;
  }
  return mixed(start, typeof value === 'string' ? textHash(value) : textHash(typeof value));
}

function mixed(sum: number, more: number): number {
  return (Math.imul(sum, 31) + more) | 0;
}

const texts = new Map<string, number>();

/** The same number for the same text, as long as not too many are known. Times, which begin with a digit, are one. */
function textHash(text: string): number {
  const first = text.charCodeAt(0);
  if (first >= 48 && first <= 57) return 7;
  let number = texts.get(text);
  if (number === undefined) {
    if (texts.size >= MOST_SHAPES) {
      texts.clear();
      shapes.clear();
    }
    number = Math.imul(texts.size + 11, 0x9e3779b1);
    texts.set(text, number);
  }
  return number;
}
