import type { Json } from '../../kube/types.ts';
import { isObject, listOf, numberOf, objectOf, textOf, type JsonObject } from '../cluster/object.ts';

/** One entry of `x-kubernetes-validations`. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression: string;
  readonly reason: string;
  /** JSONPath of the field to blame, relative to where the rule stands. */
  readonly fieldPath: string;
  readonly optionalOldSelf: boolean | undefined;
}

/** One node of a CRD's `openAPIV3Schema`. */
export interface Schema {
  /** '' where none is given. */
  readonly type: string;
  readonly format: string;
  readonly nullable: boolean;
  readonly default: Json | undefined;
  readonly properties: ReadonlyMap<string, Schema>;
  readonly additionalProperties: Schema | boolean | undefined;
  readonly items: Schema | undefined;
  readonly required: readonly string[];
  readonly enum: readonly Json[];
  readonly pattern: string;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly exclusiveMinimum: boolean;
  readonly exclusiveMaximum: boolean;
  readonly multipleOf: number | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly minItems: number | undefined;
  readonly maxItems: number | undefined;
  readonly minProperties: number | undefined;
  readonly maxProperties: number | undefined;
  readonly allOf: readonly Schema[];
  readonly anyOf: readonly Schema[];
  readonly oneOf: readonly Schema[];
  readonly not: Schema | undefined;
  readonly preserveUnknownFields: boolean;
  readonly embeddedResource: boolean;
  readonly intOrString: boolean;
  readonly listType: '' | 'atomic' | 'set' | 'map';
  readonly listMapKeys: readonly string[];
  readonly mapType: '' | 'atomic' | 'granular';
  readonly validations: readonly Rule[];
  /** The JSON that this node was read from. */
  readonly source: JsonObject;
}

/** Reads a schema; what is malformed counts as absent ({@link ../schema/crd-check.ts} has refused it before). */
export function parseSchema(json: Json | undefined): Schema {
  const source = objectOf(json);
  const additional = source['additionalProperties'];
  const children = (key: string) => listOf(source[key]).map(parseSchema);
  return {
    type: textOf(source['type']),
    format: textOf(source['format']),
    nullable: source['nullable'] === true,
    default: source['default'] ?? undefined,
    properties: new Map(
      Object.entries(objectOf(source['properties'])).map(([name, own]) => [name, parseSchema(own)]),
    ),
    additionalProperties: isObject(additional)
      ? parseSchema(additional)
      : ((additional ?? undefined) as boolean | undefined),
    items: isObject(source['items']) ? parseSchema(source['items']) : undefined,
    required: listOf(source['required']).map(textOf),
    enum: listOf(source['enum']),
    pattern: textOf(source['pattern']),
    exclusiveMinimum: source['exclusiveMinimum'] === true,
    exclusiveMaximum: source['exclusiveMaximum'] === true,
    ...limits(source),
    allOf: children('allOf'),
    anyOf: children('anyOf'),
    oneOf: children('oneOf'),
    not: isObject(source['not']) ? parseSchema(source['not']) : undefined,
    preserveUnknownFields: source['x-kubernetes-preserve-unknown-fields'] === true,
    embeddedResource: source['x-kubernetes-embedded-resource'] === true,
    intOrString: source['x-kubernetes-int-or-string'] === true,
    listType: textOf(source['x-kubernetes-list-type']) as Schema['listType'],
    listMapKeys: listOf(source['x-kubernetes-list-map-keys']).map(textOf),
    mapType: textOf(source['x-kubernetes-map-type']) as Schema['mapType'],
    validations: listOf(source['x-kubernetes-validations']).map(parseRule),
    source,
  };
}

const LIMITS = [
  'minimum',
  'maximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
] as const;

type Limits = Record<(typeof LIMITS)[number], number | undefined>;

function limits(source: JsonObject): Limits {
  const read = (key: (typeof LIMITS)[number]) =>
    typeof source[key] === 'number' ? numberOf(source[key]) : undefined;
  return Object.fromEntries(LIMITS.map((key) => [key, read(key)])) as Limits;
}

function parseRule(json: Json): Rule {
  const source = objectOf(json);
  const optional = source['optionalOldSelf'];
  return {
    rule: textOf(source['rule']),
    message: textOf(source['message']),
    messageExpression: textOf(source['messageExpression']),
    reason: textOf(source['reason']),
    fieldPath: textOf(source['fieldPath']),
    optionalOldSelf: typeof optional === 'boolean' ? optional : undefined,
  };
}

/** The schema of a member: its property, or that of additional properties; undefined where there is none. */
export function memberSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const own = schema.properties.get(name);
  if (own !== undefined) return own;
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** True for a keyword that is there and says something. */
export function isGiven(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '' || value === false) return false;
  return !isObject(value) || Object.keys(value).length > 0;
}
