import { z } from 'zod';

/** A JSON Schema node as Kubernetes' structural schemas use it. */
export interface StructuralSchema {
  type?: string;
  description?: string;
  format?: string;
  default?: unknown;
  enum?: unknown[];
  nullable?: boolean;
  properties?: Record<string, StructuralSchema>;
  required?: string[];
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  pattern?: string;
  'x-kubernetes-validations'?: Validation[];
  'x-kubernetes-preserve-unknown-fields'?: true;
  'x-kubernetes-int-or-string'?: true;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
}

/** One CEL rule of a structural schema. */
export interface Validation {
  rule: string;
  message: string;
  /** Where the error is reported, relative to the node: `.port`. */
  fieldPath?: string;
  reason?: 'FieldValueRequired';
}

type JsonObject = Record<string, unknown>;

const COPIED = new Set([
  'type',
  'description',
  'format',
  'default',
  'enum',
  'nullable',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'pattern',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
]);

/** Zod gives every integer these bounds; no user gains from reading them. */
const NO_BOUNDS: readonly unknown[] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];

/**
 * The structural schema of a zod schema, from its input side: what may be left out is optional.
 * `requiredMessage` turns a required property into a CEL rule with that sentence.
 * @param at names the node in errors, such as `CanaryRelease.spec`
 * @throws on every construct that a structural schema cannot say, naming where it is
 */
export function structural(schema: z.ZodType, at: string): StructuralSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' });
  return convert(json, at);
}

function convert(node: JsonObject, at: string): StructuralSchema {
  const result: JsonObject = {};
  const intOrString = node['x-kubernetes-int-or-string'] === true;
  if (typeof node['type'] !== 'string' && !intOrString) {
    throw new Error(`${at}: a structural schema needs one type here, not ${JSON.stringify(node['type'])}`);
  }
  for (const [key, value] of Object.entries(node)) {
    if (COPIED.has(key)) result[key] = value;
    else if (key === 'minimum' || key === 'maximum') {
      if (!NO_BOUNDS.includes(value)) result[key] = value;
    } else if (key === 'items') result['items'] = convert(value as JsonObject, `${at}[]`);
    else if (key === 'additionalProperties') convertAdditional(node, value, result, at);
    else if (!HANDLED.has(key) && !(key === 'anyOf' && intOrString)) {
      throw new Error(`${at}: ${key} has no counterpart in a structural schema`);
    }
  }
  const rules = convertProperties(node, result, at);
  if (rules.length > 0) result['x-kubernetes-validations'] = rules;
  return result;
}

/** What convertProperties looks after, and the sentence that the parent's rule carries. */
const HANDLED = new Set(['properties', 'required', 'requiredMessage', 'x-kubernetes-validations']);

function convertAdditional(node: JsonObject, value: unknown, result: JsonObject, at: string): void {
  const isAnything =
    value === true || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  if (isAnything) {
    if (node['x-kubernetes-preserve-unknown-fields'] !== true) {
      throw new Error(`${at}: an open object needs x-kubernetes-preserve-unknown-fields`);
    }
  } else if (value !== false) {
    // `false` needs no word: a structural schema is closed, and the API server prunes what it doesn't name.
    result['additionalProperties'] = convert(value as JsonObject, `${at}[*]`);
  }
}

function convertProperties(node: JsonObject, result: JsonObject, at: string): Validation[] {
  const rules: Validation[] = [];
  const properties = (node['properties'] ?? {}) as Record<string, JsonObject>;
  const required = new Set((node['required'] ?? []) as string[]);
  for (const [name, property] of Object.entries(properties)) {
    const message = property['requiredMessage'];
    if (message === undefined) continue;
    if (typeof message !== 'string' || !required.delete(name)) {
      throw new Error(`${at}.${name}: requiredMessage belongs to a property that is required`);
    }
    const fieldPath = `.${name}`;
    rules.push({ rule: `has(self.${celName(name)})`, message, fieldPath, reason: 'FieldValueRequired' });
  }
  if (node['properties'] !== undefined) {
    result['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, convert(property, `${at}.${name}`)]),
    );
  }
  if (required.size > 0) result['required'] = [...required];
  return [...rules, ...((node['x-kubernetes-validations'] ?? []) as Validation[])];
}

const CEL_RESERVED = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return ' +
    'var void while'
  ).split(' '),
);

/**
 * A property's name as the API server's CEL knows it: `for` is `__for__`, `app.kind` is `app__dot__kind`.
 * @throws for a name that CEL cannot reach
 */
export function celName(name: string): string {
  if (CEL_RESERVED.has(name)) return `__${name}__`;
  const escaped = name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped)) throw new Error(`CEL has no name for the property ${name}`);
  return escaped;
}
