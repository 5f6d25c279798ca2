import { at, listOf, numberOf, objectOf, textOf, type JsonObject, type Stored } from '../cluster/object.ts';

/** One condition of an object's status. */
export function conditionOf(object: Stored, type: string): JsonObject | undefined {
  return listOf(at(object, 'status', 'conditions'))
    .map(objectOf)
    .find((condition) => condition['type'] === type);
}

/** Still meant to run: neither ended nor being deleted. */
export function isActive(pod: Stored): boolean {
  const phase = textOf(at(pod, 'status', 'phase'));
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

export function isReady(pod: Stored): boolean {
  return conditionOf(pod, 'Ready')?.['status'] === 'True';
}

/**
 * In how many ms a pod will have been ready for `minReadySeconds`: 0 where it is available now, Infinity where it isn't
 * even ready.
 */
export function msUntilAvailable(pod: Stored, minReadySeconds: number, now: number): number {
  const ready = conditionOf(pod, 'Ready');
  if (ready?.['status'] !== 'True') return Infinity;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(textOf(ready['lastTransitionTime']));
  return Math.max(0, since + minReadySeconds * 1000 - now);
}

/** Pods in the order in which a smaller set gives them up: the least useful first, the newest first among equals. */
export function bySacrifice(a: Stored, b: Stored): number {
  const rank = (pod: Stored) => {
    if (textOf(at(pod, 'spec', 'nodeName')) === '') return 0;
    if (textOf(at(pod, 'status', 'phase')) !== 'Running') return 1;
    return isReady(pod) ? 3 : 2;
  };
  const time = (pod: Stored) =>
    textOf(conditionOf(pod, 'Ready')?.['lastTransitionTime']) + textOf(pod.metadata.creationTimestamp);
  const restarts = (pod: Stored) =>
    listOf(at(pod, 'status', 'containerStatuses')).reduce<number>(
      (sum, status) => sum + numberOf(objectOf(status)['restartCount']),
      0,
    );
  const [first, second] = [time(a), time(b)];
  const newest = first > second ? -1 : first < second ? 1 : 0;
  return (
    rank(a) - rank(b) || restarts(b) - restarts(a) || newest || (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}
