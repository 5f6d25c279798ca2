import { expect, it } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { WatchedTime } from './watched-time.ts';

const KEY = 'shop/cart';

it('of a window is skipped from when the wall clock was set forward, for as long as the window lasts', async () => {
  const clock = new VirtualClock();
  const watched = new WatchedTime(clock);
  expect(watched.isSkipped(KEY, undefined)).toBe(false);
  expect(watched.isSkipped(KEY, 'first')).toBe(false);
  await clock.advance(60_000);
  expect(watched.isSkipped(KEY, 'first')).toBe(false);
  clock.jump(5000);
  expect(watched.isSkipped(KEY, 'first')).toBe(true);
  await clock.advance(60_000);
  expect(watched.isSkipped(KEY, 'first')).toBe(true);
  expect(watched.isSkipped(KEY, 'second')).toBe(false);
});

it('is skipped also where the clock was set right after the look that opened the window', () => {
  const clock = new VirtualClock();
  const watched = new WatchedTime(clock);
  watched.isSkipped(KEY, undefined);
  clock.jump(5000);
  expect(watched.isSkipped(KEY, 'first')).toBe(true);
});

it('is whole again once the clock was set right, and where it was only corrected a little', () => {
  const clock = new VirtualClock();
  const watched = new WatchedTime(clock);
  watched.isSkipped(KEY, 'first');
  clock.jump(3_600_000);
  expect(watched.isSkipped(KEY, 'first')).toBe(true);
  clock.jump(-3_599_900);
  expect(watched.isSkipped(KEY, 'first')).toBe(false);
});
