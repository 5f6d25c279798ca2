import { type Core, secondText } from './core.ts';
import { conflict, notFound, success } from './errors.ts';
import { equal, type Stored } from './object.ts';
import { keyFor, list, present, read } from './reads.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import type { Resource } from './resource.ts';
import { isFinished } from './writes.ts';

/**
 * Deletes an object: at once, or, where finalizers, a grace period or foreground propagation hold it, by marking it.
 * @throws ApiError 404, 409 (preconditions)
 */
export function remove(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const name = request.name ?? '';
  const object = read(core.store, resource, request.namespace, name);
  checkPreconditions(resource, request, object);
  return removeObject(core, resource, request, object);
}

function checkPreconditions(resource: Resource, { options }: ApiRequest, { metadata }: Stored): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid ?? ''}). The object might have been deleted and then recreated`;
    throw conflict(resource, metadata.name, why, resource.kind);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion ?? ''}). The object might have been modified`;
    throw conflict(resource, metadata.name, why, resource.kind);
  }
}

function removeObject(core: Core, resource: Resource, request: ApiRequest, object: Stored): ApiResult {
  const { store } = core;
  const { name, namespace, uid = '' } = object.metadata;
  const key = keyFor(namespace, name);
  const marked = mark(core, resource, request, object);
  if (isFinished(resource, marked)) {
    if (request.options.dryRun !== true) store.write(resource.table, key, undefined);
    if (resource.rules.returnsDeleted === true) {
      const resourceVersion =
        request.options.dryRun === true ? (marked.metadata.resourceVersion ?? '') : String(store.revision);
      // Only what was given time to end shows the end of that time.
      const shown = resource.rules.graceSeconds === undefined ? object : marked;
      const last = { ...shown, metadata: { ...shown.metadata, resourceVersion } };
      return { type: 'object', object: present(resource, last), created: false, warnings: [] };
    }
    return { type: 'status', status: success(resource, name, uid) };
  }
  const changed = marked !== object && request.options.dryRun !== true;
  const stored = (changed ? store.write(resource.table, key, marked) : undefined) ?? marked;
  return { type: 'object', object: present(resource, stored), created: false, warnings: [] };
}

/** The object as its deletion begins; the same object when it was being deleted already. */
function mark(core: Core, resource: Resource, request: ApiRequest, object: Stored): Stored {
  const { metadata } = object;
  const { rules } = resource;
  const asked = request.options.gracePeriodSeconds;
  const grace = rules.graceSeconds === undefined ? 0 : (asked ?? rules.graceSeconds(object));
  const finalizers = finalizersFor(request.options.propagationPolicy, metadata.finalizers ?? []);
  const sameFinalizers = equal(finalizers, metadata.finalizers ?? []);
  if (metadata.deletionTimestamp !== undefined) {
    const current = metadata.deletionGracePeriodSeconds ?? 0;
    const shorter = asked !== undefined && grace < current;
    if (!shorter && sameFinalizers) return object;
    return {
      ...object,
      metadata: {
        ...metadata,
        ...(shorter ? { deletionGracePeriodSeconds: grace, deletionTimestamp: later(core, grace) } : {}),
        ...(finalizers.length === 0 ? {} : { finalizers }),
      },
    };
  }
  const { generation } = metadata;
  const marked: Stored = {
    ...object,
    metadata: {
      ...metadata,
      deletionTimestamp: later(core, grace),
      deletionGracePeriodSeconds: grace,
      ...(generation === undefined ? {} : { generation: generation + 1 }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
    },
  };
  return rules.prepareDelete?.(marked) ?? marked;
}

function later({ clock }: Core, seconds: number): string {
  return secondText(clock.now() + seconds * 1000);
}

/** What the propagation policy makes of the finalizers: the garbage collector acts on `orphan` and `foregroundDeletion`. */
function finalizersFor(policy: string | undefined, finalizers: readonly string[]): string[] {
  const others = finalizers.filter(
    (finalizer) => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion',
  );
  switch (policy ?? '') {
    case 'Orphan':
      return [...others, 'orphan'];
    case 'Foreground':
      return [...others, 'foregroundDeletion'];
    case 'Background':
      return others;
    default:
      return [...finalizers];
  }
}

/**
 * Deletes everything that the selectors match.
 * @throws ApiError 400
 */
export function removeAll(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  const found = list(core.store, resource, request.namespace, request.options);
  const items = found.items.flatMap((item) => {
    const { name, namespace } = item.metadata;
    const object = core.store.get(resource.table, keyFor(namespace, name));
    if (object === undefined) throw notFound(resource, name);
    const result = removeObject(core, resource, { ...request, name, namespace }, object);
    return result.type === 'object' ? [result.object] : [item];
  });
  return { type: 'list', list: { ...found, items } };
}
