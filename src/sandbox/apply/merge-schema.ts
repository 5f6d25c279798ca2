import type { Json } from '../../kube/types.ts';
import { isObject, listOf, objectOf, textOf, type JsonObject } from '../cluster/object.ts';

/**
 * What merging must know of a type. A type may be several of scalar, list and map at once: the value decides.
 * The rules that lead from an OpenAPI schema to this are those of kube-openapi's schemaconv.
 */
export interface MergeType {
  readonly scalar?: 'numeric' | 'string' | 'boolean' | 'untyped';
  readonly list?: MergeList;
  readonly map?: MergeMap;
}

export interface MergeList {
  /** `associative`: items are told apart by `keys`, or, without keys, by their value. */
  readonly relationship: 'atomic' | 'associative';
  readonly keys: readonly string[];
  readonly items: MergeType;
}

export interface MergeMap {
  /** `separable`: each member has its own owners. */
  readonly relationship: 'atomic' | 'separable';
  readonly fields: ReadonlyMap<string, MergeField>;
  /** The type of members that are no fields; absent where there must be none. */
  readonly others: MergeType | undefined;
}

export interface MergeField {
  readonly type: MergeType;
  readonly default: Json | undefined;
}

interface Cyclic {
  scalar?: MergeType['scalar'];
  list?: MergeList;
  map?: MergeMap;
}

const untyped: Cyclic = { scalar: 'untyped' };
untyped.list = { relationship: 'atomic', keys: [], items: untyped as MergeType };
untyped.map = { relationship: 'atomic', fields: new Map(), others: untyped as MergeType };

const deducedType: Cyclic = { scalar: 'untyped' };
deducedType.list = { relationship: 'atomic', keys: [], items: untyped as MergeType };
deducedType.map = { relationship: 'separable', fields: new Map(), others: deducedType as MergeType };

/** The type of anything without a schema: objects merge member by member, lists are atomic. */
export const deduced = deducedType as MergeType;

const cache = new WeakMap<JsonObject, MergeType>();

/**
 * Merge type of a kind from its OpenAPI schema with `x-kubernetes-` extensions. `apiVersion`, `kind` and `metadata` are
 * added, whatever the schema says of them. Results are cached by the identity of the schema.
 */
export function mergeTypeOf(schema: JsonObject): MergeType {
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const type = withTypeAndObjectMeta(convert(schema, false));
  cache.set(schema, type);
  return type;
}

function convert(schema: JsonObject, preservedAbove: boolean): MergeType {
  // Once unknown fields are preserved, they are so all the way down, as far as merging goes.
  const preserved = preservedAbove || schema['x-kubernetes-preserve-unknown-fields'] === true;
  const type = schemaType(schema, preserved);
  return schema['x-kubernetes-embedded-resource'] === true ? withTypeAndObjectMeta(type) : type;
}

function schemaType(schema: JsonObject, preserved: boolean): MergeType {
  switch (schema['x-kubernetes-int-or-string'] === true ? '' : textOf(schema['type'])) {
    case 'object':
      return { map: mapType(schema, preserved) };
    case 'array':
      return { list: listType(schema, preserved) };
    case 'integer':
    case 'number':
      return { scalar: 'numeric' };
    case 'boolean':
      return { scalar: 'boolean' };
    case 'string':
      return { scalar: ['', 'byte'].includes(textOf(schema['format'])) ? 'string' : 'untyped' };
    default:
      return { scalar: 'untyped', list: listType(schema, preserved), map: mapType(schema, preserved) };
  }
}

function mapType(schema: JsonObject, preserved: boolean): MergeMap {
  const properties = objectOf(schema['properties']);
  const fields = new Map<string, MergeField>();
  for (const [name, property] of Object.entries(properties)) {
    const own = objectOf(property);
    fields.set(name, { type: convert(own, preserved), default: own['default'] });
  }
  const additional = schema['additionalProperties'];
  let others: MergeType | undefined;
  if (isObject(additional)) others = convert(additional, preserved);
  else if (additional === true || (additional === undefined && (preserved || fields.size === 0)))
    others = deduced;
  const relationship = schema['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : 'separable';
  return { relationship, fields, others };
}

function listType(schema: JsonObject, preserved: boolean): MergeList {
  const items = isObject(schema['items']) ? convert(schema['items'], preserved) : (untyped as MergeType);
  switch (textOf(schema['x-kubernetes-list-type'])) {
    case 'map':
      return {
        relationship: 'associative',
        keys: listOf(schema['x-kubernetes-list-map-keys']).map(textOf),
        items,
      };
    case 'set':
      return { relationship: 'associative', keys: [], items };
    default:
      return { relationship: 'atomic', keys: [], items };
  }
}

const text: JsonObject = { type: 'string' };

const objectMeta = convert(
  {
    type: 'object',
    properties: {
      labels: { type: 'object', additionalProperties: text },
      annotations: { type: 'object', additionalProperties: text },
      finalizers: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      ownerReferences: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
        items: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          properties: {
            ...Object.fromEntries(['apiVersion', 'kind', 'name', 'uid'].map((name) => [name, text])),
            controller: { type: 'boolean' },
            blockOwnerDeletion: { type: 'boolean' },
          },
        },
      },
      managedFields: { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'atomic' },
      ...Object.fromEntries(
        ['name', 'generateName', 'namespace', 'uid', 'selfLink', 'resourceVersion'].map((name) => [
          name,
          text,
        ]),
      ),
      generation: { type: 'integer' },
      deletionGracePeriodSeconds: { type: 'integer' },
      creationTimestamp: { type: 'string', format: 'date-time' },
      deletionTimestamp: { type: 'string', format: 'date-time' },
    },
  },
  false,
);

function withTypeAndObjectMeta(type: MergeType): MergeType {
  if (type.map === undefined) return type;
  const fields = new Map(type.map.fields);
  for (const name of ['apiVersion', 'kind'])
    fields.set(name, { type: { scalar: 'string' }, default: undefined });
  fields.set('metadata', { type: objectMeta, default: undefined });
  return { ...type, map: { ...type.map, fields } };
}
