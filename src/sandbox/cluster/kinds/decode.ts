import type { Json } from '../../../kube/types.ts';
import { isObject, isStored, type JsonObject } from '../object.ts';
import type { TypeSchema } from './types.ts';

/** A value that the decoder can't take; the message is the real server's, without what surrounds it. */
export class DecodeError extends Error {}

class Mismatch extends Error {
  readonly found: string;
  readonly wanted: string;
  /** Grows while the error leaves the fields around the value, outermost first. */
  readonly path: string[] = [];

  constructor(found: string, wanted: string) {
    super(`found ${found} instead of ${wanted}`);
    this.found = found;
    this.wanted = wanted;
  }

  describe(kind: string): string {
    const { found, wanted, path } = this;
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
    const decoded = decode(nodeOf(schema, false), object);
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

/** A schema made ready for decoding. */
interface Node {
  readonly schema: TypeSchema;
  /** An empty value is kept. */
  readonly keepsEmpty: boolean;
  readonly fields: readonly (readonly [string, Node])[];
  readonly items: Node | undefined;
  readonly values: Node | undefined;
}

const nodes = [new WeakMap<TypeSchema, Node>(), new WeakMap<TypeSchema, Node>()] as const;

function nodeOf(schema: TypeSchema, keepsEmpty: boolean): Node {
  const cache = nodes[keepsEmpty ? 1 : 0];
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const { properties, items, additionalProperties } = schema;
  const node: Node = {
    schema,
    keepsEmpty: keepsEmpty || schema.pointer === true,
    fields: Object.entries(properties ?? {}).map(([name, field]) => [name, nodeOf(field, false)] as const),
    // Items of lists and values of maps are kept even when they are empty.
    items: items === undefined ? undefined : nodeOf(items, true),
    values: additionalProperties === undefined ? undefined : nodeOf(additionalProperties, true),
  };
  cache.set(schema, node);
  return node;
}

/**
 * What was decoded once and is frozen since needs no decoding again: parts that a write doesn't touch stay the same
 * object, which also makes them cheap to compare.
 */
const decodedAs = new WeakMap<JsonObject, Node>();

function decode(node: Node, value: Json | undefined): Json | undefined {
  if (value === undefined || value === null) return absent(node);
  switch (node.schema.type ?? 'any') {
    case 'object':
      return decodeObject(node, value);
    case 'array':
      return decodeList(node, value);
    case 'any':
      // Only int-or-string has no type.
      if (typeof value === 'string' || Number.isInteger(value)) return value;
      throw new Mismatch(typeName(value), goType(node.schema));
    case 'string':
    case 'boolean':
    case 'integer':
    case 'number':
      return decodeScalar(node, value);
  }
}

function decodeScalar(node: Node, value: Json): Json | undefined {
  const { schema } = node;
  const isNumber = schema.type === 'integer' || schema.type === 'number';
  if (schema.format === 'quantity' && typeof value === 'number') return String(value);
  if (typeof value !== (isNumber ? 'number' : schema.type))
    throw new Mismatch(typeName(value), goType(schema));
  if (schema.type === 'integer' && !Number.isInteger(value)) {
    throw new Mismatch(`number ${JSON.stringify(value)}`, goType(schema));
  }
  if (typeof value === 'string') {
    checkTime(schema, value);
    if (schema.format === 'byte') checkBase64(value);
  }
  return value === '' || value === 0 || value === false ? empty(node, value) : value;
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

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function checkBase64(value: string): void {
  const text = value.replace(/[\r\n]/g, '');
  if (BASE64.test(text)) return;
  const wrong = text.search(/[^A-Za-z0-9+/]/);
  throw new DecodeError(`illegal base64 data at input byte ${wrong < 0 ? text.length : wrong}`);
}

function absent(node: Node): Json | undefined {
  const { schema } = node;
  if (schema.default !== undefined) return schema.default;
  if (schema.zero !== undefined) return schema.zero;
  return schema.always === true ? decode(node, {}) : undefined;
}

/** An empty value is kept where it means something, and is as good as absent elsewhere. */
function empty(node: Node, value: Json): Json | undefined {
  return node.keepsEmpty ? value : absent(node);
}

function decodeObject(node: Node, value: Json): Json | undefined {
  if (!isObject(value)) throw new Mismatch(typeName(value), goType(node.schema));
  if (node.schema['x-kubernetes-preserve-unknown-fields'] === true) return value;
  if (decodedAs.get(value) === node && isStored(value)) return value;
  const result = node.values === undefined ? decodeFields(node, value) : decodeMap(node.values, value);
  if (!node.keepsEmpty && node.values !== undefined && Object.keys(result).length === 0) return undefined;
  decodedAs.set(result, node);
  return result;
}

function decodeFields(node: Node, value: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [name, field] of node.fields) {
    const member = value[name];
    const decoded = member === undefined ? absent(field) : decodeMember(field, member, name);
    if (decoded !== undefined) result[name] = decoded;
  }
  return result;
}

function decodeMember(node: Node, value: Json, name: string): Json | undefined {
  try {
    return decode(node, value);
  } catch (error) {
    if (error instanceof Mismatch) error.path.unshift(name);
    throw error;
  }
}

function decodeMap(values: Node, value: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    // A null in a map is the zero value of its type.
    const decoded = member === null && values.schema.type === 'string' ? '' : decode(values, member);
    if (decoded !== undefined) result[name] = decoded;
  }
  return result;
}

function decodeList(node: Node, value: Json): Json | undefined {
  if (!Array.isArray(value)) throw new Mismatch(typeName(value), goType(node.schema));
  if (value.length === 0) return node.keepsEmpty ? [] : undefined;
  const { items } = node;
  if (items === undefined) return value;
  const result = value.map((item) => decode(items, item) ?? null);
  return isStored(value) && result.every((item, index) => item === value[index]) ? value : result;
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
