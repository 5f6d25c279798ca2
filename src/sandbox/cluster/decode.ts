import type { ApiError, Json } from '../../kube/types.ts';
import { badRequest, invalid, invalidValue } from './errors.ts';
import { DecodeError, decodeTyped } from './kinds/decode.ts';
import { objectMeta, struct } from './kinds/types.ts';
import { isMetadataField, metadataOf, tidyMetadata } from './metadata.ts';
import { isObject, objectOf, textOf, type JsonObject, type Stored } from './object.ts';
import type { ApiRequest } from './request.ts';
import { groupVersion, type Resource } from './resource.ts';

const metadataOnly = struct({ metadata: objectMeta });

/** A decoded object, and what was unknown in it. */
export interface Decoded {
  readonly object: Stored;
  readonly warnings: string[];
}

/** Makes the error of a value that can't be decoded; by default that of a body. */
export type Explain = (detail: string, body: JsonObject) => ApiError;

/**
 * Makes an object of a request's body: checks apiVersion and kind, drops unknown fields, fills in defaults.
 * @throws ApiError 400 or 422 with the real server's sentences; for `fieldValidation: Strict` also for unknown fields.
 */
export function decodeBody(
  resource: Resource,
  sent: Json | undefined,
  old: Stored | undefined,
  request: ApiRequest,
  explain: Explain = (detail) => cannotHandle(resource, detail),
): Decoded {
  // Typed decoders take a null for an empty object.
  const body = sent === null && !resource.custom ? {} : sent;
  if (!isObject(body)) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): couldn't get version/kind; json parse error: the body is no JSON object`,
    );
  }
  checkType(resource, body);
  try {
    const object = decodeAs(resource, body, old);
    return { object, warnings: checkFields(resource, body, object, request, explain) };
  } catch (error) {
    if (error instanceof DecodeError) throw explain(error.message, body);
    throw error;
  }
}

function decodeAs(resource: Resource, body: JsonObject, old: Stored | undefined): Stored {
  const typed = { ...body, apiVersion: groupVersion(resource), kind: resource.kind };
  // The metadata of custom resources is decoded by itself.
  const tidied = resource.custom
    ? decodeTyped('ObjectMeta', objectMeta, customMetadata(body))
    : objectOf(decodeTyped(resource.kind, metadataOnly, typed)['metadata']);
  const metadata = tidyMetadata(tidied);
  const decoded = resource.rules.decode({ ...typed, metadata }, old);
  return {
    ...decoded,
    apiVersion: typed.apiVersion,
    kind: typed.kind,
    metadata: tidyMetadata(metadataOf(decoded)),
  };
}

function customMetadata({ metadata }: JsonObject): JsonObject {
  if (metadata === undefined || metadata === null) return {};
  if (isObject(metadata)) return metadata;
  throw new DecodeError(`json: cannot unmarshal ${typeof metadata} into Go value of type v1.ObjectMeta`);
}

function cannotHandle({ kind, version }: Resource, why: string): ApiError {
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}

function checkType(resource: Resource, body: JsonObject): void {
  const apiVersion = textOf(body['apiVersion']);
  const kind = textOf(body['kind']);
  const expected = groupVersion(resource);
  if (resource.custom && (kind === '' || apiVersion === '')) {
    const shown = JSON.stringify(body);
    const what = kind === '' ? 'Kind' : 'apiVersion';
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): Object '${what}' is missing in '${shown}' (${shown.length > 30 ? `${shown.slice(0, 30)} ...` : shown})`,
    );
  }
  if (apiVersion !== '' && apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (kind === '' || kind === resource.kind) return;
  if (resource.custom) {
    const name = textOf(metadataOf(body)['name']);
    throw invalid(resource.group, kind, name, [invalidValue('kind', kind, `must be ${resource.kind}`)]);
  }
  throw badRequest(
    `${kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: converting (${resource.version}.${kind}) to (${internalGroup(resource)}.${resource.kind}): unknown conversion`,
  );
}

/** The name of the package that holds the unversioned types of a group. */
function internalGroup({ group }: Resource): string {
  return group === '' ? 'core' : (group.split('.')[0] ?? '');
}

function checkFields(
  resource: Resource,
  body: JsonObject,
  object: Stored,
  request: ApiRequest,
  explain: Explain,
): string[] {
  const policy = request.options.fieldValidation ?? 'Ignore';
  if (policy === 'Ignore') return [];
  const fields = unknownFields(body, object, resource.schema, '');
  const unknown = [
    ...Object.keys(metadataOf(body))
      .filter((field) => !isMetadataField(field))
      .map((field) => `unknown field "metadata.${field}"`),
    ...(resource.custom ? fields.sort() : fields),
  ];
  if (unknown.length === 0 || policy === 'Warn') return unknown;
  throw explain(`strict decoding error: ${unknown.join(', ')}`, body);
}

function unknownFields(sent: JsonObject, kept: JsonObject, schema: JsonObject, path: string): string[] {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return [];
  const properties = objectOf(schema['properties']);
  const values = schema['additionalProperties'];
  return Object.entries(sent).flatMap(([key, value]) => {
    if (path === '' && (key === 'metadata' || key === 'apiVersion' || key === 'kind')) return [];
    const field = path === '' ? key : `${path}.${key}`;
    const property = properties[key] ?? values;
    if (property === undefined) return key in kept ? [] : [`unknown field "${field}"`];
    return unknownIn(value, kept[key], objectOf(property), field);
  });
}

function unknownIn(
  sent: Json | undefined,
  kept: Json | undefined,
  schema: JsonObject,
  path: string,
): string[] {
  if (Array.isArray(sent)) {
    const items = objectOf(schema['items']);
    return sent.flatMap((item, index) =>
      unknownIn(item, Array.isArray(kept) ? kept[index] : undefined, items, `${path}[${index}]`),
    );
  }
  return isObject(sent) && schema['type'] === 'object'
    ? unknownFields(sent, objectOf(kept), schema, path)
    : [];
}
