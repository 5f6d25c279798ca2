import type { Json } from '../../kube/types.ts';
import type { Core } from './core.ts';
import { decodeBody } from './decode.ts';
import { badRequest, notFound, staleWrite, unsupportedMediaType } from './errors.ts';
import { applyServerSide } from './managers.ts';
import { isObject, type JsonObject } from './object.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { keyFor, present } from './reads.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import type { Resource } from './resource.ts';
import { strategicPatch } from './strategic.ts';
import { checkIdentity, replace } from './writes.ts';

/**
 * Patches an object, or one subresource of it; server-side apply creates what isn't there.
 * @throws ApiError 400, 404, 409, 415, 422
 */
export function patch(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const name = request.name ?? '';
  const live = core.store.get(resource.table, keyFor(request.namespace, name));
  const old = live === undefined ? undefined : present(resource, live);
  if (request.patchKind === 'apply') return applyServerSide(core, resource, request, old);
  if (request.patchKind === 'strategic' && resource.custom) {
    throw unsupportedMediaType(
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
  }
  if (old === undefined) throw notFound(resource, name);
  const decoded = decodeBody(resource, patchDocument(old, request, resource.schema), old, request);
  const { metadata } = decoded.object;
  checkIdentity(request, metadata);
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== old.metadata.resourceVersion) {
    throw staleWrite(resource, name);
  }
  return replace(core, resource, request, decoded, old);
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
