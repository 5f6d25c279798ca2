import type { Json } from '../../kube/types.ts';
import { Rules, type RuleFault } from './cel/rules.ts';
import { decodeEmbedded, embeddedErrors, NotDecodable } from './embedded.ts';
import {
  childPath,
  forbidden,
  internal,
  invalidJson,
  invalidValue,
  keyPath,
  notSupported,
  required,
  sortedJson,
  type FieldError,
} from './field-error.ts';
import { resolveFieldPath } from './field-path.ts';
import { listTypeErrors } from './list-type-check.ts';
import { prune } from './prepare.ts';
import { isGiven, type Rule, type Schema } from './schema.ts';
import { isUnreadable, structuralErrors } from './structural.ts';
import { validateSchema } from './validate.ts';

/** A checked schema: the faults of it, and its rules, ready to be evaluated. */
export interface CheckedSchema {
  readonly errors: FieldError[];
  readonly rules: Rules;
}

/** Checks a CRD's `openAPIV3Schema` at `path`. */
export function checkSchema(schema: Schema, path: string): CheckedSchema {
  const unreadable = anySchema(schema, isUnreadable);
  const structural = unreadable ? [] : structuralErrors(schema, path);
  const defaults = unreadable || structural.length > 0 ? [] : defaultErrors(schema, path, true);
  const nullable = schema.nullable
    ? [forbidden(childPath(path, 'nullable'), 'nullable cannot be true at the root')]
    : [];
  const usable = !unreadable && structural.length === 0 && defaults.length === 0;
  const openApi = openApiErrors(schema, path, { isRoot: true });
  const rules = new Rules(schema, true);
  // Rules of a schema that is wrong can't be told to be right.
  const cel = usable && openApi.length === 0 ? ruleErrors(schema, path, rules) : [];
  return { errors: [...nullable, ...structural, ...defaults, ...openApi, ...cel], rules };
}

/** True where the predicate holds for the schema or any within it, logic included. */
function anySchema(schema: Schema, predicate: (schema: Schema) => boolean): boolean {
  return predicate(schema) || within(schema).some(([, own]) => anySchema(own, predicate));
}

/** All schemas directly within a schema, with their paths from it. */
function within(schema: Schema): [string, Schema][] {
  const { items, additionalProperties: others, not } = schema;
  const list = (name: string, schemas: readonly Schema[]) =>
    schemas.map((own, index): [string, Schema] => [keyPath(name, index), own]);
  return [
    ...[...schema.properties].map(([name, own]): [string, Schema] => [keyPath('properties', name), own]),
    ...(typeof others === 'object' ? [['additionalProperties', others] as [string, Schema]] : []),
    ...(items === undefined ? [] : [['items', items] as [string, Schema]]),
    ...(not === undefined ? [] : [['not', not] as [string, Schema]]),
    ...list('allOf', schema.allOf),
    ...list('oneOf', schema.oneOf),
    ...list('anyOf', schema.anyOf),
  ];
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'];

interface Place {
  readonly isRoot?: boolean;
  /** Why defaults are not allowed here. */
  readonly noDefaults?: string | undefined;
  readonly inMetadata?: boolean;
}

function openApiErrors(schema: Schema, path: string, place: Place): FieldError[] {
  return [
    ...keywordErrors(schema, path, place),
    ...within(schema).flatMap(([name, own]) =>
      openApiErrors(own, childPath(path, name), placeOf(schema, name, place)),
    ),
    ...listTypeErrors(schema, path),
    ...schema.validations.flatMap((rule, index) =>
      ruleFormErrors(rule, schema, keyPath(childPath(path, 'x-kubernetes-validations'), index)),
    ),
  ];
}

function keywordErrors(
  schema: Schema,
  path: string,
  { noDefaults, inMetadata = false }: Place,
): FieldError[] {
  const at = (name: string) => childPath(path, name);
  const { source, type } = schema;
  const errors: FieldError[] = [];
  if (type !== '' && !TYPES.includes(type)) errors.push(notSupported(at('type'), type, [...TYPES].sort()));
  if (type === 'null') {
    errors.push(forbidden(at('type'), 'type cannot be set to null, use nullable as an alternative'));
  }
  if (schema.default !== undefined && noDefaults !== undefined) {
    errors.push(forbidden(at('default'), `must not be set ${noDefaults}`));
  }
  for (const name of UNSUPPORTED) {
    if (isGiven(source[name])) errors.push(forbidden(at(name), `${name} is not supported`));
  }
  if (Array.isArray(source['items']) && source['items'].length > 0) {
    errors.push(forbidden(at('items'), 'items must be a schema object and not an array'));
  }
  if (inMetadata && schema.embeddedResource) {
    errors.push(forbidden(at('x-kubernetes-embedded-resource'), 'must not be used inside of resource meta'));
  }
  if (source['uniqueItems'] === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(at('uniqueItems'), why));
  }
  const others = schema.additionalProperties;
  if (others !== undefined && others !== true && schema.properties.size > 0) {
    errors.push(
      forbidden(at('additionalProperties'), 'additionalProperties and properties are mutual exclusive'),
    );
  }
  if (source['x-kubernetes-preserve-unknown-fields'] === false) {
    errors.push(invalidValue(at('x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'));
  }
  return errors;
}

function placeOf(schema: Schema, name: string, place: Place): Place {
  const { noDefaults, inMetadata } = place;
  if (name === 'additionalProperties' && inMetadata === true) {
    return { noDefaults: 'inside additionalProperties applying to object metadata', inMetadata };
  }
  const property = /^properties\[(apiVersion|kind|metadata)\]$/.exec(name)?.[1];
  if (property === undefined || (place.isRoot !== true && !schema.embeddedResource))
    return { noDefaults, inMetadata: inMetadata === true };
  return { noDefaults: place.isRoot === true ? `in top-level ${property}` : noDefaults, inMetadata: true };
}

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const LINE_BREAK = /[\n\r]/;

function ruleFormErrors(rule: Rule, schema: Schema, path: string): FieldError[] {
  const at = (name: string) => childPath(path, name);
  const [text, message] = [rule.rule.trim(), rule.message.trim()];
  const errors: FieldError[] = [];
  if (text === '') errors.push(required(at('rule'), 'rule is not specified'));
  else if (rule.message !== '' && message === '') {
    errors.push(invalidValue(at('message'), rule.message, 'must be non-empty if specified'));
  } else if (LINE_BREAK.test(message)) {
    errors.push(invalidValue(at('message'), rule.message, 'must not contain line breaks'));
  } else if (LINE_BREAK.test(text) && message === '') {
    errors.push(required(at('message'), 'message must be specified if rule contains line breaks'));
  }
  if (rule.messageExpression !== '' && rule.messageExpression.trim() === '') {
    errors.push(required(at('messageExpression'), 'messageExpression must be non-empty if specified'));
  }
  if (rule.reason !== '' && !REASONS.includes(rule.reason)) {
    errors.push(notSupported(at('reason'), rule.reason, REASONS));
  }
  return [...errors, ...fieldPathErrors(rule.fieldPath, schema, at('fieldPath'))];
}

function fieldPathErrors(fieldPath: string, schema: Schema, at: string): FieldError[] {
  if (fieldPath === '') return [];
  const errors: FieldError[] = [];
  if (fieldPath.trim() === '') errors.push(invalidValue(at, fieldPath, 'must be non-empty if specified'));
  if (LINE_BREAK.test(fieldPath)) errors.push(invalidValue(at, fieldPath, 'must not contain line breaks'));
  try {
    resolveFieldPath(fieldPath, schema);
  } catch {
    errors.push(invalidValue(at, fieldPath, 'must be a valid path'));
  }
  return errors;
}

/** A rule as the real server prints it in errors. */
function shownRule({ rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: Rule): string {
  const members: [string, string][] = [
    ['Rule', sortedJson(rule)],
    ['Message', sortedJson(message)],
    ['MessageExpression', sortedJson(messageExpression)],
    ['Reason', reason === '' ? 'null' : sortedJson(reason)],
    ['FieldPath', sortedJson(fieldPath)],
    ['OptionalOldSelf', optionalOldSelf === undefined ? 'null' : String(optionalOldSelf)],
  ];
  return `{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`;
}

const UNTYPED =
  'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';

/** Faults of rules that look right but don't compile, and of those that compare what can't be compared. */
function ruleErrors(schema: Schema, path: string, rules: Rules, uncorrelatable?: string): FieldError[] {
  const untyped = rules.untyped.has(schema)
    ? [internal(childPath(path, 'x-kubernetes-validations'), UNTYPED)]
    : [];
  const own = schema.validations.flatMap((rule, index) => {
    const at = keyPath(childPath(path, 'x-kubernetes-validations'), index);
    const faults = rules.faults.filter(
      (fault: RuleFault) => fault.schema === schema && fault.index === index,
    );
    return [
      ...faults.map(({ part, sentence }) => invalidJson(childPath(at, part), shownRule(rule), sentence)),
      ...oldSelfErrors(rule, at, rules, uncorrelatable),
    ];
  });
  const below = within(schema).flatMap(([name, child]) => {
    const atomic = name === 'items' && schema.listType !== 'map' ? path : undefined;
    return ruleErrors(child, childPath(path, name), rules, uncorrelatable ?? atomic);
  });
  return [...untyped, ...own, ...below];
}

function oldSelfErrors(
  rule: Rule,
  at: string,
  rules: Rules,
  uncorrelatable: string | undefined,
): FieldError[] {
  if (rules.transitions.has(rule)) {
    if (uncorrelatable === undefined) return [];
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
    return [invalidValue(childPath(at, 'rule'), rule.rule, why)];
  }
  const { optionalOldSelf } = rule;
  if (optionalOldSelf === undefined) return [];
  return [
    invalidValue(
      childPath(at, 'optionalOldSelf'),
      optionalOldSelf,
      'may not be set if oldSelf is not used in rule',
    ),
  ];
}

/** Defaults that the schema itself would refuse or prune. */
function defaultErrors(schema: Schema, path: string, isRoot: boolean): FieldError[] {
  const at = childPath(path, 'default');
  const { items } = schema;
  return [
    ...(schema.default === undefined ? [] : oneDefaultErrors(schema, schema.default, at)),
    ...(items === undefined ? [] : defaultErrors(items, childPath(path, 'items'), false)),
    ...[...schema.properties].flatMap(([name, own]) =>
      // Defaults at the root's own apiVersion, kind and metadata are forbidden, which is said elsewhere.
      isRoot && ['apiVersion', 'kind', 'metadata'].includes(name)
        ? []
        : defaultErrors(own, keyPath(childPath(path, 'properties'), name), false),
    ),
  ];
}

function oneDefaultErrors(schema: Schema, value: Json, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (sortedJson(prune(value, schema, schema.embeddedResource)) !== sortedJson(value)) {
    errors.push(invalidValue(at, value, 'must not have unknown fields'));
  }
  try {
    decodeEmbedded(value, schema, at);
  } catch (error) {
    if (error instanceof NotDecodable) return [...errors, invalidValue(at, value, error.message)];
    throw error;
  }
  const embedded = embeddedErrors(value, schema, at);
  if (embedded.length > 0) return [...errors, ...embedded];
  const invalid = validateSchema(schema, value, at, undefined);
  if (invalid.length > 0) return [...errors, ...invalid];
  const rules = new Rules(schema, schema.embeddedResource);
  const unchanged = rules.validate(value, value, at, undefined);
  return [
    ...errors,
    ...unchanged,
    ...(unchanged.length > 0 ? [] : rules.validate(value, undefined, at, undefined)),
  ];
}
