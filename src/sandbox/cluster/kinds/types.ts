import type { Json } from '../../../kube/types.ts';
import type { JsonObject } from '../object.ts';

/**
 * The schema of a built-in type: an OpenAPI schema, with what the decoder of the real server does besides.
 */
export interface TypeSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, TypeSchema>>;
  readonly additionalProperties?: TypeSchema;
  readonly items?: TypeSchema;
  readonly default?: Json;
  /** Kept when empty (a pointer in Go); other empty strings, zeros, lists and maps are left out of what is stored. */
  readonly pointer?: boolean;
  /** Stored as `{}` even where the client gave nothing (a struct by value without omitempty in Go). */
  readonly always?: boolean;
  /** Stored as this where the client gave nothing; other than a default, nobody owns it then. */
  readonly zero?: Json;
  /** Anything goes, unknown fields included. */
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic';
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
}

type Fields = Readonly<Record<string, TypeSchema>>;

export const text: TypeSchema = { type: 'string' };
export const int: TypeSchema = { type: 'integer', format: 'int32' };
export const long: TypeSchema = { type: 'integer', format: 'int64' };
export const flag: TypeSchema = { type: 'boolean' };
export const time: TypeSchema = { type: 'string', format: 'date-time' };
/** Six digits of seconds are required, as the real server does. */
export const microTime: TypeSchema = { type: 'string', format: 'micro-time' };
export const quantity: TypeSchema = { type: 'string', format: 'quantity' };
export const bytes: TypeSchema = { type: 'string', format: 'byte' };
export const intOrText: TypeSchema = { 'x-kubernetes-int-or-string': true };
/** A part of an object that nothing here reads: it is stored as it comes. */
export const anything: TypeSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** The same type where an empty value means something and is stored. */
export function optional(type: TypeSchema): TypeSchema {
  return { ...type, pointer: true };
}

/** The same type with a default for when it is absent (or empty, unless the type is {@link optional}). */
export function preset(type: TypeSchema, value: Json): TypeSchema {
  return { ...type, default: value };
}

/** The same type, stored as `value` where a client gives nothing: what Go writes for an empty field. */
export function alwaysAs(type: TypeSchema, value: Json): TypeSchema {
  return { ...type, zero: value };
}

/** The same type, stored as an empty object where a client gives nothing. */
export function always(type: TypeSchema): TypeSchema {
  return { ...type, always: true };
}

/** An object with these fields and no others; kept when empty, as pointers to structs are. */
export function struct(properties: Fields): TypeSchema {
  return { type: 'object', properties, pointer: true };
}

/** An object that server-side apply owns as a whole. */
export function atomic(type: TypeSchema): TypeSchema {
  return type.type === 'array'
    ? { ...type, 'x-kubernetes-list-type': 'atomic' }
    : { ...type, 'x-kubernetes-map-type': 'atomic' };
}

export function mapOf(additionalProperties: TypeSchema): TypeSchema {
  return { type: 'object', additionalProperties };
}

/** A list that is replaced as a whole. */
export function listOfType(items: TypeSchema): TypeSchema {
  return { type: 'array', items, 'x-kubernetes-list-type': 'atomic' };
}

/** A list of unlike scalars, merged item by item. */
export function setOf(items: TypeSchema): TypeSchema {
  return { type: 'array', items, 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
}

/**
 * A list of objects that are told apart by `keys`, merged item by item. Strategic merge patches know one key only,
 * `mergeKey`.
 */
export function keyedList(items: TypeSchema, keys: readonly string[], mergeKey = keys[0] ?? ''): TypeSchema {
  return {
    type: 'array',
    items,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    'x-kubernetes-patch-merge-key': mergeKey,
    'x-kubernetes-patch-strategy': 'merge',
  };
}

const owner = atomic(
  struct({
    apiVersion: text,
    kind: text,
    name: text,
    uid: text,
    controller: optional(flag),
    blockOwnerDeletion: optional(flag),
  }),
);

/** `metadata` of every kind. */
export const objectMeta: TypeSchema = struct({
  name: text,
  generateName: text,
  namespace: text,
  selfLink: text,
  uid: text,
  resourceVersion: text,
  generation: long,
  creationTimestamp: time,
  deletionTimestamp: time,
  deletionGracePeriodSeconds: optional(long),
  labels: mapOf(text),
  annotations: mapOf(text),
  ownerReferences: keyedList(owner, ['uid']),
  finalizers: setOf(text),
  managedFields: listOfType(anything),
});

export const labelSelector: TypeSchema = atomic(
  struct({
    matchLabels: mapOf(text),
    matchExpressions: listOfType(struct({ key: text, operator: text, values: listOfType(text) })),
  }),
);

/** A reference to an object, as events and others have it. */
export const objectReference: TypeSchema = atomic(
  struct({
    kind: text,
    namespace: text,
    name: text,
    uid: text,
    apiVersion: text,
    resourceVersion: text,
    fieldPath: text,
  }),
);

/** `status.conditions` of built-in kinds. */
export function conditions(more: Fields = {}): TypeSchema {
  return keyedList(
    struct({
      type: text,
      status: text,
      reason: text,
      message: text,
      lastTransitionTime: alwaysAs(time, null),
      ...more,
    }),
    ['type'],
  );
}

/** The schema of a whole object: apiVersion, kind and metadata are added to the fields. */
export function topLevel(fields: Fields): TypeSchema {
  return struct({ apiVersion: text, kind: text, metadata: objectMeta, ...fields });
}

const INTERNAL = new Set(['pointer', 'always', 'zero']);

/** The schema as OpenAPI clients may see it: without the decoder's own marks. */
export function publicSchema(schema: TypeSchema): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(schema) as [string, Json][]) {
    if (!INTERNAL.has(key)) result[key] = value;
  }
  if (schema.properties !== undefined) {
    result['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, publicSchema(property)]),
    );
  }
  if (schema.items !== undefined) result['items'] = publicSchema(schema.items);
  if (schema.additionalProperties !== undefined) {
    result['additionalProperties'] = publicSchema(schema.additionalProperties);
  }
  return result;
}
