import {
  type Applied,
  ApplyConflict,
  applyPatch,
  ApplyRefused,
  resetFields,
  trackUpdate,
} from '../apply/index.ts';
import { applyConflict, badRequest, internal } from './errors.ts';
import { without, type JsonObject, type Stored } from './object.ts';
import type { ApiRequest } from './request.ts';
import { trackScale } from './scale-managers.ts';
import { groupVersion, type Resource } from './resource.ts';

/** The name under which a request's writes stand in managedFields. */
function managerOf({ options, user }: ApiRequest): string {
  return options.fieldManager ?? user;
}

function resetsOf(resource: Resource, subresource: string | undefined) {
  const { statusResets } = resource.rules;
  if (subresource === 'status' && statusResets !== undefined) return statusResets;
  return resetFields(resource.custom, resource.subresources.includes('status'), subresource);
}

/** Records in managedFields what a write other than apply changed. `before` is absent where the object is created. */
export function trackManager(
  resource: Resource,
  request: ApiRequest,
  now: string,
  before: Stored | undefined,
  after: Stored,
): Stored {
  const { subresource } = request;
  const managedFields = trackUpdate({
    before,
    after,
    empty: resource.empty,
    manager: managerOf(request),
    subresource,
    now,
    schema: resource.schema,
    reset: resetsOf(resource, subresource),
  });
  return { ...after, metadata: withManagers(after.metadata, managedFields) };
}

/** The same for a write to the scale subresource. */
export function trackScaler(
  request: ApiRequest,
  now: string,
  before: Stored,
  after: Stored,
  replicas: number,
  path: readonly string[],
): Stored {
  const managedFields = trackScale(before, replicas, path, managerOf(request), now);
  return { ...after, metadata: withManagers(after.metadata, managedFields) };
}

function withManagers(
  metadata: Stored['metadata'],
  managedFields: JsonObject[] | undefined,
): Stored['metadata'] {
  return managedFields === undefined ? without(metadata, 'managedFields') : { ...metadata, managedFields };
}

/**
 * The object after a server-side apply, with its managedFields.
 * @throws ApiError 400, 409 (conflicts, without force), 500
 */
export function applied(
  resource: Resource,
  request: ApiRequest,
  now: string,
  live: Stored | undefined,
  patch: JsonObject,
): Applied {
  try {
    return applyPatch({
      live,
      patch: { apiVersion: groupVersion(resource), kind: resource.kind, ...patch },
      manager: managerOf(request),
      force: request.options.force === true,
      subresource: request.subresource,
      now,
      schema: resource.schema,
      empty: resource.empty,
      reset: resetsOf(resource, request.subresource),
    });
  } catch (error) {
    if (error instanceof ApplyConflict) throw applyConflict(error.message, error.conflicts);
    if (error instanceof ApplyRefused) {
      throw error.code === 400 ? badRequest(error.message) : internal(error.message);
    }
    throw error;
  }
}
