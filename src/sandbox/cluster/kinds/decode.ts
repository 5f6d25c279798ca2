import type { Json } from '../../../kube/types.ts';
import { badRequest } from '../errors.ts';
import { isObject, type JsonObject } from '../object.ts';
import type { TypeSchema } from './types.ts';

class Mismatch extends Error {
  readonly found: string;
  readonly wanted: string;
  readonly path: readonly string[];

  constructor(found: string, wanted: string, path: readonly string[]) {
    super(`found ${found} instead of ${wanted}`);
    this.found = found;
    this.wanted = wanted;
    this.path = path;
  }
}

class BadTime extends Error {}

/**
 * Decodes an object of a built-in kind as the real server's typed decoder does: unknown fields and nulls vanish, empty
 * values that mean nothing vanish, defaults come in.
 * @throws ApiError 400 where a value has the wrong type.
 */
export function decodeTyped(
  kind: string,
  version: string,
  schema: TypeSchema,
  object: JsonObject,
): JsonObject {
  try {
    const decoded = decode(schema, object, []);
    return isObject(decoded) ? decoded : {};
  } catch (error) {
    if (error instanceof BadTime) {
      throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${error.message}`);
    }
    if (!(error instanceof Mismatch)) throw error;
    const field = error.path.filter((part) => !/^\d+$/.test(part)).join('.');
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${kind}: json: cannot unmarshal ${error.found} into Go struct field ${kind}.${field} of type ${error.wanted}`,
    );
  }
}

function decode(schema: TypeSchema, value: Json | undefined, path: readonly string[]): Json | undefined {
  if (value === undefined || value === null) return absent(schema, path);
  switch (schema.type ?? 'any') {
    case 'object':
      return decodeObject(schema, value, path);
    case 'array':
      return decodeList(schema, value, path);
    case 'any':
      // Only int-or-string has no type.
      if (typeof value === 'string' || Number.isInteger(value)) return value;
      throw new Mismatch(typeName(value), goType(schema), path);
    case 'string':
    case 'boolean':
    case 'integer':
    case 'number':
      return decodeScalar(schema, value, path);
  }
}

function decodeScalar(schema: TypeSchema, value: Json, path: readonly string[]): Json | undefined {
  const isNumber = schema.type === 'integer' || schema.type === 'number';
  if (schema.format === 'quantity' && typeof value === 'number') return String(value);
  if (typeof value !== (isNumber ? 'number' : schema.type))
    throw new Mismatch(typeName(value), goType(schema), path);
  if (schema.type === 'integer' && !Number.isInteger(value)) {
    throw new Mismatch(`number ${JSON.stringify(value)}`, goType(schema), path);
  }
  if (typeof value === 'string') checkTime(schema, value);
  return value === '' || value === 0 || value === false ? empty(schema, value, path) : value;
}

const TIMES: Record<string, { pattern: RegExp; layout: string }> = {
  'date-time': {
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
    layout: '2006-01-02T15:04:05Z07:00',
  },
  'micro-time': {
    pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/,
    layout: '2006-01-02T15:04:05.000000Z07:00',
  },
};

function checkTime(schema: TypeSchema, value: string): void {
  const rule = TIMES[schema.format ?? ''];
  if (rule === undefined || rule.pattern.test(value)) return;
  throw new BadTime(`parsing time ${JSON.stringify(value)} as ${JSON.stringify(rule.layout)}`);
}

function absent(schema: TypeSchema, path: readonly string[]): Json | undefined {
  if (schema.default !== undefined) return schema.default;
  return schema.always === true ? decode(schema, {}, path) : undefined;
}

/** An empty value is kept where it means something, and is as good as absent elsewhere. */
function empty(schema: TypeSchema, value: Json, path: readonly string[]): Json | undefined {
  return schema.pointer === true ? value : absent(schema, path);
}

function decodeObject(schema: TypeSchema, value: Json, path: readonly string[]): Json | undefined {
  if (!isObject(value)) throw new Mismatch(typeName(value), goType(schema), path);
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return value;
  const result: JsonObject = {};
  if (schema.properties !== undefined) {
    for (const [name, property] of Object.entries(schema.properties)) {
      const decoded = decode(property, value[name], [...path, name]);
      if (decoded !== undefined) result[name] = decoded;
    }
    return result;
  }
  if (schema.additionalProperties === undefined) return result;
  // Values of maps are kept even when they are empty.
  const values = { ...schema.additionalProperties, pointer: true };
  for (const [name, member] of Object.entries(value)) {
    const decoded = decode(values, member, path);
    if (decoded !== undefined) result[name] = decoded;
  }
  return Object.keys(result).length === 0 && schema.pointer !== true ? undefined : result;
}

function decodeList(schema: TypeSchema, value: Json, path: readonly string[]): Json | undefined {
  if (!Array.isArray(value)) throw new Mismatch(typeName(value), goType(schema), path);
  if (value.length === 0) return schema.pointer === true ? [] : undefined;
  const items = { ...schema.items, pointer: true };
  return value.map((item, index) => decode(items, item, [...path, String(index)]) ?? null);
}

function typeName(value: Json): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function goType(schema: TypeSchema): string {
  switch (schema.type ?? 'any') {
    case 'integer':
      return schema.format ?? 'int32';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'string':
      return schema.format === 'date-time'
        ? 'v1.Time'
        : schema.format === 'micro-time'
          ? 'v1.MicroTime'
          : 'string';
    case 'array':
      return `[]${goType(schema.items ?? {})}`;
    case 'object':
      return schema.additionalProperties === undefined
        ? 'struct'
        : `map[string]${goType(schema.additionalProperties)}`;
    case 'any':
      return 'intstr.IntOrString';
  }
}
