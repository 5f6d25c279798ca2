import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import { Readings } from './readings.ts';

function setUp() {
  const clock = new VirtualClock();
  const woken: string[] = [];
  const readings = new Readings<string>({
    clock,
    wake: (key) => woken.push(key),
    failed: (error) => `failed: ${String(error)}`,
  });
  return { clock, woken, readings };
}

/** What happens until the clock has moved on by so many ms. */
async function waited(clock: VirtualClock, promise: Promise<void>, ms: number): Promise<boolean> {
  let over = false;
  void promise.then(() => {
    over = true;
  });
  await clock.advance(ms);
  return over;
}

describe('a read', () => {
  it('that answers at once is there in the same pass, and wakes nobody', async () => {
    const { clock, woken, readings } = setUp();
    readings.begin('a', '1', async () => 'seen');
    expect(await waited(clock, readings.settle('a'), 0)).toBe(true);
    expect(readings.result('a', '1')).toBe('seen');
    expect(woken).toEqual([]);
  });

  it('that is slow holds a pass up for a moment only, and wakes its release when it is over', async () => {
    const { clock, woken, readings } = setUp();
    const slow = Promise.withResolvers<string>();
    readings.begin('a', '1', () => slow.promise);
    const settled = readings.settle('a');
    expect(await waited(clock, settled, 199)).toBe(false);
    expect(await waited(clock, settled, 1)).toBe(true);
    expect(readings.result('a', '1')).toBeUndefined();
    expect(readings.isBusy('a')).toBe(true);
    expect(await waited(clock, readings.settle('a'), 0)).toBe(true);
    slow.resolve('late');
    await clock.advance(0);
    expect(woken).toEqual(['a']);
    expect(readings.result('a', '1')).toBe('late');
    expect(readings.isBusy('a')).toBe(false);
  });

  it('is done once for its id', async () => {
    const { clock, readings } = setUp();
    let times = 0;
    const read = async () => String(++times);
    readings.begin('a', '1', read);
    readings.begin('a', '1', read);
    await clock.advance(0);
    readings.begin('a', '1', read);
    expect(times).toBe(1);
    readings.begin('b', '1', read);
    readings.begin('a', '2', read);
    expect(times).toBe(3);
  });

  it('that throws comes to a result all the same', async () => {
    const { clock, readings } = setUp();
    readings.begin('a', '1', () => Promise.reject(new Error('oh no')));
    await clock.advance(0);
    expect(readings.result('a', '1')).toBe('failed: Error: oh no');
  });

  it('that nobody wants any more is forgotten, and tells nobody', async () => {
    const { clock, woken, readings } = setUp();
    const slow = Promise.withResolvers<string>();
    readings.begin('a', '1', () => slow.promise);
    readings.begin('a', '2', async () => 'kept');
    await waited(clock, readings.settle('a'), 200);
    readings.keep('a', new Set(['2']));
    slow.resolve('late');
    await clock.advance(0);
    expect(woken).toEqual([]);
    expect(readings.result('a', '1')).toBeUndefined();
    expect(readings.result('a', '2')).toBe('kept');
  });
});
