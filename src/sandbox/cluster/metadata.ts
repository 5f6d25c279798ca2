import { type FieldError, forbiddenField, invalidValue } from './errors.ts';
import { qualifiedNameFaults, validateAnnotations, validateLabels, validateName } from './names.ts';
import { equal, isObject, objectOf, without, type JsonObject, type Meta, type Stored } from './object.ts';
import type { Resource } from './resource.ts';

const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** `metadata` without what the real server leaves out when it is empty, and without unknown fields. */
export function tidyMetadata(metadata: JsonObject): Meta {
  const tidy: Meta = { name: '' };
  for (const [field, value] of Object.entries(metadata)) {
    if (!KNOWN.has(field) || value === null || value === '') continue;
    if (isObject(value) && Object.keys(value).length === 0) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    tidy[field] = value;
  }
  return tidy;
}

const KNOWN = new Set([
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
]);

/** True for a field of ObjectMeta. */
export function isMetadataField(field: string): boolean {
  return KNOWN.has(field) || field === 'selfLink';
}

/** Validates metadata of a new object, and the parts of it that may be wrong in an update too. */
export function validateMetadata(resource: Resource, { metadata }: Stored): FieldError[] {
  return [
    ...validateName(metadata.name, metadata.generateName ?? '', resource.rules.name),
    ...validateTies(metadata),
    ...validateFinalizers(metadata),
  ];
}

function validateTies(metadata: Meta): FieldError[] {
  return [
    ...validateLabels(metadata.labels ?? {}, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations ?? {}, 'metadata.annotations'),
    ...validateOwners(metadata),
  ];
}

function validateOwners(metadata: Meta): FieldError[] {
  const field = 'metadata.ownerReferences';
  const owners = metadata.ownerReferences ?? [];
  const controllers = owners.filter((owner) => owner.controller === true);
  const errors = owners.flatMap((owner) => [
    ...(owner.apiVersion ? [] : [invalidValue(`${field}.apiVersion`, '', 'version must not be empty')]),
    ...(owner.kind ? [] : [invalidValue(`${field}.kind`, '', 'must not be empty')]),
    ...(owner.name ? [] : [invalidValue(`${field}.name`, '', 'must not be empty')]),
    ...(owner.uid ? [] : [invalidValue(`${field}.uid`, '', 'must not be empty')]),
  ]);
  if (controllers.length > 1) {
    const [first, second] = controllers;
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${first?.kind ?? ''}/${first?.name ?? ''} and ${second?.kind ?? ''}/${second?.name ?? ''}`;
    // With the fields in the order of the type, not of the alphabet.
    const shown = owners.map(({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }) => ({
      apiVersion,
      kind,
      name,
      uid,
      controller,
      blockOwnerDeletion,
    }));
    const message = `Invalid value: ${JSON.stringify(shown)}: ${why}`;
    errors.push({ field, reason: 'FieldValueInvalid', message });
  }
  return errors;
}

function validateFinalizers(metadata: Meta): FieldError[] {
  return (metadata.finalizers ?? []).flatMap((finalizer, index) => {
    const field = `metadata.finalizers[${index}]`;
    const faults = qualifiedNameFaults(finalizer).map((why) => invalidValue(field, finalizer, why));
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
      faults.push(
        invalidValue(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'),
      );
    }
    return faults;
  });
}

/** Validates what an update may not change, and what it ties the object to. */
export function validateMetadataUpdate(metadata: Meta, old: Meta): FieldError[] {
  const errors = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ]
    .filter((field) => !equal(metadata[field], old[field]))
    .map((field) => invalidValue(`metadata.${field}`, metadata[field] ?? null, 'field is immutable'));
  if (old.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  return [...errors, ...validateTies(metadata)];
}

/** The parts of a request's metadata that the server alone decides, taken from the object as it is. */
export function keepSystemMetadata(metadata: Meta, old: Meta): Meta {
  const { generation, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = old;
  return {
    ...without(metadata, 'generation'),
    name: metadata.name === '' ? old.name : metadata.name,
    uid: metadata.uid ?? old.uid ?? '',
    ...(old.namespace === undefined ? {} : { namespace: metadata.namespace ?? old.namespace }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined
      ? {}
      : { deletionTimestamp: metadata.deletionTimestamp ?? deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined
      ? {}
      : {
          deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds ?? deletionGracePeriodSeconds,
        }),
  };
}

/** `metadata` of any JSON object. */
export function metadataOf(object: JsonObject): JsonObject {
  return objectOf(object['metadata']);
}
