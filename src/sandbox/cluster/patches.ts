import type { ApiError, Json } from '../../kube/types.ts';
import { type Core, timestamp } from './core.ts';
import { decodeBody } from './decode.ts';
import { badRequest, invalid, invalidValue, notFound, staleWrite, unsupportedMediaType } from './errors.ts';
import { applied } from './managers.ts';
import { isObject, textOf, without, type JsonObject, type Stored } from './object.ts';
import { metadataOf } from './metadata.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { keyFor, present } from './reads.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import { groupVersion, type Resource } from './resource.ts';
import { strategicPatch } from './strategic.ts';
import { checkIdentity, checkVersion, createFrom, replace, store } from './writes.ts';

/**
 * Patches an object, or one subresource of it; server-side apply creates what isn't there.
 * @throws ApiError 400, 404, 409, 415, 422
 */
export function patch(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const name = request.name ?? '';
  const live = core.store.get(resource.table, keyFor(request.namespace, name));
  const old = live === undefined ? undefined : present(resource, live);
  if (request.patchKind === 'apply') return apply(core, resource, request, old);
  if (request.patchKind === 'strategic' && resource.custom) {
    throw unsupportedMediaType(
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
  }
  if (old === undefined) throw notFound(resource, name);
  const decoded = decodeBody(resource, patchDocument(old, request, resource.schema), old, request, badPatch);
  const { metadata } = decoded.object;
  checkIdentity(request, metadata);
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== old.metadata.resourceVersion) {
    throw staleWrite(resource, name);
  }
  return replace(core, resource, request, decoded, old);
}

// An object that the patch made impossible is the patch's fault.
function badPatch(detail: string, patched: JsonObject): ApiError {
  return invalid('', '', '', [invalidValue('patch', JSON.stringify(patched), detail)]);
}

function apply(core: Core, resource: Resource, request: ApiRequest, old: Stored | undefined): ApiResult {
  const { body, name = '' } = request;
  if (!isObject(body)) throw badRequest('the body of an apply patch must be an object');
  const apiVersion = textOf(body['apiVersion']);
  const kind = textOf(body['kind']);
  if (kind !== resource.kind || apiVersion !== groupVersion(resource)) {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    throw badRequest(`invalid object type: ${group ?? ''}/${version ?? ''}, Kind=${kind}`);
  }
  if (old === undefined && request.subresource !== undefined) throw notFound(resource, name);
  const { object } = applied(resource, request, timestamp(core.clock), old, body);
  checkIdentity(request, metadataOf(object));
  if (old === undefined) {
    const fresh = { ...object, metadata: without(metadataOf(object), 'resourceVersion') };
    const { object: sent, warnings } = decodeBody(resource, fresh, undefined, request);
    const created = createFrom(core, resource, request, sent, true);
    return store(core, resource, request, created, warnings);
  }
  const decoded = decodeBody(resource, object, old, request);
  checkVersion(resource, decoded.object, old);
  return replace(core, resource, request, decoded, old, true);
}

/**
 * The document after the request's patch.
 * @throws ApiError 400 or 422
 */
export function patchDocument(document: JsonObject, request: ApiRequest, schema: JsonObject): Json {
  const { patchKind, body } = request;
  if (patchKind === 'json') return jsonPatch(document, body);
  if (!isObject(body)) {
    const type = Array.isArray(body) ? 'array' : typeof body;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${type} into Go value of type map[string]interface {}`,
    );
  }
  return patchKind === 'strategic' ? strategicPatch(document, body, schema) : mergePatch(document, body);
}
