import type { Json } from '../../kube/types.ts';
import { freeze, isObject, listOf, textOf, type JsonObject } from '../cluster/object.ts';
import { FieldSet } from './field-set.ts';

/** What one manager owns. */
export interface Ownership {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** RFC 3339; absent where nothing was ever changed by it. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** The managers of an object by {@link idOf}. */
export type Managers = Map<string, Ownership>;

type Identity = Pick<Ownership, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** What makes a manager: appliers are the same in every version, updaters are not. */
export function idOf({ manager, operation, apiVersion, subresource }: Identity): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

/** The name under which a manager stands in conflicts. */
export function describeManager({ manager, operation, apiVersion, subresource }: Identity): string {
  const name =
    JSON.stringify(manager) + (subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

// Stored objects are frozen and most entries outlive many writes: each is read and written once.
const setsOfJson = new WeakMap<object, FieldSet>();
const jsonOfSets = new WeakMap<FieldSet, JsonObject>();

function fieldsFromJson(json: Json): FieldSet {
  const known = isObject(json) ? setsOfJson.get(json) : undefined;
  if (known !== undefined) return known;
  const fields = FieldSet.fromJson(json);
  if (isObject(json) && Object.isFrozen(json)) {
    setsOfJson.set(json, fields);
    jsonOfSets.set(fields, json);
  }
  return fields;
}

function fieldsToJson(fields: FieldSet): JsonObject {
  const known = jsonOfSets.get(fields);
  if (known !== undefined) return known;
  const json = freeze(fields.toJson());
  jsonOfSets.set(fields, json);
  setsOfJson.set(json, fields);
  return json;
}

/**
 * Reads `metadata.managedFields`.
 * @throws Error when it is malformed.
 */
export function decodeManagers(managedFields: Json | undefined): Managers {
  const managers: Managers = new Map();
  for (const [index, entry] of listOf(managedFields).entries()) {
    if (!isObject(entry)) throw new Error(`managedFields entry ${index} must be an object`);
    const operation = entry['operation'];
    if (operation !== 'Apply' && operation !== 'Update')
      throw new Error('operation must be `Apply` or `Update`');
    const apiVersion = textOf(entry['apiVersion']);
    if (apiVersion === '') throw new Error('apiVersion must not be empty');
    const fieldsType = textOf(entry['fieldsType']);
    if (fieldsType === '') throw new Error(`missing fieldsType in managed fields entry ${index}`);
    if (fieldsType !== 'FieldsV1') {
      throw new Error(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`);
    }
    const ownership: Ownership = {
      manager: textOf(entry['manager']),
      operation,
      apiVersion,
      subresource: textOf(entry['subresource']),
      time: typeof entry['time'] === 'string' ? entry['time'] : undefined,
      fields: fieldsFromJson(entry['fieldsV1'] ?? {}),
    };
    managers.set(idOf(ownership), ownership);
  }
  return managers;
}

/** `metadata.managedFields`: appliers first, then by time and name; undefined where nobody owns anything. */
export function encodeManagers(managers: Managers): JsonObject[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].sort(byOperationAndTime).map((owner) => ({
    ...(owner.manager === '' ? {} : { manager: owner.manager }),
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time === undefined ? {} : { time: owner.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsToJson(owner.fields),
    ...(owner.subresource === '' ? {} : { subresource: owner.subresource }),
  }));
}

function byOperationAndTime(a: Ownership, b: Ownership): number {
  return (
    compareText(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function secondsOf({ time }: Ownership): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}

const MOST_UPDATERS = 10;

/**
 * Keeps the list short: beyond ten updaters the oldest of each version are put together as `ancient-changes`.
 */
export function capUpdaters(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update');
  let count = updaters.length;
  if (count <= MOST_UPDATERS) return managers;
  const result = new Map(managers);
  const oldest = updaters.sort(
    ([a, first], [b, second]) => secondsOf(first) - secondsOf(second) || compareText(a, b),
  );
  const firstOf = new Map<string, string>();
  for (const [id, owner] of oldest) {
    if (count <= MOST_UPDATERS) break;
    const { apiVersion } = owner;
    const first = firstOf.get(apiVersion);
    if (first === undefined) {
      firstOf.set(apiVersion, id);
      continue;
    }
    const identity = {
      manager: 'ancient-changes',
      operation: 'Update',
      apiVersion,
      subresource: '',
    } as const;
    const bucket = idOf(identity);
    const known = result.get(bucket) ?? result.get(first);
    if (!result.has(bucket)) result.delete(first);
    const fields = known === undefined ? owner.fields : owner.fields.union(known.fields);
    result.delete(id);
    result.set(bucket, { ...identity, time: owner.time, fields });
    count -= 1;
  }
  return result;
}
