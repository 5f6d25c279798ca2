import type { Summary } from '../wire.ts';

const URGENT: readonly Summary['phase'][] = [
  'RollingBack',
  'RolledBack',
  'Paused',
  'Promoting',
  'Progressing',
  'Initializing',
];

/** What wants to be looked at comes first: the smaller, the more urgent. */
export function rank({ phase, stalled }: Pick<Summary, 'phase' | 'stalled'>): number {
  if (stalled && phase !== 'RolledBack') return 1.5;
  const at = URGENT.indexOf(phase);
  return at < 0 ? URGENT.length : at;
}

/** The order of the list. */
export function byUrgency(a: Summary, b: Summary): number {
  return rank(a) - rank(b) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
