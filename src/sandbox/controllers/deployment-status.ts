import {
  at,
  listOf,
  numberOf,
  objectOf,
  textOf,
  without,
  type JsonObject,
  type Stored,
} from '../cluster/object.ts';
import { conditionOf } from './pods.ts';
import { limitsOf, replicasOf } from './rolling.ts';

const COUNTS = [
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
];

function total(sets: readonly Stored[], field: string): number {
  return sets.reduce((sum, set) => sum + numberOf(at(set, 'status', field)), 0);
}

/** The status of a Deployment as its ReplicaSets are now. `now` is RFC 3339. */
export function deploymentStatus(
  deployment: Stored,
  fresh: Stored | undefined,
  old: readonly Stored[],
  now: string,
): JsonObject {
  const all = fresh === undefined ? old : [...old, fresh];
  const counts: Record<string, number> = {
    replicas: total(all, 'replicas'),
    updatedReplicas: fresh === undefined ? 0 : total([fresh], 'replicas'),
    readyReplicas: total(all, 'readyReplicas'),
    availableReplicas: total(all, 'availableReplicas'),
    unavailableReplicas: Math.max(
      0,
      all.reduce((sum, set) => sum + replicasOf(set), 0) - total(all, 'availableReplicas'),
    ),
  };
  const before = without(objectOf(deployment['status']), ...COUNTS);
  const next: JsonObject = { ...before, observedGeneration: deployment.metadata.generation };
  for (const [field, count] of Object.entries(counts)) if (count > 0) next[field] = count;
  next['terminatingReplicas'] = total(all, 'terminatingReplicas');
  const conditions = [available(deployment, counts), progressing(deployment, fresh, counts, now)];
  const failed = fresh === undefined ? undefined : conditionOf(fresh, 'ReplicaFailure');
  const known = listOf(before['conditions'])
    .map(objectOf)
    .filter((condition) => failed !== undefined || condition['type'] !== 'ReplicaFailure');
  next['conditions'] = merged(known, [...conditions, failureOf(failed)], now);
  return next;
}

type Condition = JsonObject & { type: string; status: string; reason: string };

function failureOf(failed: JsonObject | undefined): Condition | undefined {
  if (failed === undefined) return undefined;
  const { reason, message } = failed;
  return { type: 'ReplicaFailure', status: 'True', reason: textOf(reason), message: textOf(message) };
}

function available(deployment: Stored, counts: Record<string, number>): Condition {
  const enough =
    (counts['availableReplicas'] ?? 0) >= replicasOf(deployment) - limitsOf(deployment).unavailable;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough
      ? 'Deployment has minimum availability.'
      : 'Deployment does not have minimum availability.',
  };
}

function progressing(
  deployment: Stored,
  fresh: Stored | undefined,
  counts: Record<string, number>,
  now: string,
): Condition | undefined {
  const { name } = deployment.metadata;
  const subject = fresh === undefined ? `Deployment "${name}"` : `ReplicaSet "${fresh.metadata.name}"`;
  const condition = (status: string, reason: string, message: string): Condition => ({
    type: 'Progressing',
    status,
    reason,
    message,
  });
  const wanted = replicasOf(deployment);
  const before = conditionOf(deployment, 'Progressing');
  const complete =
    counts['updatedReplicas'] === wanted &&
    counts['replicas'] === wanted &&
    counts['availableReplicas'] === wanted;
  if (complete) return condition('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`);
  if (at(deployment, 'spec', 'paused') === true) {
    return condition('Unknown', 'DeploymentPaused', 'Deployment is paused');
  }
  const reason = textOf(before?.['reason']);
  // A finished rollout that loses pods, or is scaled, is still a finished rollout.
  if (reason === 'NewReplicaSetAvailable' && counts['updatedReplicas'] === counts['replicas'])
    return undefined;
  if (fresh !== undefined && ['', 'NewReplicaSetAvailable', 'DeploymentPaused'].includes(reason)) {
    return condition('True', 'NewReplicaSetCreated', `Created new replica set "${fresh.metadata.name}"`);
  }
  if (progressed(deployment, counts)) {
    return condition('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
  }
  if (msToDeadline(deployment, Date.parse(now)) <= 0) {
    return condition('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
  }
  return undefined;
}

// More new pods, more ready or available ones, or fewer old ones than the status knows.
function progressed(deployment: Stored, counts: Record<string, number>): boolean {
  const was = (field: string) => numberOf(at(deployment, 'status', field));
  const is = (field: string) => counts[field] ?? 0;
  const old = was('replicas') - was('updatedReplicas');
  return (
    is('updatedReplicas') > was('updatedReplicas') ||
    is('replicas') - is('updatedReplicas') < old ||
    is('readyReplicas') > was('readyReplicas') ||
    is('availableReplicas') > was('availableReplicas')
  );
}

const WITHOUT_DEADLINE = new Set(['NewReplicaSetAvailable', 'ProgressDeadlineExceeded', 'DeploymentPaused']);

/** In how many ms a Deployment that makes no progress exceeds its deadline; Infinity where it has none to meet. */
export function msToDeadline(deployment: Stored, now: number): number {
  const progress = conditionOf(deployment, 'Progressing');
  const reason = textOf(progress?.['reason']);
  if (progress === undefined || WITHOUT_DEADLINE.has(reason)) return Infinity;
  const seconds = numberOf(at(deployment, 'spec', 'progressDeadlineSeconds'), 600);
  return Date.parse(textOf(progress['lastUpdateTime'])) + seconds * 1000 - now;
}

function merged(
  before: readonly JsonObject[],
  conditions: readonly (Condition | undefined)[],
  now: string,
): JsonObject[] {
  const result = [...before];
  for (const condition of conditions) {
    if (condition === undefined) continue;
    const index = result.findIndex((other) => other['type'] === condition.type);
    const known = result[index];
    // A deployment that goes on progressing renews its deadline by lastUpdateTime.
    const same = known?.['status'] === condition.status && known['reason'] === condition.reason;
    if (same && condition.reason !== 'ReplicaSetUpdated') continue;
    const flipped = known?.['status'] !== condition.status;
    const next = {
      ...condition,
      lastUpdateTime: now,
      lastTransitionTime: flipped ? now : (known['lastTransitionTime'] ?? now),
    };
    if (known === undefined) result.push(next);
    else result[index] = next;
  }
  return result;
}
