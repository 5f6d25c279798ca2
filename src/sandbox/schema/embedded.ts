import type { Json } from '../../kube/types.ts';
import { labelValueFaults, nameFaults, qualifiedNameFaults } from '../cluster/names.ts';
import { isObject, objectOf, textOf, type JsonObject } from '../cluster/object.ts';
import { childPath, invalidValue, keyPath, required, type FieldError } from './field-error.ts';
import type { Schema } from './schema.ts';

/** An object that can't be read as its kind at all: HTTP 400, `… cannot be handled as a KIND: MESSAGE`. */
export class NotDecodable extends Error {
  override readonly name = 'NotDecodable';
}

type Walk = (value: JsonObject, path: string) => JsonObject;

/**
 * A copy in which `metadata` of embedded resources has only the fields that ObjectMeta knows.
 * @throws NotDecodable where one of them, or apiVersion or kind, is of a wrong type.
 */
export function decodeEmbedded(value: Json, schema: Schema, path = ''): Json {
  return mapEmbedded(value, schema, path, decodeOne);
}

/** Faults of the apiVersion, kind and metadata of embedded resources. */
export function embeddedErrors(value: Json, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  mapEmbedded(value, schema, path, (resource, at) => {
    errors.push(...errorsOfOne(resource, at));
    return resource;
  });
  return errors;
}

function mapEmbedded(value: Json, schema: Schema | undefined, path: string, walk: Walk): Json {
  if (schema === undefined || !hasEmbedded(schema)) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => mapEmbedded(item, schema.items, keyPath(path, index), walk));
  }
  if (!isObject(value)) return value;
  const result = schema.embeddedResource ? walk(value, path) : { ...value };
  for (const [name, member] of Object.entries(result)) {
    if (member === undefined) continue;
    const own = schema.properties.get(name);
    const { additionalProperties: others } = schema;
    if (own !== undefined) result[name] = mapEmbedded(member, own, childPath(path, name), walk);
    else if (typeof others === 'object')
      result[name] = mapEmbedded(member, others, keyPath(path, name), walk);
  }
  return result;
}

const known = new WeakMap<Schema, boolean>();

function hasEmbedded(schema: Schema): boolean {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const { items, additionalProperties: others } = schema;
  const has =
    schema.embeddedResource ||
    (items !== undefined && hasEmbedded(items)) ||
    (typeof others === 'object' && hasEmbedded(others)) ||
    [...schema.properties.values()].some(hasEmbedded);
  known.set(schema, has);
  return has;
}

const TEXTS = ['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion'];
const NUMBERS = ['generation', 'deletionGracePeriodSeconds'];
const TIMES = ['creationTimestamp', 'deletionTimestamp'];
const MAPS = ['labels', 'annotations'];
const LISTS = ['ownerReferences', 'finalizers', 'managedFields'];

function decodeOne(resource: JsonObject, path: string): JsonObject {
  for (const name of ['apiVersion', 'kind']) {
    const value = resource[name];
    if (value !== undefined && typeof value !== 'string') {
      throw new NotDecodable(sentence(childPath(path, name), value, 'must be a string'));
    }
  }
  const { metadata } = resource;
  if (metadata === undefined) return { ...resource };
  const at = childPath(path, 'metadata');
  const refuse = (value: Json, field: string, type: string) => {
    const why = `json: cannot unmarshal ${jsonType(value)} into Go ${field === '' ? 'value' : `struct field ObjectMeta.${field}`} of type ${type}`;
    return new NotDecodable(sentence(at, metadata, why));
  };
  if (metadata === null) return { ...resource, metadata: {} };
  if (!isObject(metadata)) throw refuse(metadata, '', 'v1.ObjectMeta');
  const kept: JsonObject = {};
  for (const [field, value] of Object.entries(metadata)) {
    if (value === undefined || value === null) continue;
    const type = typeOfField(field);
    if (type === undefined) continue;
    if (!type.fits(value)) throw refuse(value, field, type.name);
    for (const member of MAPS.includes(field) ? Object.values(objectOf(value)) : []) {
      if (member !== undefined && typeof member !== 'string') throw refuse(member, field, 'string');
    }
    kept[field] = value;
  }
  return { ...resource, metadata: kept };
}

function typeOfField(field: string): { name: string; fits: (value: Json) => boolean } | undefined {
  if (TEXTS.includes(field)) return { name: 'string', fits: (value) => typeof value === 'string' };
  if (NUMBERS.includes(field)) return { name: 'int64', fits: (value) => Number.isInteger(value) };
  if (TIMES.includes(field)) return { name: 'v1.Time', fits: (value) => typeof value === 'string' };
  if (MAPS.includes(field)) return { name: 'map[string]string', fits: isObject };
  if (LISTS.includes(field))
    return { name: field === 'finalizers' ? '[]string' : '[]interface{}', fits: Array.isArray };
  return undefined;
}

function sentence(path: string, value: Json, why: string): string {
  return `${path}: ${invalidValue(path, value, why).message}`;
}

function jsonType(value: Json): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function errorsOfOne(resource: JsonObject, path: string): FieldError[] {
  const { apiVersion, kind, metadata } = resource;
  return [
    ...(apiVersion === undefined
      ? [required(childPath(path, 'apiVersion'))]
      : apiVersionErrors(childPath(path, 'apiVersion'), textOf(apiVersion))),
    ...(kind === undefined
      ? [required(childPath(path, 'kind'))]
      : kindErrors(childPath(path, 'kind'), textOf(kind))),
    ...(isObject(metadata) ? metadataErrors(childPath(path, 'metadata'), metadata) : []),
  ];
}

function apiVersionErrors(field: string, apiVersion: string): FieldError[] {
  if (apiVersion === '') return [invalidValue(field, '', 'must not be empty')];
  if (apiVersion.split('/').length <= 2) return [];
  return [invalidValue(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
}

function kindErrors(field: string, kind: string): FieldError[] {
  if (kind === '') return [invalidValue(field, '', 'must not be empty')];
  const faults = nameFaults(kind.toLowerCase(), 'rfc1035');
  if (faults.length === 0) return [];
  return [invalidValue(field, kind, `may have mixed case, but should otherwise match: ${faults.join(',')}`)];
}

function metadataErrors(path: string, metadata: JsonObject): FieldError[] {
  const faultsAt = (field: string, value: string, faults: readonly string[]) =>
    faults.map((fault) => invalidValue(childPath(path, field), value, fault));
  const name = textOf(metadata['name']);
  const namespace = textOf(metadata['namespace']);
  const finalizers = Array.isArray(metadata['finalizers']) ? metadata['finalizers'] : [];
  return [
    ...faultsAt('name', name, nameFaults(name, 'path')),
    ...(namespace === '' ? [] : faultsAt('namespace', namespace, nameFaults(namespace, 'label'))),
    ...Object.entries(objectOf(metadata['labels'])).flatMap(([key, value]) => [
      ...faultsAt('labels', key, qualifiedNameFaults(key)),
      ...faultsAt('labels', textOf(value), labelValueFaults(textOf(value))),
    ]),
    ...Object.keys(objectOf(metadata['annotations'])).flatMap((key) =>
      faultsAt('annotations', key, qualifiedNameFaults(key.toLowerCase())),
    ),
    ...finalizers.flatMap((finalizer) =>
      faultsAt('finalizers', textOf(finalizer), qualifiedNameFaults(textOf(finalizer))),
    ),
  ];
}
