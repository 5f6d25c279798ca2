import type { Json } from '../../../kube/types.ts';
import { isObject, type JsonObject } from '../object.ts';
import type { TypeSchema } from './types.ts';

/** A value that the decoder can't take; the message is the real server's, without what surrounds it. */
export class DecodeError extends Error {}

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

  describe(kind: string): string {
    const { found, wanted } = this;
    const path = this.path.filter((part) => !/^\d+$/.test(part));
    const field = `${structName(kind, path)}.${path.join('.')}`;
    return `json: cannot unmarshal ${found} into Go struct field ${field} of type ${wanted}`;
  }
}

const STRUCTS: Record<string, string> = {
  metadata: 'ObjectMeta',
  ownerReferences: 'OwnerReference',
  template: 'PodTemplateSpec',
  containers: 'Container',
  initContainers: 'Container',
  env: 'EnvVar',
  resources: 'ResourceRequirements',
  volumes: 'Volume',
  volumeMounts: 'VolumeMount',
  selector: 'LabelSelector',
};

// The Go type of the struct that the last field of a path belongs to.
function structName(kind: string, path: readonly string[]): string {
  const parent = path.at(-2);
  if (parent === undefined) return kind;
  if (parent === 'spec' || parent === 'status') {
    const owner = path.length > 3 && path.at(-3) === 'template' ? 'Pod' : kind;
    return `${owner}${parent === 'spec' ? 'Spec' : 'Status'}`;
  }
  if (parent === 'ports') return kind === 'Service' ? 'ServicePort' : 'ContainerPort';
  return STRUCTS[parent] ?? parent.charAt(0).toUpperCase() + parent.slice(1);
}

/**
 * Decodes an object of a built-in kind as the real server's typed decoder does: unknown fields and nulls vanish, empty
 * values that mean nothing vanish, defaults come in.
 * @throws DecodeError where a value has the wrong type.
 */
export function decodeTyped(kind: string, schema: TypeSchema, object: JsonObject): JsonObject {
  try {
    const decoded = decode(schema, object, []);
    return isObject(decoded) ? decoded : {};
  } catch (error) {
    if (error instanceof Mismatch) throw new DecodeError(error.describe(kind));
    throw error;
  }
}

/** What every object of the type has without anyone's doing. */
export function zeroOf(schema: TypeSchema): JsonObject {
  const result: JsonObject = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.zero !== undefined) result[name] = property.zero;
    else if (property.always === true) result[name] = zeroOf(property);
  }
  return result;
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
  const rest = value.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/, '');
  const expected =
    rest === value ? '2006' : rule.layout.slice('2006-01-02T15:04:05'.length).replace('Z07:00', '');
  throw new DecodeError(
    `parsing time ${JSON.stringify(value)} as ${JSON.stringify(rule.layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(expected || 'Z07:00')}`,
  );
}

function absent(schema: TypeSchema, path: readonly string[]): Json | undefined {
  if (schema.default !== undefined) return schema.default;
  if (schema.zero !== undefined) return schema.zero;
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
    // A null in a map is the zero value of its type.
    const decoded = member === null && values.type === 'string' ? '' : decode(values, member, path);
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
