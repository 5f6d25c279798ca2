import type { Json, KubeObject } from '../../kube/types.ts';
import { isObject, listOf, objectOf, textOf, type JsonObject } from '../cluster/object.ts';
import type { Rules } from './cel/rules.ts';
import { Correlated } from './correlate.ts';
import { decodeEmbedded, embeddedErrors } from './embedded.ts';
import { partPath, rootErrors, specErrors } from './crd-check.ts';
import { childPath, invalidValue, sortedJson, type FieldError } from './field-error.ts';
import { duplicateErrors } from './list-types.ts';
import { applyDefaults, dropNulls, prune } from './prepare.ts';
import { scaleErrors, type Scale } from './scale.ts';
import { checkSchema } from './schema-check.ts';
import { parseSchema, type Schema } from './schema.ts';
import { validateSchema } from './validate.ts';

export { NotDecodable } from './embedded.ts';
export type { FieldError } from './field-error.ts';
export type { Scale } from './scale.ts';

/** A CRD that a real API server would refuse; `causes` as in its Status. */
export class InvalidCrd extends Error {
  override readonly name = 'InvalidCrd';
  readonly causes: readonly FieldError[];

  constructor(name: string, causes: readonly FieldError[]) {
    const sentences = causes.map(({ field, message }) => `${field}: ${message}`);
    super(`CustomResourceDefinition ${JSON.stringify(name)} is invalid: ${sentences.join(', ')}`);
    this.causes = causes;
  }
}

/** `spec.names`, with what the server fills in. */
export interface Names {
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
}

/** One entry of `additionalPrinterColumns`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  readonly priority: number;
}

export interface CompiledVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly hasStatus: boolean;
  readonly scale: Scale | undefined;
  readonly additionalPrinterColumns: readonly PrinterColumn[];
  /** `spec.versions[].schema.openAPIV3Schema`, for discovery and for merging (see ../apply). */
  readonly schema: JsonObject;
  /** JSON paths of `selectableFields`. */
  readonly selectableFields: readonly string[];
  /**
   * A copy of the object as the server stores it: unknown fields and forbidden nulls dropped, defaults filled in.
   * @throws NotDecodable where apiVersion, kind or metadata of an embedded resource are of a wrong type.
   */
  prepare(object: JsonObject, old: JsonObject | undefined): JsonObject;
  /**
   * Faults of a prepared object, besides those of its `metadata`. With `old`, this is an update: faults of unchanged
   * parts are let pass and transition rules hold. `subresource` is `status` for writes to /status.
   */
  validate(object: JsonObject, old: JsonObject | undefined, subresource?: string): FieldError[];
}

export interface CompiledCrd {
  readonly group: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly names: Names;
  /** Served or not, in the order of the CRD. */
  readonly versions: readonly CompiledVersion[];
}

/**
 * Makes a CRD ready for use.
 * @throws InvalidCrd for what a real API server refuses at admission.
 */
export function compileCrd(crd: KubeObject): CompiledCrd {
  const { spec }: KubeObject & { spec?: Json } = crd;
  const key = sortedJson([crd.metadata.name, spec ?? null]);
  const known = cache.get(key);
  if (known !== undefined) return known;
  const compiled = compile(crd.metadata.name, objectOf(spec));
  const [oldest] = cache.size < MOST_CACHED ? [] : cache.keys();
  if (oldest !== undefined) cache.delete(oldest);
  cache.set(key, compiled);
  return compiled;
}

// Simulations make the same kinds in one cluster after the other; compiled ones are immutable.
const cache = new Map<string, CompiledCrd>();
const MOST_CACHED = 64;

function compile(name: string, spec: JsonObject): CompiledCrd {
  const versions = listOf(spec['versions']).map(objectOf);
  const errors = specErrors(spec);
  const compiled = versions.map((version, index) => {
    const path = childPath(partPath(versions, 'schema', index, 'spec.validation'), 'openAPIV3Schema');
    const schema = parseSchema(objectOf(version['schema'])['openAPIV3Schema']);
    const known = index > 0 && path.startsWith('spec.validation');
    const { errors: faults, rules } = checkSchema(schema, path);
    if (!known) errors.push(...(hasStatus(version) ? rootErrors(schema, path) : []), ...faults);
    return compileVersion(version, schema, rules);
  });
  if (errors.length > 0) throw new InvalidCrd(name, errors);
  return {
    group: textOf(spec['group']),
    scope: spec['scope'] === 'Cluster' ? 'Cluster' : 'Namespaced',
    names: namesOf(objectOf(spec['names'])),
    versions: compiled,
  };
}

function hasStatus(version: JsonObject): boolean {
  return isObject(objectOf(version['subresources'])['status']);
}

function namesOf(names: JsonObject): Names {
  const kind = textOf(names['kind']);
  return {
    plural: textOf(names['plural']),
    singular: textOf(names['singular']) || kind.toLowerCase(),
    kind,
    listKind: textOf(names['listKind']) || `${kind}List`,
    shortNames: listOf(names['shortNames']).map(textOf),
    categories: listOf(names['categories']).map(textOf),
  };
}

function compileVersion(version: JsonObject, schema: Schema, rules: Rules): CompiledVersion {
  const subresources = objectOf(version['subresources']);
  const scale = isObject(subresources['scale']) ? scaleOf(subresources['scale']) : undefined;
  return {
    name: textOf(version['name']),
    served: version['served'] === true,
    storage: version['storage'] === true,
    hasStatus: hasStatus(version),
    scale,
    additionalPrinterColumns: listOf(version['additionalPrinterColumns']).map((column) =>
      columnOf(objectOf(column)),
    ),
    schema: schema.source,
    selectableFields: listOf(version['selectableFields']).map((field) => textOf(objectOf(field)['jsonPath'])),
    prepare: (object) => {
      const pruned = dropNulls(prune(object, schema, true), schema);
      return objectOf(applyDefaults(decodeEmbedded(pruned, schema), schema));
    },
    validate: (object, old, subresource) =>
      validateObject(schema, rules, scale, object, old, subresource === 'status'),
  };
}

function scaleOf(scale: JsonObject): Scale {
  const selector = textOf(scale['labelSelectorPath']);
  return {
    specReplicasPath: textOf(scale['specReplicasPath']),
    statusReplicasPath: textOf(scale['statusReplicasPath']),
    labelSelectorPath: selector === '' ? undefined : selector,
  };
}

function columnOf(column: JsonObject): PrinterColumn {
  const optional = (value: Json | undefined) => (typeof value === 'string' ? value : undefined);
  return {
    name: textOf(column['name']),
    type: textOf(column['type']),
    jsonPath: textOf(column['jsonPath']),
    format: optional(column['format']),
    description: optional(column['description']),
    priority: typeof column['priority'] === 'number' ? column['priority'] : 0,
  };
}

// Until these are mended, rules could not be evaluated without misleading errors.
const BLOCKING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

function validateObject(
  schema: Schema,
  rules: Rules,
  scale: Scale | undefined,
  object: JsonObject,
  old: JsonObject | undefined,
  isStatus: boolean,
): FieldError[] {
  const correlated = old === undefined ? undefined : new Correlated(object, old, schema);
  const errors = isStatus
    ? statusErrors(schema, object, correlated)
    : validateSchema(schema, object, '', correlated);
  if (scale !== undefined) errors.push(...scaleErrors(scale, object, isStatus));
  if (!isStatus) errors.push(...embeddedErrors(object, schema));
  // An object that had repeated items may keep them.
  const duplicates = duplicateErrors(schema, object, '');
  if (duplicates.length > 0 && (old === undefined || duplicateErrors(schema, old, '').length === 0)) {
    errors.push(...duplicates);
  }
  if (rules.empty) return errors;
  if (errors.some(({ reason }) => BLOCKING.has(reason)))
    return [...errors, invalidValue('<nil>', null, UNCHECKED)];
  return [...errors, ...rules.validate(object, old, '', correlated)];
}

const UNCHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

function statusErrors(schema: Schema, object: JsonObject, correlated: Correlated | undefined): FieldError[] {
  const status = object['status'];
  const own = schema.properties.get('status');
  if (status === undefined || own === undefined) return [];
  return validateSchema(own, status, 'status', correlated?.member('status'));
}
