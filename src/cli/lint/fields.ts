import type { StructuralSchema } from '../../api/structural.ts';

/** A field that the schema does not have. */
export interface UnknownField {
  readonly path: readonly (string | number)[];
  /** One that it has, and that may be meant. */
  readonly meant: string | undefined;
}

/** Fields that an API server would refuse, as kubectl asks it to, or drop without a word. */
export function unknownFields(
  value: unknown,
  schema: StructuralSchema | undefined,
  path: readonly (string | number)[] = [],
): UnknownField[] {
  if (schema === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => unknownFields(item, schema.items, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  const { properties, additionalProperties } = schema;
  if (properties === undefined && additionalProperties === undefined) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const known = properties?.[name] ?? additionalProperties;
    if (known !== undefined) return unknownFields(member, known, [...path, name]);
    return [{ path: [...path, name], meant: nearest(name, Object.keys(properties ?? {})) }];
  });
}

/** The name that is most alike, where one is alike at all. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((other) => ({ other, distance: distance(name.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, distance: far }) => far <= Math.max(1, Math.floor(other.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.other;
}

/** Letters to be put in, left out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
