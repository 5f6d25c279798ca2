import { trackUpdate } from '../apply/index.ts';
import { at, listOf, objectOf, textOf, without, type JsonObject, type Stored } from './object.ts';

const SCALE_VERSION = 'autoscaling/v1';
const REPLICAS = ['spec', 'replicas'];

/**
 * managedFields after a write to the scale subresource. The owners of the replicas are the owners of a Scale object, as
 * which the write is tracked; whoever lost the replicas there loses them here, and a new owner comes in without a time.
 * A write to replicas that nobody owned isn't tracked. (The rules of kube-apiserver's scale handler.)
 * `path` is that of the replicas; `apiVersion` that of the object.
 */
export function trackScale(
  before: Stored,
  replicas: number,
  path: readonly string[],
  manager: string,
  now: string,
): JsonObject[] | undefined {
  const entries = byIdentity(listOf(before.metadata.managedFields).map(objectOf));
  const owners = [...entries.values()]
    .filter((entry) => owns(entry, path))
    .map((entry) => ({ ...entry, apiVersion: SCALE_VERSION, fieldsV1: fieldsOf(REPLICAS) }));
  const scale = (count: number): JsonObject => ({
    apiVersion: SCALE_VERSION,
    kind: 'Scale',
    metadata: owners.length === 0 ? {} : { managedFields: owners },
    spec: { replicas: count },
  });
  const was = at(before, ...path);
  const tracked = byIdentity(
    trackUpdate({
      before: scale(typeof was === 'number' ? was : 0),
      after: scale(replicas),
      manager,
      subresource: 'scale',
      now,
    }) ?? [],
  );
  const result: JsonObject[] = [];
  for (const [id, entry] of entries) {
    if (!owns(entry, path) || tracked.delete(id)) result.push(entry);
    else {
      const fieldsV1 = withoutField(objectOf(entry['fieldsV1']), path);
      if (Object.keys(fieldsV1).length > 0) result.push({ ...entry, fieldsV1 });
    }
  }
  for (const entry of tracked.values()) {
    if (!owns(entry, REPLICAS)) continue;
    result.push({ ...without(entry, 'time'), apiVersion: before.apiVersion, fieldsV1: fieldsOf(path) });
  }
  return result.length === 0 ? undefined : result.sort(byOperationAndTime);
}

function byIdentity(entries: readonly JsonObject[]): Map<string, JsonObject> {
  return new Map(
    entries.map((entry) => {
      const { manager, operation, apiVersion, subresource } = entry;
      // Appliers are the same in every version.
      const version = operation === 'Apply' ? '' : apiVersion;
      return [JSON.stringify([manager, operation, version, subresource ?? '']), entry];
    }),
  );
}

function owns(entry: JsonObject, path: readonly string[]): boolean {
  return at(entry['fieldsV1'], ...path.map((key) => `f:${key}`)) !== undefined;
}

function fieldsOf([key, ...rest]: readonly string[]): JsonObject {
  return key === undefined ? {} : { [`f:${key}`]: fieldsOf(rest) };
}

function withoutField(fields: JsonObject, [key = '', ...rest]: readonly string[]): JsonObject {
  const name = `f:${key}`;
  if (rest.length === 0) return without(fields, name);
  const below = withoutField(objectOf(fields[name]), rest);
  return Object.keys(below).length === 0 ? without(fields, name) : { ...fields, [name]: below };
}

function byOperationAndTime(a: JsonObject, b: JsonObject): number {
  for (const field of ['operation', 'time', 'manager', 'apiVersion', 'subresource']) {
    const [left, right] = [textOf(a[field]), textOf(b[field])];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
