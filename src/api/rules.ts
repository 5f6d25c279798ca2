import { z } from 'zod';

/**
 * One rule, said twice in the same sentence: to the API server as CEL, and to zod for whoever has no API server at hand
 * (the command line, a CI job, an older CRD).
 */
export interface Rule<T> {
  /** CEL over `self`. */
  readonly cel: string;
  /** The same in TypeScript. */
  readonly check: (value: T) => boolean;
  /** Names the field and the mend. */
  readonly message: string;
}

/** Documentation and Kubernetes extensions of a schema; copied into the CRD by crd.ts. */
export interface Meta {
  description?: string;
  /**
   * For a required property: the sentence when it is missing. The CRD then says it by a CEL rule on the parent, since
   * an API server's own words ("Required value") don't tell the mend.
   */
  requiredMessage?: string;
  'x-kubernetes-validations'?: { rule: string; message: string }[];
  'x-kubernetes-preserve-unknown-fields'?: true;
  'x-kubernetes-int-or-string'?: true;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
}

/** Adds rules and documentation to a schema. Goes last: zod keeps `meta` with the very instance. */
export function ruled<S extends z.ZodType>(
  schema: S,
  meta: Meta,
  rules: readonly Rule<z.output<S>>[] = [],
): S {
  let result = schema;
  for (const rule of rules) {
    result = result.refine((value) => rule.check(value), { message: rule.message });
  }
  // A schema's own meta hides that of the schema it was made from, so earlier rules have to be repeated.
  const validations = [...earlierRules(schema), ...rules.map(({ cel, message }) => ({ rule: cel, message }))];
  return result.meta({
    ...meta,
    ...(validations.length > 0 ? { 'x-kubernetes-validations': validations } : {}),
  });
}

function earlierRules(schema: z.ZodType): { rule: string; message: string }[] {
  const own = schema.meta() as Meta | undefined;
  if (own?.['x-kubernetes-validations'] !== undefined) return own['x-kubernetes-validations'];
  const isWrapper = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;
  return isWrapper ? earlierRules(schema.unwrap() as z.ZodType) : [];
}

/** For an array: its sentence when it is empty. */
export function notEmpty(message: string): Rule<readonly unknown[]> {
  return { cel: 'self.size() > 0', check: (list) => list.length > 0, message };
}

/** A string that must match; the sentence says what it should look like. */
export function matching(pattern: RegExp, maxLength: number, message: string, description?: string) {
  const cel = `self.matches('${pattern.source.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}')`;
  return ruled(z.string().max(maxLength), description === undefined ? {} : { description }, [
    { cel, check: (value) => pattern.test(value), message },
  ]);
}
