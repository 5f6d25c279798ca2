import { isObject, type JsonObject } from '../cluster/object.ts';
import type { Json } from '../../kube/types.ts';

/** The label by which the pods of one template are told from those of another. */
export const HASH_LABEL = 'pod-template-hash';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The hash of a pod template: equal for equal templates, of letters and digits that can't spell a word. */
export function templateHash(template: JsonObject, collisions: number): string {
  const digits = String(fnv1a(canonical(template) + (collisions === 0 ? '' : String(collisions))));
  return digits.replace(/\d/g, (digit) => ALPHABET.charAt(digit.charCodeAt(0) % ALPHABET.length));
}

function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(',')}}`;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
