import type { Json } from '../../kube/types.ts';
import { nameFaults } from '../cluster/names.ts';
import { equal, isObject, listOf, objectOf, textOf, type JsonObject } from '../cluster/object.ts';
import {
  childPath,
  duplicate,
  forbidden,
  invalidJson,
  invalidValue,
  keyPath,
  notSupported,
  required,
  sortedJson,
  tooMany,
  type FieldError,
} from './field-error.ts';
import { resolveFieldPath } from './field-path.ts';
import { parseSchema, type Schema } from './schema.ts';

/**
 * Faults of `spec` besides those of its schemas: names, versions, columns, subresources.
 * The rules are those of apiextensions.k8s.io/v1; `metadata` is the cluster's to check.
 */
export function specErrors(spec: JsonObject): FieldError[] {
  const versions = listOf(spec['versions']).map(objectOf);
  return [
    ...groupErrors(textOf(spec['group'])),
    ...enumErrors('spec.scope', textOf(spec['scope']), ['Cluster', 'Namespaced']),
    ...versionErrors(versions),
    ...nameErrors(objectOf(spec['names'])),
    ...each(versions, 'subresources', 'spec.subresources', (value, path) =>
      subresourceErrors(objectOf(value), path),
    ),
    ...each(versions, 'additionalPrinterColumns', 'spec.additionalPrinterColumns', (value, path) =>
      listOf(value).flatMap((column, index) => columnErrors(objectOf(column), keyPath(path, index))),
    ),
    ...selectableErrors(versions),
    ...conversionErrors(objectOf(spec['conversion'])),
    ...(spec['preserveUnknownFields'] === true ? [preserveError()] : []),
  ];
}

/** The path of a part of a version: where all versions are alike, the real server speaks of `spec` as a whole. */
export function partPath(
  versions: readonly JsonObject[],
  part: string,
  index: number,
  shared: string,
): string {
  const [first] = versions;
  const alike = versions.every((version) => equal(version[part], first?.[part]));
  return alike ? shared : childPath(keyPath('spec.versions', index), part);
}

function each(
  versions: readonly JsonObject[],
  part: string,
  shared: string,
  check: (value: Json | undefined, path: string) => FieldError[],
): FieldError[] {
  const alike = partPath(versions, part, 0, shared) === shared;
  return (alike ? versions.slice(0, 1) : versions).flatMap((version, index) =>
    check(version[part], partPath(versions, part, index, shared)),
  );
}

function groupErrors(group: string): FieldError[] {
  if (group === '') return [required('spec.group')];
  const faults = nameFaults(group, 'subdomain');
  if (faults.length > 0) return [invalidValue('spec.group', group, faults.join(','))];
  return group.includes('.')
    ? []
    : [invalidValue('spec.group', group, 'should be a domain with at least one dot')];
}

function enumErrors(field: string, value: string, accepted: readonly string[]): FieldError[] {
  if (value === '') return [required(field)];
  return accepted.includes(value) ? [] : [notSupported(field, value, accepted)];
}

function versionErrors(versions: readonly JsonObject[]): FieldError[] {
  const names = versions.map((version) => textOf(version['name']));
  const errors = versions.flatMap((version, index) => {
    const path = keyPath('spec.versions', index);
    const name = names[index] ?? '';
    const faults = nameFaults(name, 'rfc1035');
    return [
      ...(isObject(objectOf(version['schema'])['openAPIV3Schema'])
        ? []
        : [required(childPath(path, 'schema.openAPIV3Schema'))]),
      ...(faults.length === 0 ? [] : [invalidValue(childPath(path, 'name'), name, faults.join(','))]),
      ...deprecationErrors(version, childPath(path, 'deprecationWarning')),
    ];
  });
  if (new Set(names).size < names.length) {
    errors.push(invalidJson('spec.versions', shownVersions(versions), 'must contain unique version names'));
  }
  if (versions.filter((version) => version['storage'] === true).length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    errors.push(invalidJson('spec.versions', shownVersions(versions), why));
  }
  const first = names[0] ?? '';
  const faults = nameFaults(first, 'rfc1035');
  // The first version has a second place in the form that the real server validates.
  if (first !== '' && faults.length > 0) errors.push(invalidValue('spec.version', first, faults.join(',')));
  if (!versions.some((version) => version['storage'] === true)) {
    errors.push(invalidValue('status.storedVersions', null, 'must have at least one stored version'));
  }
  return errors;
}

/** Versions as the real server prints them in errors: without the parts that all of them share. */
function shownVersions(versions: readonly JsonObject[]): string {
  const parts = {
    Schema: 'schema',
    Subresources: 'subresources',
    AdditionalPrinterColumns: 'additionalPrinterColumns',
    SelectableFields: 'selectableFields',
  };
  const shown = versions.map((version) => {
    const members = [
      ['Name', textOf(version['name'])],
      ['Served', version['served'] === true],
      ['Storage', version['storage'] === true],
      ['Deprecated', version['deprecated'] === true],
      ['DeprecationWarning', version['deprecationWarning'] ?? null],
      ...Object.entries(parts).map(([name, part]) => [
        name,
        partPath(versions, part, 0, '') === '' ? null : (version[part] ?? null),
      ]),
    ];
    return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${sortedJson(value)}`).join(',')}}`;
  });
  return `[${shown.join(',')}]`;
}

function deprecationErrors(version: JsonObject, field: string): FieldError[] {
  const warning = version['deprecationWarning'];
  if (typeof warning !== 'string') return [];
  const faults: string[] = [];
  if (version['deprecated'] !== true) faults.push('can only be set for deprecated versions');
  else if (warning === '') faults.push('must not be an empty string');
  else if (warning.length > 256) faults.push('must be <= 256 characters long');
  return faults.map((fault) => invalidValue(field, warning, fault));
}

function nameErrors(names: JsonObject): FieldError[] {
  const at = (name: string) => childPath('spec.names', name);
  const kind = textOf(names['kind']);
  const listKind = textOf(names['listKind']) || (kind === '' ? '' : `${kind}List`);
  const singular = textOf(names['singular']) || kind.toLowerCase();
  const given = { plural: textOf(names['plural']), singular, kind, listKind };
  const errors = Object.entries(given)
    .filter(([, value]) => value === '')
    .map(([name]) => required(at(name)));
  for (const [name, value] of Object.entries(given)) {
    if (value === '') continue;
    const mixed = name === 'kind' || name === 'listKind';
    const faults = nameFaults(mixed ? value.toLowerCase() : value, 'rfc1035');
    const prefix = mixed ? 'may have mixed case, but should otherwise match: ' : '';
    if (faults.length > 0) errors.push(invalidValue(at(name), value, prefix + faults.join(',')));
  }
  for (const part of ['shortNames', 'categories']) {
    for (const [index, value] of listOf(names[part]).map(textOf).entries()) {
      const faults = nameFaults(value, 'rfc1035');
      if (faults.length > 0) errors.push(invalidValue(keyPath(at(part), index), value, faults.join(',')));
    }
  }
  if (kind !== '' && kind === listKind) {
    errors.push(invalidValue(at('listKind'), listKind, 'kind and listKind may not be the same'));
  }
  return errors;
}

function subresourceErrors(subresources: JsonObject, path: string): FieldError[] {
  const { scale } = subresources;
  if (!isObject(scale)) return [];
  const at = (name: string) => childPath(path, `scale.${name}`);
  const selector = textOf(scale['labelSelectorPath']);
  return [
    ...jsonPathErrors(textOf(scale['specReplicasPath']), at('specReplicasPath'), ['.spec.'], '.spec'),
    ...jsonPathErrors(textOf(scale['statusReplicasPath']), at('statusReplicasPath'), ['.status.'], '.status'),
    ...(selector === ''
      ? []
      : jsonPathErrors(selector, at('labelSelectorPath'), ['.spec.', '.status.'], 'either .spec or .status')),
  ];
}

function jsonPathErrors(
  path: string,
  field: string,
  prefixes: readonly string[],
  where: string,
): FieldError[] {
  if (path === '') return [required(field)];
  if (!path.startsWith('.')) return [invalidValue(field, path, 'must be a simple json path starting with .')];
  if (prefixes.some((prefix) => path.startsWith(prefix))) return [];
  return [invalidValue(field, path, `should be a json path under ${where}`)];
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function columnErrors(column: JsonObject, path: string): FieldError[] {
  const at = (name: string) => childPath(path, name);
  const [name, type, format, jsonPath] = ['name', 'type', 'format', 'jsonPath'].map((key) =>
    textOf(column[key]),
  );
  const errors: FieldError[] = name === '' ? [required(at('name'))] : [];
  const types = `must be one of ${COLUMN_TYPES.join(',')}`;
  if (type === '') errors.push(required(at('type'), types));
  else if (!COLUMN_TYPES.includes(type ?? '')) errors.push(invalidValue(at('type'), type ?? '', types));
  if (format !== '' && !COLUMN_FORMATS.includes(format ?? '')) {
    errors.push(invalidValue(at('format'), format ?? '', `must be one of ${COLUMN_FORMATS.join(',')}`));
  }
  if (jsonPath === '') errors.push(required(at('JSONPath')));
  else if (jsonPath?.startsWith('.') !== true) {
    errors.push(invalidValue(at('JSONPath'), jsonPath ?? '', 'must be a simple json path starting with .'));
  }
  return errors;
}

const MOST_SELECTABLE = 8;

function selectableErrors(versions: readonly JsonObject[]): FieldError[] {
  const shared =
    partPath(versions, 'selectableFields', 0, 'spec.selectableFields') === 'spec.selectableFields';
  return (shared ? versions.slice(0, 1) : versions).flatMap((version, index) => {
    const fields = listOf(version['selectableFields']).map((field) => textOf(objectOf(field)['jsonPath']));
    if (fields.length === 0) return [];
    const path = partPath(versions, 'selectableFields', index, 'spec.selectableFields');
    const schema = parseSchema(objectOf(version['schema'])['openAPIV3Schema']);
    const errors = fields.flatMap((field, at) =>
      selectableError(field, schema, childPath(keyPath(path, at), 'jsonPath'), fields.slice(0, at)),
    );
    const count = new Set(fields).size;
    return count > MOST_SELECTABLE ? [...errors, tooMany(path, count, MOST_SELECTABLE)] : errors;
  });
}

function selectableError(
  jsonPath: string,
  root: Schema,
  at: string,
  before: readonly string[],
): FieldError[] {
  if (jsonPath === '') return [required(at)];
  try {
    const { path, schema } = resolveFieldPath(jsonPath, root, false);
    const errors: FieldError[] = [];
    if (path === 'metadata' || path.startsWith('metadata.')) {
      errors.push(invalidValue(at, jsonPath, 'must not point to fields in metadata'));
    }
    if (!['string', 'boolean', 'integer'].includes(schema.type)) {
      const why =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      errors.push(invalidValue(at, jsonPath, why));
    }
    return before.includes(jsonPath) ? [...errors, duplicate(at, jsonPath)] : errors;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [invalidValue(at, jsonPath, `is an invalid path: ${why}`)];
  }
}

function conversionErrors(conversion: JsonObject): FieldError[] {
  const strategy = textOf(conversion['strategy']) || 'None';
  const errors = enumErrors('spec.conversion.strategy', strategy, ['None', 'Webhook']);
  const webhook = conversion['webhook'];
  if (strategy === 'Webhook' && !isObject(objectOf(webhook)['clientConfig'])) {
    errors.push(required('spec.conversion.webhookClientConfig', 'required when strategy is set to Webhook'));
  }
  if (strategy === 'None' && isObject(objectOf(webhook)['clientConfig'])) {
    const why = 'should not be set when strategy is not set to Webhook';
    errors.push(forbidden('spec.conversion.webhookClientConfig', why));
  }
  return errors;
}

function preserveError(): FieldError {
  const why =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return invalidValue('spec.preserveUnknownFields', true, why);
}

// Keywords that a root schema may have where /status is validated apart from the rest.
const AT_ROOT = [
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems',
  'MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations',
].join(' ');
const NOT_AT_ROOT = [
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'enum',
  'maxProperties',
  'minProperties',
  'additionalProperties',
  'nullable',
  'default',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
];

/** What the root of a schema may not say where the status subresource is enabled. */
export function rootErrors({ source, type }: Schema, path: string): FieldError[] {
  if (type !== 'object' && type !== '') {
    const why =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    return [invalidValue(childPath(path, 'type'), type, why)];
  }
  if (!NOT_AT_ROOT.some((keyword) => source[keyword] !== undefined && source[keyword] !== false)) return [];
  const why = `only [${AT_ROOT}] fields are allowed at the root of the schema if the status subresource is enabled`;
  return [invalidValue(path, source, why)];
}
