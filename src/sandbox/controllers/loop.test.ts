import { describe, expect, it } from 'vitest';
import { ApiError } from '../../kube/types.ts';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { Loop } from './loop.ts';

describe('the loop of the controllers', () => {
  it('reconciles a key once, however often it is marked, in the order of marking', async () => {
    const clock = new VirtualClock();
    const loop = new Loop(clock, 10);
    const done: string[] = [];
    const reconcile = (key: string) => done.push(key);
    for (const key of ['b', 'a', 'b', 'c', 'a']) loop.mark('x', key, reconcile);
    await clock.advance(9);
    expect(done).toEqual([]);
    await clock.advance(1);
    expect(done).toEqual(['b', 'a', 'c']);
  });

  it('comes back at the earliest of the times that were asked for', async () => {
    const clock = new VirtualClock();
    const loop = new Loop(clock, 0);
    const times: number[] = [];
    const reconcile = () => times.push(clock.monotonic());
    for (const ms of [500, 100, 300, Infinity]) loop.markAfter(ms, 'x', 'a', reconcile);
    await clock.advance(1000);
    expect(times).toEqual([100]);
  });

  it('lets time go on though a key marks itself again and again', async () => {
    const clock = new VirtualClock();
    const loop = new Loop(clock, 0);
    let count = 0;
    const reconcile = (key: string) => {
      count += 1;
      loop.mark('x', key, reconcile);
    };
    loop.mark('x', 'a', reconcile);
    await clock.advance(5000);
    expect(count).toBeGreaterThan(1000);
    expect(clock.monotonic()).toBe(5000);
    loop.stop();
  });

  it('goes on where an object is gone, and fails loudly for any other fault', async () => {
    const clock = new VirtualClock();
    const loop = new Loop(clock, 0);
    const done: string[] = [];
    loop.mark('x', 'gone', () => {
      throw new ApiError(404, 'NotFound', 'gone');
    });
    loop.mark('x', 'next', (key) => done.push(key));
    await clock.advance(0);
    expect(done).toEqual(['next']);
    loop.mark('x', 'broken', () => {
      throw new Error('broken');
    });
    await expect(clock.advance(0)).rejects.toThrow('broken');
  });
});
