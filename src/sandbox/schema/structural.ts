import { equal, listOf, type JsonObject } from '../cluster/object.ts';
import { childPath, forbidden, invalidValue, keyPath, required, type FieldError } from './field-error.ts';
import { goRegExp } from './regexp.ts';
import { isGiven, type Schema } from './schema.ts';

type Level = 'root' | 'item' | 'field';

/**
 * What keeps a schema from being structural: every field must have a type outside of logic (allOf, anyOf, oneOf, not), and
 * logic may only validate. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
export function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors = [
    ...invariantErrors(schema, 'root', path),
    ...completenessErrors(schema, schema, path, path),
  ];
  const text = ({ field, message }: FieldError) => `${field}: ${message}`;
  return errors.sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

function invariantErrors(schema: Schema, level: Level, path: string): FieldError[] {
  const at = (name: string) => childPath(path, name);
  const { items, additionalProperties: others } = schema;
  return [
    ...(schema.type === 'array' && items === undefined ? [required(at('items'), 'must be specified')] : []),
    ...(items === undefined ? [] : invariantErrors(items, 'item', at('items'))),
    ...[...schema.properties].flatMap(([name, own]) =>
      invariantErrors(own, 'field', keyPath(at('properties'), name)),
    ),
    ...(others !== undefined && level === 'root'
      ? [forbidden(at('additionalProperties'), 'must not be used at the root')]
      : []),
    ...(typeof others === 'object' ? invariantErrors(others, 'field', at('additionalProperties')) : []),
    ...extensionErrors(schema, path),
    ...logicErrors(schema, isIntOrStringPattern(schema.anyOf), isIntOrStringAllOf(schema), path),
    ...typeErrors(schema, level, path),
    ...metadataErrors(schema, level, path),
  ];
}

function extensionErrors(schema: Schema, path: string): FieldError[] {
  if (!schema.intOrString) return [];
  const why = 'must be false if x-kubernetes-int-or-string is true';
  return ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource']
    .filter((name) => schema.source[name] === true)
    .map((name) => invalidValue(childPath(path, name), true, why));
}

const TYPE_NEEDED: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function typeErrors(schema: Schema, level: Level, path: string): FieldError[] {
  const at = (name: string) => childPath(path, name);
  const { type, embeddedResource, preserveUnknownFields, intOrString } = schema;
  const errors: FieldError[] = [];
  if (embeddedResource && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(at('type'), why) : invalidValue(at('type'), type, why));
  } else if (type === '' && !intOrString && !preserveUnknownFields) {
    errors.push(required(at('type'), TYPE_NEEDED[level]));
  }
  if (embeddedResource && schema.additionalProperties !== undefined) {
    errors.push(
      forbidden(at('additionalProperties'), 'must not be used if x-kubernetes-embedded-resource is set'),
    );
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(invalidValue(at('type'), type, 'must be object at the root'));
  }
  if (embeddedResource && !preserveUnknownFields && schema.properties.size === 0) {
    const why =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(at('properties'), why));
  }
  return errors;
}

function metadataErrors(schema: Schema, level: Level, path: string): FieldError[] {
  if (level !== 'root' && !schema.embeddedResource) return [];
  const at = (name: string) => keyPath(childPath(path, 'properties'), name);
  const errors = ['kind', 'apiVersion'].flatMap((name) => {
    const own = schema.properties.get(name);
    if (own === undefined || own.type === 'string') return [];
    return [invalidValue(childPath(at(name), 'type'), own.type, 'must be string')];
  });
  const metadata = schema.properties.get('metadata');
  if (metadata === undefined) return errors;
  if (metadata.type !== 'object') {
    errors.push(invalidValue(childPath(at('metadata'), 'type'), metadata.type, 'must be object'));
  }
  if (level === 'root' && restrictsMore(metadata)) {
    const why =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbidden(at('metadata'), why));
  }
  return errors;
}

function restrictsMore({ source, properties }: Schema): boolean {
  const others = Object.keys(source).filter((key) => !['type', 'properties', 'default'].includes(key));
  return (
    others.length > 0 || [...properties.keys()].some((name) => name !== 'name' && name !== 'generateName')
  );
}

const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }];

function isIntOrStringPattern(anyOf: readonly Schema[]): boolean {
  return equal(
    anyOf.map(({ source }) => source),
    INT_OR_STRING,
  );
}

function isIntOrStringAllOf({ allOf: [first] }: Schema): boolean {
  return first !== undefined && isIntOrStringPattern(first.anyOf);
}

/** Errors of the logic of a schema; the two patterns that say int-or-string may name types. */
function logicErrors(
  schema: Schema,
  skipAnyOf: boolean,
  skipFirstAllOf: boolean,
  path: string,
): FieldError[] {
  const at = (name: string, index: number) => keyPath(childPath(path, name), index);
  return [
    ...(skipAnyOf ? [] : schema.anyOf.flatMap((own, index) => nestedErrors(own, false, at('anyOf', index)))),
    ...schema.allOf.flatMap((own, index) =>
      nestedErrors(own, skipFirstAllOf && index === 0, at('allOf', index)),
    ),
    ...schema.oneOf.flatMap((own, index) => nestedErrors(own, false, at('oneOf', index))),
    ...(schema.not === undefined ? [] : nestedErrors(schema.not, false, childPath(path, 'not'))),
    ...patternErrors(schema.pattern, childPath(path, 'pattern')),
  ];
}

function patternErrors(pattern: string, field: string): FieldError[] {
  if (pattern === '') return [];
  try {
    goRegExp(pattern);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [invalidValue(field, pattern, `must be a valid regular expression, but isn't: ${why}`)];
  }
}

const MUST_BE_EMPTY = [
  'type',
  'title',
  'description',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
];
const MUST_BE_UNDEFINED = [
  'additionalProperties',
  'default',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
];
const MUST_BE_FALSE = [
  'nullable',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
];

function nestedErrors(schema: Schema, skipAnyOf: boolean, path: string): FieldError[] {
  const at = (name: string) => childPath(path, name);
  const { source, items, properties } = schema;
  const refuse = (
    names: readonly string[],
    isSet: (source: JsonObject, name: string) => boolean,
    what: string,
  ) =>
    names
      .filter((name) => isSet(source, name))
      .map((name) => forbidden(at(name), `must be ${what} to be structural`));
  return [
    ...logicErrors(schema, skipAnyOf, false, path),
    ...(items === undefined ? [] : nestedErrors(items, false, at('items'))),
    ...[...properties].flatMap(([name, own]) => nestedErrors(own, false, keyPath(at('properties'), name))),
    ...refuse(MUST_BE_EMPTY, isNotEmpty, 'empty'),
    ...refuse(MUST_BE_UNDEFINED, isDefined, 'undefined'),
    ...refuse(MUST_BE_FALSE, (values, name) => values[name] === true, 'false'),
    ...(properties.has('metadata')
      ? [forbidden(keyPath(at('properties'), 'metadata'), 'must not be specified in a nested context')]
      : []),
  ];
}

function isNotEmpty(source: JsonObject, name: string): boolean {
  const value = source[name];
  return typeof value === 'string' ? value !== '' : listOf(value).length > 0;
}

function isDefined(source: JsonObject, name: string): boolean {
  const value = source[name];
  // `additionalProperties: false` validates nothing that pruning would let through.
  return value !== undefined && value !== null && !(name === 'additionalProperties' && value === false);
}

/** What logic validates must have a type outside of logic. */
function completenessErrors(
  logic: Schema,
  typed: Schema,
  typedPath: string,
  logicPath: string,
): FieldError[] {
  const each = (schemas: readonly Schema[], name: string) =>
    schemas.flatMap((own, index) =>
      nestedCompletenessErrors(own, typed, typedPath, keyPath(childPath(logicPath, name), index)),
    );
  return [
    ...(logic.not === undefined
      ? []
      : nestedCompletenessErrors(logic.not, typed, typedPath, childPath(logicPath, 'not'))),
    ...each(logic.allOf, 'allOf'),
    ...each(logic.anyOf, 'anyOf'),
    ...each(logic.oneOf, 'oneOf'),
  ];
}

function nestedCompletenessErrors(
  logic: Schema,
  typed: Schema | undefined,
  typedPath: string,
  logicPath: string,
): FieldError[] {
  if (typed === undefined) return [required(typedPath, `because it is defined in ${logicPath}`)];
  const below = (path: string, name: string) => keyPath(childPath(path, 'properties'), name);
  return [
    ...completenessErrors(logic, typed, typedPath, logicPath),
    ...(logic.items === undefined
      ? []
      : nestedCompletenessErrors(
          logic.items,
          typed.items,
          childPath(typedPath, 'items'),
          childPath(logicPath, 'items'),
        )),
    ...[...logic.properties].flatMap(([name, own]) =>
      nestedCompletenessErrors(
        own,
        typed.properties.get(name),
        below(typedPath, name),
        below(logicPath, name),
      ),
    ),
  ];
}

/** True for schemas with keywords that no structural schema can be read from; other checks name them. */
export function isUnreadable({ source }: Schema): boolean {
  return (
    ['id', '$schema', '$ref', 'patternProperties', 'dependencies', 'additionalItems', 'definitions'].some(
      (name) => isGiven(source[name]),
    ) ||
    Array.isArray(source['items']) ||
    source['x-kubernetes-preserve-unknown-fields'] === false
  );
}
