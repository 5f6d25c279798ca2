import type { Json } from '../../kube/types.ts';
import { isObject, objectOf, textOf, without, type JsonObject } from '../cluster/object.ts';
import type { FieldSet } from './field-set.ts';
import { compare } from './merge.ts';
import type { MergeType } from './merge-schema.ts';
import { fieldsOf } from './typed.ts';

/** The annotation in which `kubectl apply` without --server-side keeps what it applied. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The fields that client-side apply set and that are still as it set them; undefined where an object was not applied so,
 * or in another version.
 */
export function lastAppliedFields(
  type: MergeType,
  live: JsonObject,
  apiVersion: string,
): FieldSet | undefined {
  const text = textOf(objectOf(objectOf(live['metadata'])['annotations'])[LAST_APPLIED]);
  const applied = parse(text);
  if (applied === undefined || applied['apiVersion'] !== apiVersion) return undefined;
  const { modified, added, removed } = compare(type, applied, live);
  return fieldsOf(type, applied).difference(modified).difference(added).difference(removed);
}

function parse(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A copy of the object whose annotation tells of this patch, so that client-side apply can go on from it. */
export function withLastApplied(object: JsonObject, patch: JsonObject): JsonObject {
  const metadata = objectOf(object['metadata']);
  const annotations = {
    ...objectOf(metadata['annotations']),
    [LAST_APPLIED]: `${JSON.stringify(sorted(bare(patch)))}\n`,
  };
  return { ...object, metadata: { ...metadata, annotations } };
}

function bare(patch: JsonObject): JsonObject {
  const metadata = objectOf(patch['metadata']);
  if (!isObject(metadata['annotations'])) return patch;
  const annotations = without(metadata['annotations'], LAST_APPLIED);
  const rest = without(metadata, 'annotations');
  return { ...patch, metadata: Object.keys(annotations).length === 0 ? rest : { ...rest, annotations } };
}

function sorted(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value ?? null;
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  return Object.fromEntries(names.sort().map((name) => [name, sorted(value[name])]));
}
