import { type Core, timestamp } from './core.ts';
import { decodeBody } from './decode.ts';
import { badRequest, conflict, methodNotAllowed, notFound } from './errors.ts';
import { at, equal, listOf, objectOf, textOf, type JsonObject, type Stored } from './object.ts';
import { keyFor, present } from './reads.ts';
import type { ApiRequest, ApiResult } from './request.ts';
import type { Resource } from './resource.ts';
import { checkIdentity, checkVersion, isFinished } from './writes.ts';

/**
 * Binds a pod to a node: what a scheduler does, once.
 * @throws ApiError 400, 404, 405, 409 (bound already, or being deleted)
 */
export function bind(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  if (request.verb !== 'create') throw methodNotAllowed();
  const name = request.name ?? '';
  const key = keyFor(request.namespace, name);
  const pod = core.store.get(resource.table, key);
  if (pod === undefined) throw notFound(resource, name);
  const node = textOf(at(request.body, 'target', 'name'));
  if (node === '') throw badRequest('target.name: Required value');
  const assigned = textOf(at(pod, 'spec', 'nodeName'));
  const binding = { ...resource, plural: `${resource.plural}/binding` };
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(binding, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (assigned !== '') {
    throw conflict(binding, name, `pod ${name} is already assigned to node ${JSON.stringify(assigned)}`);
  }
  if (request.options.dryRun !== true)
    core.store.write(resource.table, key, bound(pod, node, timestamp(core.clock)));
  return {
    type: 'status',
    status: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      message: '',
      reason: '',
      code: 201,
    },
  };
}

function bound(pod: Stored, nodeName: string, now: string): Stored {
  const status = objectOf(pod['status']);
  const scheduled: JsonObject = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: now,
  };
  const others = listOf(status['conditions']).filter(
    (condition) => objectOf(condition)['type'] !== 'PodScheduled',
  );
  return {
    ...pod,
    spec: { ...objectOf(pod['spec']), nodeName },
    status: { ...status, conditions: [...others, scheduled] },
  };
}

/**
 * Sets the finalizers in the spec of a Namespace; without any, a Namespace that is being deleted goes.
 * @throws ApiError 400, 404, 405, 409
 */
export function finalize(core: Core, resource: Resource, request: ApiRequest): ApiResult {
  if (request.verb !== 'update') throw methodNotAllowed();
  const name = request.name ?? '';
  const live = core.store.get(resource.table, name);
  const { object: sent, warnings } = decodeBody(resource, request.body, live, request);
  checkIdentity(request, sent.metadata);
  if (live === undefined) throw notFound(resource, name);
  checkVersion(resource, sent, live);
  const finalizers = listOf(at(sent, 'spec', 'finalizers'));
  const object: Stored = { ...live, spec: finalizers.length === 0 ? {} : { finalizers } };
  if (request.options.dryRun === true || equal(object['spec'], live['spec'])) {
    return { type: 'object', object: present(resource, object), created: false, warnings };
  }
  if (isFinished(resource, object)) {
    core.store.write(resource.table, name, undefined);
    return { type: 'object', object, created: false, warnings };
  }
  const stored = core.store.write(resource.table, name, object) ?? object;
  return { type: 'object', object: present(resource, stored), created: false, warnings };
}
