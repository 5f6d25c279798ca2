import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { Lane, MOST_WAITING } from './lane.ts';

let clock: VirtualClock;
let lane: Lane;

beforeEach(() => {
  clock = new VirtualClock();
  lane = new Lane(clock, () => 0);
});

describe('the lane of a target', () => {
  it('holds each release once, who waits longest first', () => {
    for (const release of ['a', 'b', 'a']) lane.add(release);
    expect(lane.size).toBe(2);
    expect(lane.first).toBe('a');
    lane.done('a');
    expect(lane.first).toBe('b');
  });

  it('does not grow beyond its bound: who has waited longest is left out', () => {
    for (let i = 0; i < MOST_WAITING; i++) expect(lane.add(`r${i}`)).toBeUndefined();
    expect(lane.add('late')).toBe('r0');
    expect(lane.size).toBe(MOST_WAITING);
  });

  it('closes for longer each time, and gives the next release its turn', async () => {
    lane.add('a');
    lane.add('b');
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const { first = '' } = lane;
      lane.failed(first, 'DeliveryFailed', undefined);
      expect(lane.first).not.toBe(first);
      waits.push(lane.waitMs());
      await clock.advance(lane.closedMs);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000]);
    lane.succeeded();
    lane.failed('a', 'DeliveryFailed', undefined);
    expect(lane.closedMs).toBe(1000);
  });

  it('waits as long as the service asks, and longer for what a person must mend', () => {
    lane.failed('a', 'DeliveryFailed', 7000);
    expect(lane.waitMs()).toBe(7000);
    lane.reopen();
    expect(lane.waitMs()).toBe(0);
    lane.failed('a', 'DeliveryRefused', undefined);
    expect(lane.waitMs()).toBeGreaterThanOrEqual(60_000);
  });

  it('lets a few messages through at once, and then one every two seconds', async () => {
    const burst = Array.from({ length: 6 }, () => lane.waitMs());
    expect(burst).toEqual([0, 0, 0, 0, 0, 2000]);
    await clock.advance(2000);
    expect(lane.waitMs()).toBe(0);
    expect(lane.waitMs()).toBe(2000);
  });
});
