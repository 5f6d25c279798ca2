import { describe, expect, it } from 'vitest';
import { ordersFor } from './web/orders.ts';
import { byUrgency, rank } from './web/rank.ts';

const REST = { candidate: undefined, stable: 'a', rejected: undefined, retired: [], paused: false };
const actions = (detail: Parameters<typeof ordersFor>[0]) =>
  ordersFor(detail).map(({ action, revision }) => `${action} ${revision}`);

describe('the buttons', () => {
  it('of a release under way are about its candidate', () => {
    const going = { ...REST, candidate: 'b', phase: 'Progressing' as const };
    expect(actions(going)).toEqual(['abort b', 'pause b', 'promote b', 'promoteFull b']);
    expect(actions({ ...going, paused: true, phase: 'Paused' })).toContain('resume b');
  });

  it('are none while it goes back, or before there is anything to fall back to', () => {
    expect(actions({ ...REST, candidate: 'b', phase: 'RollingBack' })).toEqual([]);
    expect(actions({ ...REST, candidate: 'b', stable: undefined, phase: 'Initializing' })).toEqual([]);
    expect(actions({ ...REST, phase: 'Healthy' })).toEqual([]);
  });

  it('never offer to return to the revision that was taken back: that one is tried again', () => {
    const back = { ...REST, rejected: 'bad', phase: 'RolledBack' as const };
    expect(actions({ ...back, retired: ['bad'] })).toEqual(['retry bad']);
    expect(actions({ ...back, retired: ['bad', 'a', 'older'] })).toEqual(['retry bad', 'rollbackTo older']);
  });
});

describe('the order of the list', () => {
  it('has what wants to be looked at first', () => {
    const phases = ['Healthy', 'Progressing', 'RolledBack', 'Paused', undefined] as const;
    const byRank = phases.toSorted(
      (a, b) => rank({ phase: a, stalled: false }) - rank({ phase: b, stalled: false }),
    );
    expect(byRank).toEqual(['RolledBack', 'Paused', 'Progressing', 'Healthy', undefined]);
    expect(rank({ phase: 'Healthy', stalled: true })).toBeLessThan(rank({ phase: 'Paused', stalled: false }));
  });

  it('is that of the keys among equals', () => {
    const one = { phase: 'Healthy', stalled: false, step: undefined, weight: 0, message: '' } as const;
    const keys = ['b/a', 'a/b', 'a/a'].map((key) => ({ ...one, key })).sort(byUrgency);
    expect(keys.map(({ key }) => key)).toEqual(['a/a', 'a/b', 'b/a']);
  });
});
