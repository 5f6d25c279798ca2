import type { Json } from '../../kube/types.ts';
import { at, numberOf, objectOf, textOf, type Stored } from '../cluster/object.ts';

/** A ReplicaSet and how many replicas it is to have. */
export interface Scaling {
  readonly set: Stored;
  readonly replicas: number;
}

export function replicasOf(workload: Stored): number {
  return numberOf(at(workload, 'spec', 'replicas'));
}

function availableOf(set: Stored): number {
  return numberOf(at(set, 'status', 'availableReplicas'));
}

function sum(sets: readonly Stored[], count: (set: Stored) => number): number {
  return sets.reduce((total, set) => total + count(set), 0);
}

/** A number or a percentage of `total`; surge is rounded up, unavailability down. */
function share(value: Json | undefined, total: number, round: (share: number) => number): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(textOf(value));
  return match === null ? 0 : round((Number(match[1]) * total) / 100);
}

/** `maxSurge` and `maxUnavailable` of a Deployment in pods; never both 0. */
export function limitsOf(deployment: Stored): { surge: number; unavailable: number } {
  const total = replicasOf(deployment);
  const strategy = objectOf(at(deployment, 'spec', 'strategy'));
  if (strategy['type'] === 'Recreate') return { surge: 0, unavailable: total };
  const rolling = objectOf(strategy['rollingUpdate']);
  const surge = share(rolling['maxSurge'], total, Math.ceil);
  const unavailable = share(rolling['maxUnavailable'], total, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/**
 * How far the new ReplicaSet of a rolling update may grow now: all ReplicaSets together stay within replicas + maxSurge.
 * `fresh` is undefined while it isn't there yet.
 */
export function newReplicas(deployment: Stored, fresh: Stored | undefined, old: readonly Stored[]): number {
  const wanted = replicasOf(deployment);
  const current = fresh === undefined ? 0 : replicasOf(fresh);
  if (current >= wanted) return wanted;
  const room = wanted + limitsOf(deployment).surge - sum(old, replicasOf) - current;
  return current + Math.max(0, Math.min(room, wanted - current));
}

/**
 * How far the old ReplicaSets of a rolling update may shrink now: replicas - maxUnavailable pods stay available. Pods that
 * aren't available go first, then the oldest ReplicaSets'.
 */
export function shrinkOld(deployment: Stored, fresh: Stored, old: readonly Stored[]): Scaling[] {
  const least = replicasOf(deployment) - limitsOf(deployment).unavailable;
  const missing = replicasOf(fresh) - availableOf(fresh);
  let spare = sum([...old, fresh], replicasOf) - least - missing;
  const replicas = new Map(old.map((set) => [set, replicasOf(set)]));
  const shrink = (set: Stored, count: number) => {
    if (count <= 0) return 0;
    replicas.set(set, (replicas.get(set) ?? 0) - count);
    return count;
  };
  for (const set of old) spare -= shrink(set, Math.min(spare, replicasOf(set) - availableOf(set)));
  let surplus = sum([...old, fresh], availableOf) - least;
  for (const set of old) {
    surplus -= shrink(set, Math.min(surplus, spare, replicas.get(set) ?? 0));
  }
  return old.flatMap((set) => {
    const left = replicas.get(set) ?? 0;
    return left === replicasOf(set) ? [] : [{ set, replicas: left }];
  });
}
