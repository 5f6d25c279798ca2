import type { JsonObject } from '../object.ts';
import {
  type Column,
  groupResource,
  groupVersion,
  type Resource,
  type Rules,
  type ScalePaths,
} from '../resource.ts';
import { decodeTyped, zeroOf } from './decode.ts';
import { publicSchema, topLevel, type TypeSchema } from './types.ts';

/** How a built-in kind is described; what is left out is as for most kinds. */
export interface Definition {
  group?: string;
  version?: string;
  plural: string;
  kind: string;
  shortNames?: string[];
  categories?: string[];
  clusterScoped?: boolean;
  /** Fields besides apiVersion, kind and metadata. */
  fields: Readonly<Record<string, TypeSchema>>;
  subresources?: string[];
  scale?: ScalePaths;
  /** Defaults that depend on more than one field; part of decoding, so that their writer owns them. */
  complete?: (object: JsonObject) => JsonObject;
  rules?: Partial<Rules>;
  columns?: Column[];
  /** Where another kind's table holds the objects. */
  table?: string;
  fromStored?: Resource['fromStored'];
  toStored?: Resource['toStored'];
}

/** The columns that every kind without its own has. */
export const DEFAULT_COLUMNS: readonly Column[] = [
  { name: 'Name', type: 'string', format: 'name', priority: 0, value: ({ metadata }) => metadata.name },
  {
    name: 'Created At',
    type: 'date',
    priority: 0,
    value: ({ metadata }) => metadata.creationTimestamp ?? '<unknown>',
  },
];

/** Makes a resource of a built-in kind. */
export function define(definition: Definition): Resource {
  const { group = '', version = 'v1', plural, kind } = definition;
  const schema = topLevel(definition.fields);
  const { complete = (object: JsonObject) => object } = definition;
  const decode = (object: JsonObject) => complete(decodeTyped(kind, schema, object));
  return {
    group,
    version,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    shortNames: definition.shortNames ?? [],
    categories: definition.categories ?? [],
    namespaced: definition.clusterScoped !== true,
    table: definition.table ?? groupResource({ group, plural }),
    custom: false,
    subresources: definition.subresources ?? [],
    scale: definition.scale,
    columns: definition.columns ?? DEFAULT_COLUMNS,
    schema: publicSchema(schema),
    empty: { ...zeroOf(schema), apiVersion: groupVersion({ group, version }), kind },
    rules: { name: 'subdomain', unconditionalUpdate: true, decode, ...definition.rules },
    ...(definition.fromStored === undefined ? {} : { fromStored: definition.fromStored }),
    ...(definition.toStored === undefined ? {} : { toStored: definition.toStored }),
  };
}
