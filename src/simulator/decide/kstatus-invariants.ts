import type { Condition } from '../../api/index.ts';
import type { Observed } from '../../core/model.ts';
import { type Pass, holds } from './pass.ts';
import { unreadable } from './readable.ts';

/** What kstatus says of conditions, and what a status must be to be readable after a restart. */
export function checkStatus({ observed, before, after, now }: Pass): void {
  const { conditions = [] } = after;
  const types = conditions.map(({ type }) => type);
  holds('kstatus', types.filter((type) => type === 'Ready').length === 1, 'there is not one Ready');
  holds('kstatus', new Set(types).size === types.length, () => `types repeat: ${types.join()}`);
  holds('kstatus', !(types.includes('Stalled') && types.includes('Reconciling')), 'Stalled and Reconciling');
  for (const condition of conditions) checkCondition(condition, before.conditions ?? [], observed, now);
  const ready = conditions.find(({ type }) => type === 'Ready')?.status;
  holds(
    'kstatus',
    (ready === 'False') === types.includes('Stalled'),
    () => `Ready is ${ready}, ${types.join()}`,
  );
  holds(
    'kstatus',
    (ready === 'Unknown') === types.includes('Reconciling'),
    () => `Ready is ${ready}, ${types.join()}`,
  );
  holds('kstatus', after.observedGeneration === observed.generation, 'observedGeneration of status');
  const wrong = unreadable(after);
  holds('status', wrong === undefined, wrong ?? '');
}

function checkCondition(
  { type, status, message, reason, lastTransitionTime, observedGeneration }: Condition,
  before: readonly Condition[],
  observed: Observed,
  now: number,
): void {
  holds('kstatus', type === 'Ready' || status === 'True', () => `${type} is there, but ${status}`);
  holds('kstatus', observedGeneration === observed.generation, () => `observedGeneration of ${type}`);
  holds('kstatus', message !== '' && reason !== '', () => `${type} does not say why`);
  const old = before.find((condition) => condition.type === type);
  const since = old?.status === status ? old.lastTransitionTime : new Date(now).toISOString();
  holds(
    'kstatus',
    lastTransitionTime === since,
    () => `lastTransitionTime of ${type} is ${lastTransitionTime}, not ${since}`,
  );
}
