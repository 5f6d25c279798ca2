import { type Core, timestamp } from './core.ts';
import { trackScaler } from './managers.ts';
import { badRequest, invalid, invalidValue, notFound, staleWrite } from './errors.ts';
import { at, isObject, numberOf, textOf, withAt, type Stored } from './object.ts';
import { patchDocument } from './patches.ts';
import { keyFor, present } from './reads.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import type { Resource, ScalePaths } from './resource.ts';
import { selectorText } from './selectors.ts';
import { replace } from './writes.ts';

const SCALE = { group: 'autoscaling', kind: 'Scale' };

/**
 * Reads the scale subresource.
 * @throws ApiError 404
 */
export function getScale(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const { object, paths } = scaled(core, resource, request);
  return { type: 'object', object: scaleOf(object, paths), created: false, warnings: [] };
}

/**
 * Replaces or patches the scale subresource: it sets the number of replicas and nothing else.
 * @throws ApiError 400, 404, 409, 422
 */
export function updateScale(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const { object, paths } = scaled(core, resource, request);
  const current = scaleOf(object, paths);
  const body = request.verb === 'patch' ? patchDocument(current, request, {}) : request.body;
  if (!isObject(body)) throw badRequest('the body of the request is no Scale');
  const { name, resourceVersion } = object.metadata;
  const sentVersion = textOf(at(body, 'metadata', 'resourceVersion'));
  if (sentVersion !== '' && sentVersion !== resourceVersion) throw staleWrite(resource, name);
  const sentName = textOf(at(body, 'metadata', 'name'));
  if (sentName !== '' && sentName !== name) {
    throw badRequest(`the name of the object (${sentName}) does not match the name on the URL (${name})`);
  }
  const replicas = numberOf(at(body, 'spec', 'replicas'));
  if (replicas < 0 && !resource.custom) {
    throw invalid(SCALE.group, SCALE.kind, name, [
      invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const { apiVersion, kind, metadata } = object;
  const changed = { ...withAt(object, paths.specReplicas, replicas), apiVersion, kind, metadata };
  const now = timestamp(core.clock);
  const tracked = trackScaler(request, now, object, changed, replicas, paths.specReplicas);
  const result = replace(core, resource, request, { object: tracked, warnings: [] }, object, true);
  if (result.type !== 'object') return result;
  return { ...result, object: scaleOf(result.object, paths) };
}

function scaled(core: Core, resource: Resource, request: ApiRequest): { object: Stored; paths: ScalePaths } {
  const name = request.name ?? '';
  const stored = core.store.get(resource.table, keyFor(request.namespace, name));
  if (stored === undefined || resource.scale === undefined) throw notFound(resource, name);
  return { object: present(resource, stored), paths: resource.scale };
}

function scaleOf(object: Stored, paths: ScalePaths): Stored {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector === undefined ? undefined : at(object, ...paths.selector);
  const replicas = numberOf(at(object, ...paths.specReplicas));
  const shown = isObject(selector) ? selectorText(selector) : textOf(selector);
  return {
    kind: SCALE.kind,
    apiVersion: `${SCALE.group}/v1`,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    // None are not mentioned.
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberOf(at(object, ...paths.statusReplicas)),
      ...(shown === '' ? {} : { selector: shown }),
    },
  };
}
