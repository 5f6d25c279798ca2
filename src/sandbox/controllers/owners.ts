import type { Owner, Stored } from '../cluster/object.ts';

/** The owner reference that makes `owner` the controller of another object. */
export function controlledBy(owner: Stored): Owner {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The controller among an object's owners. */
export function controllerOf(object: Stored): Owner | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** True where `owner` controls `object`. */
export function isControlledBy(object: Stored, owner: Stored): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** `namespace/name` of an object, or its name where it has no namespace. */
export function keyOfObject({ metadata }: Stored): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
