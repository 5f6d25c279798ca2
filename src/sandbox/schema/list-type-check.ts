import {
  childPath,
  forbidden,
  invalidValue,
  keyPath,
  notSupported,
  required,
  type FieldError,
} from './field-error.ts';
import type { Schema } from './schema.ts';

/** Faults of `x-kubernetes-list-type`, its keys, and `x-kubernetes-map-type`. */
export function listTypeErrors(schema: Schema, path: string): FieldError[] {
  return [
    ...mapTypeErrors(schema, path),
    ...listErrors(schema, path),
    ...keyErrors(schema, path),
    ...(schema.listType === 'map' ? listMapErrors(schema, path) : []),
    ...itemErrors(schema, path),
  ];
}

function mapTypeErrors({ mapType, type }: Schema, path: string): FieldError[] {
  if (mapType === '') return [];
  const errors: FieldError[] = [];
  if (type !== 'object')
    errors.push(typeError(path, type, 'must be object if x-kubernetes-map-type is specified'));
  if (!['atomic', 'granular'].includes(mapType)) {
    errors.push(notSupported(childPath(path, 'x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
  }
  return errors;
}

function typeError(path: string, type: string, why: string): FieldError {
  const at = childPath(path, 'type');
  return type === '' ? required(at, why) : invalidValue(at, type, why);
}

function listErrors({ listType, type, items }: Schema, path: string): FieldError[] {
  if (listType === '') return [];
  const errors: FieldError[] = [];
  if (type !== 'array')
    errors.push(typeError(path, type, 'must be array if x-kubernetes-list-type is specified'));
  else if (listType === 'set' && items !== undefined) {
    const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    const at = (name: string) => childPath(childPath(path, 'items'), name);
    if (items.type === 'array' && items.listType !== '' && items.listType !== 'atomic') {
      errors.push(invalidValue(at('x-kubernetes-list-type'), items.listType, why));
    }
    if (items.type === 'object' && items.mapType !== 'atomic') {
      // The real server prints the list type of the items here, which they mostly lack.
      errors.push(
        invalidValue(at('x-kubernetes-map-type'), items.listType === '' ? null : items.listType, why),
      );
    }
  }
  if (!['atomic', 'set', 'map'].includes(listType)) {
    errors.push(notSupported(childPath(path, 'x-kubernetes-list-type'), listType, ['atomic', 'set', 'map']));
  }
  return errors;
}

function keyErrors({ listType, listMapKeys }: Schema, path: string): FieldError[] {
  if (listMapKeys.length === 0 || listType === 'map') return [];
  const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
  const at = childPath(path, 'x-kubernetes-list-type');
  return [listType === '' ? required(at, why) : invalidValue(at, listType, why)];
}

function listMapErrors({ listMapKeys, items }: Schema, path: string): FieldError[] {
  const keysAt = childPath(path, 'x-kubernetes-list-map-keys');
  const itemsAt = childPath(path, 'items');
  const errors: FieldError[] = [];
  if (listMapKeys.length === 0) {
    errors.push(required(keysAt, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (items === undefined) {
    return [...errors, required(itemsAt, 'must have a schema if x-kubernetes-list-type is map')];
  }
  if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalidValue(childPath(itemsAt, 'type'), items.type, why)];
  }
  for (const [index, key] of listMapKeys.entries()) {
    const own = items.properties.get(key);
    if (own === undefined) {
      errors.push(invalidValue(keysAt, [...listMapKeys], 'entries must all be names of item properties'));
    } else if (own.type === 'array' || own.type === 'object') {
      const at = childPath(keyPath(childPath(itemsAt, 'properties'), key), 'type');
      errors.push(
        invalidValue(at, items.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"),
      );
    }
    if (listMapKeys.indexOf(key) !== index) {
      errors.push(invalidValue(keysAt, [...listMapKeys], 'must not contain duplicate entries'));
    }
  }
  return errors;
}

// What tells items apart must always be there.
function itemErrors({ listType, listMapKeys, items }: Schema, path: string): FieldError[] {
  if (items === undefined || (listType !== 'set' && listType !== 'map')) return [];
  const itemsAt = childPath(path, 'items');
  const errors: FieldError[] = [];
  if (items.nullable) {
    errors.push(
      forbidden(
        childPath(itemsAt, 'nullable'),
        `cannot be nullable when x-kubernetes-list-type is ${listType}`,
      ),
    );
  }
  for (const key of listType === 'map' ? listMapKeys : []) {
    const own = items.properties.get(key);
    if (own === undefined) continue;
    const at = (name: string) => childPath(keyPath(childPath(itemsAt, 'properties'), key), name);
    const because = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!items.required.includes(key) && own.default === undefined) {
      errors.push(required(at('default'), `${because} must have a default or be a required property`));
    }
    if (own.nullable) errors.push(forbidden(at('nullable'), `${because} cannot be nullable`));
  }
  return errors;
}
