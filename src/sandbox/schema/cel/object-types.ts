import type { Environment } from '@marcbachmann/cel-js';
import type { Json } from '../../../kube/types.ts';
import { equal, isObject, objectOf, type JsonObject } from '../../cluster/object.ts';
import { keyOf } from '../correlate.ts';
import { isInteger64, sortedJson } from '../field-error.ts';
import { memberSchema, parseSchema, type Schema } from '../schema.ts';
import { fault } from './functions.ts';
import { DURATION, parseDuration, TIMESTAMP } from './time.ts';

interface ObjectType {
  readonly name: string;
  readonly create: (value: JsonObject) => unknown;
}

/**
 * The types that a schema gives to rules, and its values as values of these types. Parts without a schema, such as
 * preserved unknown fields, are not exposed.
 */
export class ObjectTypes {
  readonly #environment: Environment;
  readonly #types = new Map<Schema, ObjectType>();
  readonly #fields = new Map<string, ReadonlySet<string>>();

  /** Types are added to `environment` as they are asked for. */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** False for a field that an object type is known not to have. */
  hasField(type: string, field: string): boolean {
    return this.#fields.get(type)?.has(field) !== false;
  }

  /** Name of the type of a schema's values, or undefined where rules can't see them. */
  nameOf(schema: Schema, isResource: boolean): string | undefined {
    const own = this.selfNameOf(schema, isResource);
    if (own === undefined || !schema.nullable) return own;
    // A null may come in place of a value, so operations on it are resolved as they are evaluated.
    return /^(?:string|int|double|bool)$/.test(own) ? `dyn<${own}>` : 'dyn';
  }

  /** As {@link nameOf}, for values that are no null: null members count as absent. */
  selfNameOf(schema: Schema, isResource: boolean): string | undefined {
    if (schema.intOrString) return 'dyn';
    switch (schema.type) {
      case 'array': {
        const items =
          schema.items === undefined ? undefined : this.nameOf(schema.items, schema.items.embeddedResource);
        return items === undefined ? undefined : `list<${items}>`;
      }
      case 'object': {
        const { additionalProperties: others } = schema;
        if (typeof others !== 'object') return this.#objectType(schema, isResource).name;
        const values = this.nameOf(others, others.embeddedResource);
        return values === undefined ? undefined : `map<string, ${values}>`;
      }
      case 'string':
        return (
          { byte: 'bytes', duration: DURATION, date: TIMESTAMP, 'date-time': TIMESTAMP }[schema.format] ??
          'string'
        );
      case 'boolean':
        return 'bool';
      case 'number':
        return 'double';
      case 'integer':
        return 'int';
      default:
        return undefined;
    }
  }

  #objectType(schema: Schema, isResource: boolean): ObjectType {
    const known = this.#types.get(schema);
    if (known !== undefined) return known;
    const complete = isResource ? withTypeAndObjectMeta(schema) : schema;
    const name = `Object.o${this.#types.size + 1}`;
    const valueOf = (member: Schema, value: Json) => this.valueOf(member, value, member.embeddedResource);
    class CelObject extends Map<string, unknown> {
      readonly json: JsonObject;

      constructor(json: JsonObject) {
        super();
        this.json = json;
      }

      override get(field: string): unknown {
        if (this.has(field)) return super.get(field);
        const property = unescapeName(field);
        const own = complete.properties.get(property);
        const value = this.json[property];
        // A null counts as absent, as in the real server.
        if (own === undefined || value === undefined || value === null) return undefined;
        const converted = valueOf(own, value);
        this.set(field, converted);
        return converted;
      }

      override [Symbol.iterator](): MapIterator<[string, unknown]> {
        for (const property of Object.keys(this.json)) {
          const field = escapeName(property);
          if (field !== undefined) this.get(field);
        }
        return super[Symbol.iterator]();
      }
    }
    const type: ObjectType = { name, create: (value) => new CelObject(value) };
    this.#types.set(schema, type);
    const fields: Record<string, string> = {};
    for (const [property, own] of complete.properties) {
      const field = escapeName(property);
      const fieldType = this.selfNameOf(own, own.embeddedResource);
      if (field !== undefined && fieldType !== undefined) fields[field] = fieldType;
    }
    this.#fields.set(name, new Set(Object.keys(fields)));
    this.#environment.registerType(name, { ctor: CelObject, fields });
    this.#environment.registerOperator(`${name} == ${name}`, (a: CelObject, b: CelObject) =>
      sameBySchema(complete, a.json, b.json),
    );
    // Objects may be compared with null, though one that is null counts as absent.
    this.#environment.registerOperator(`${name} == null`, () => false);
    return type;
  }

  /** A JSON value as a CEL value of the schema's type. */
  valueOf(schema: Schema, value: Json, isResource: boolean): unknown {
    if (value === null) return null;
    if (schema.intOrString) return typeof value === 'number' && isInteger64(value) ? BigInt(value) : value;
    if (Array.isArray(value)) {
      const { items } = schema;
      if (items === undefined) return [];
      const converted = value.map((item) => this.valueOf(items, item, items.embeddedResource));
      // The library compares sets in any order, as Kubernetes does.
      return schema.listType === 'set' ? new Set(converted) : converted;
    }
    if (isObject(value)) {
      const { additionalProperties: others } = schema;
      if (typeof others !== 'object') return this.#objectType(schema, isResource).create(value);
      const entries = Object.entries(value).filter(([, member]) => member !== undefined);
      return new Map(
        entries.map(([key, member]) => [key, this.valueOf(others, member ?? null, others.embeddedResource)]),
      );
    }
    return scalarOf(schema, value);
  }
}

function scalarOf({ type, format }: Schema, value: string | number | boolean): unknown {
  if (type === 'integer' && typeof value === 'number' && isInteger64(value)) return BigInt(value);
  if (type !== 'string' || typeof value !== 'string') return value;
  switch (format) {
    case 'byte':
      return new Uint8Array(Buffer.from(value, 'base64'));
    case 'date':
    case 'date-time': {
      const time = new Date(value);
      if (Number.isNaN(time.getTime())) throw fault(`Invalid ${format} formatted string '${value}'`);
      return time;
    }
    case 'duration': {
      const duration = parseDuration(value);
      if (duration === undefined) throw fault(`Invalid duration ${JSON.stringify(value)}`);
      return duration;
    }
    default:
      return value;
  }
}

/** Equality of two JSON values as CEL has it for their schema: sets and list maps are equal in any order. */
function sameBySchema(schema: Schema | undefined, a: Json | undefined, b: Json | undefined): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    const items = schema?.items;
    if (schema?.listType === 'set') {
      const known = new Set(b.map(sortedJson));
      return a.every((item) => known.has(sortedJson(item)));
    }
    if (schema?.listType !== 'map') return a.every((item, index) => sameBySchema(items, item, b[index]));
    const keyed = new Map(b.map((item) => [keyOf(item, schema.listMapKeys), item]));
    return a.every((item) => {
      const key = keyOf(item, schema.listMapKeys);
      return keyed.has(key) && sameBySchema(items, item, keyed.get(key));
    });
  }
  if (!isObject(a) || !isObject(b)) return equal(a, b);
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => {
    const own = memberSchema(schema, name);
    if (own === undefined) return equal(a[name], b[name]);
    return (a[name] === undefined) === (b[name] === undefined) && sameBySchema(own, a[name], b[name]);
  });
}

const TYPE_AND_OBJECT_META = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: {
    type: 'object',
    properties: { name: { type: 'string' }, generateName: { type: 'string' } },
  },
};

function withTypeAndObjectMeta(schema: Schema): Schema {
  const meta = parseSchema({ properties: objectOf(TYPE_AND_OBJECT_META) });
  return { ...schema, properties: new Map([...schema.properties, ...meta.properties]) };
}

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const ESCAPES = { __: 'underscores', '.': 'dot', '-': 'dash', '/': 'slash' } as const;

/** The name of a property in rules, or undefined where rules can't name it. */
export function escapeName(property: string): string | undefined {
  if (RESERVED.has(property)) return `__${property}__`;
  if (!/^[A-Za-z_.\-/][\w.\-/]*$/.test(property)) return undefined;
  return property.replace(/__|[.\-/]/g, (part) => `__${ESCAPES[part as keyof typeof ESCAPES]}__`);
}

function unescapeName(field: string): string {
  return field.replace(/__([^_]+)__/g, (whole, name: string) => {
    const [part] = Object.entries(ESCAPES).find(([, escape]) => escape === name) ?? [];
    return part ?? (RESERVED.has(name) ? name : whole);
  });
}
