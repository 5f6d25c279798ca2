import type { ApiError, Json } from '../../kube/types.ts';
import { timestamp } from '../cluster/core.ts';
import { listOf, numberOf, objectOf, type JsonObject, type Stored } from '../cluster/object.ts';
import type { SystemClient, TypeName } from './host.ts';

const EVENTS: TypeName = { group: '', version: 'v1', plural: 'events' };

/** Says in an Event, where kubectl describe shows it, that a pod could not be created; one Event, with a count. */
export function recordFailure(client: SystemClient, set: Stored, error: ApiError): void {
  const { name: of, namespace = '', uid, resourceVersion } = set.metadata;
  const now = timestamp(client.clock);
  const name = `${of}.failed-create`;
  const message = `Error creating: ${error.message}`;
  const known = client.get('events', `${namespace}/${name}`);
  if (known !== undefined) {
    client.update(EVENTS, { ...known, message, lastTimestamp: now, count: numberOf(known['count']) + 1 });
    return;
  }
  client.create(EVENTS, namespace, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: { apiVersion: set.apiVersion, kind: set.kind, name: of, namespace, uid, resourceVersion },
    type: 'Warning',
    reason: 'FailedCreate',
    message,
    source: { component: 'replicaset-controller' },
    reportingComponent: 'replicaset-controller',
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  });
}

/**
 * Conditions with ReplicaFailure where there is an error, and without it where there is none. `now` is RFC 3339. The
 * first error stays until pods can be created again: messages name pods, and so differ each time.
 */
export function withFailure(
  conditions: Json | undefined,
  error: ApiError | undefined,
  now: string,
): JsonObject[] {
  const before = listOf(conditions).map(objectOf);
  const isFailure = (condition: JsonObject) => condition['type'] === 'ReplicaFailure';
  if (error === undefined) return before.filter((condition) => !isFailure(condition));
  if (before.some(isFailure)) return before;
  const { message } = error;
  const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message };
  return [...before, { ...failure, lastTransitionTime: now }];
}
