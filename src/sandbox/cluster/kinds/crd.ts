import { type FieldError, invalidValue, requiredValue, unsupportedValue } from '../errors.ts';
import { compileCrd, InvalidCrd } from '../../schema/index.ts';
import { at, equal, listOf, objectOf, textOf, without, type JsonObject, type Stored } from '../object.ts';
import type { Rules } from '../resource.ts';
import type { TypeSchema } from './types.ts';
import {
  always,
  alwaysAs,
  anything,
  conditions,
  flag,
  int,
  listOfType,
  long,
  optional,
  preset,
  struct,
  text,
} from './types.ts';

const names = struct({
  plural: alwaysAs(optional(text), ''),
  singular: text,
  shortNames: listOfType(text),
  kind: alwaysAs(optional(text), ''),
  listKind: text,
  categories: listOfType(text),
});

const version = struct({
  name: text,
  served: optional(flag),
  storage: optional(flag),
  deprecated: flag,
  deprecationWarning: optional(text),
  schema: struct({ openAPIV3Schema: anything }),
  subresources: struct({
    status: struct({}),
    scale: struct({ specReplicasPath: text, statusReplicasPath: text, labelSelectorPath: optional(text) }),
  }),
  additionalPrinterColumns: listOfType(
    struct({ name: text, type: text, format: text, description: text, priority: int, jsonPath: text }),
  ),
  selectableFields: listOfType(struct({ jsonPath: text })),
});

/** Fields of a CustomResourceDefinition. */
export const crdFields: Readonly<Record<string, TypeSchema>> = {
  spec: always(
    struct({
      group: text,
      names: always(names),
      scope: text,
      versions: listOfType(version),
      conversion: preset(struct({ strategy: text, webhook: anything }), { strategy: 'None' }),
      preserveUnknownFields: flag,
    }),
  ),
  status: always(
    struct({
      conditions: alwaysAs(conditions({ observedGeneration: long }), null),
      acceptedNames: always(names),
      storedVersions: alwaysAs(listOfType(text), null),
      observedGeneration: long,
    }),
  ),
};

/** Names that follow from the kind. */
export function completeCrd(crd: JsonObject): JsonObject {
  const spec = objectOf(crd['spec']);
  const given = objectOf(spec['names']);
  const kind = textOf(given['kind']);
  const completed: JsonObject = {
    ...given,
    singular: textOf(given['singular']) || kind.toLowerCase(),
    listKind: textOf(given['listKind']) || `${kind}List`,
  };
  return { ...crd, spec: { ...spec, names: completed } };
}

function initialStatus(crd: Stored): JsonObject {
  const versions = listOf(at(crd, 'spec', 'versions')).map(objectOf);
  const storage = versions.filter((version) => version['storage'] === true);
  return {
    conditions: null,
    acceptedNames: { plural: '', kind: '' },
    storedVersions: storage.map((version) => textOf(version['name'])),
  };
}

/** Where CustomResourceDefinitions are stored, by `PLURAL.GROUP`. */
export const CRD_TABLE = 'customresourcedefinitions.apiextensions.k8s.io';

/** Holds a CustomResourceDefinition that is being deleted until its objects are gone. */
export const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

function markDeleted(crd: Stored): Stored {
  const status = objectOf(crd['status']);
  const terminating: JsonObject = {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: crd.metadata.deletionTimestamp,
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
  const { generation, finalizers = [] } = crd.metadata;
  return {
    ...crd,
    metadata: {
      ...without(crd.metadata, 'deletionGracePeriodSeconds'),
      // Other than elsewhere, a deletion is no new generation.
      ...(generation === undefined ? {} : { generation: generation - 1 }),
      finalizers: finalizers.includes(CLEANUP) ? finalizers : [...finalizers, CLEANUP],
    },
    status: { ...status, conditions: [...listOf(status['conditions']), terminating] },
  };
}

function validateCrd(crd: Stored, old: Stored | undefined): FieldError[] {
  const spec = objectOf(crd['spec']);
  const given = objectOf(spec['names']);
  const group = textOf(spec['group']);
  const plural = textOf(given['plural']);
  const versions = listOf(spec['versions']).map(objectOf);
  const errors: FieldError[] = [];
  if (crd.metadata.name !== `${plural}.${group}`) {
    errors.push(invalidValue('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (group === '') errors.push(requiredValue('spec.group'));
  else if (!group.includes('.')) {
    errors.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
  }
  const scope = textOf(spec['scope']);
  if (scope !== 'Cluster' && scope !== 'Namespaced') {
    errors.push(unsupportedValue('spec.scope', scope, ['Cluster', 'Namespaced']));
  }
  for (const field of ['plural', 'kind']) {
    if (textOf(given[field]) === '') errors.push(requiredValue(`spec.names.${field}`));
  }
  versions.forEach((item, index) => {
    if (at(item, 'schema', 'openAPIV3Schema') === undefined) {
      errors.push(requiredValue(`spec.versions[${index}].schema.openAPIV3Schema`));
    }
  });
  if (versions.filter((item) => item['storage'] === true).length !== 1) {
    errors.push(
      invalidValue(
        'spec.versions',
        spec['versions'] ?? null,
        'must have exactly one version marked as storage version',
      ),
    );
  }
  if (old !== undefined) {
    for (const path of [['group'], ['scope'], ['names', 'kind'], ['names', 'plural']]) {
      const value = at(spec, ...path);
      if (!equal(value, at(old['spec'], ...path))) {
        errors.push(invalidValue(`spec.${path.join('.')}`, value ?? null, 'field is immutable'));
      }
    }
  }
  return errors.length > 0 ? errors : schemaErrors(crd);
}

function schemaErrors(crd: Stored): FieldError[] {
  try {
    compileCrd(crd);
    return [];
  } catch (error) {
    if (error instanceof InvalidCrd) return [...error.causes];
    throw error;
  }
}

/** The rules of CustomResourceDefinitions. */
export const crdRules: Partial<Rules> = {
  newGeneration: (after, before) => !equal(after['spec'], before['spec']),
  prepare: (crd, old) => (old === undefined ? { ...crd, status: initialStatus(crd) } : crd),
  prepareStatus: (sent, old) => ({ ...sent, spec: old['spec'] }),
  prepareDelete: markDeleted,
  validate: validateCrd,
};
