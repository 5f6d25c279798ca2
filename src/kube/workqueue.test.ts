import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { VirtualClock } from './virtual-clock.ts';
import { Workqueue, exponentialBackoff } from './workqueue.ts';
import type { WorkqueueOptions } from './workqueue.ts';

let clock: VirtualClock;
let started: string[];
let errors: string[];
/** Ends the work on a key, with an error where one is given. */
let finish: Map<string, (error?: Error) => void>;

beforeEach(() => {
  clock = new VirtualClock();
  started = [];
  errors = [];
  finish = new Map();
});

/** A queue whose workers wait until the test finishes them. */
function slowQueue(options: Partial<WorkqueueOptions> = {}): Workqueue {
  return queueWith({
    worker: async (key) => {
      started.push(key);
      const done = Promise.withResolvers<undefined>();
      finish.set(key, (error) => {
        if (error === undefined) done.resolve(undefined);
        else done.reject(error);
      });
      await done.promise;
    },
    ...options,
  });
}

function queueWith(options: Partial<WorkqueueOptions> = {}): Workqueue {
  const queue = new Workqueue({
    clock,
    worker: async (key) => {
      started.push(key);
    },
    onError: (error, key) => errors.push(`${key}: ${error instanceof Error ? error.message : ''}`),
    ...options,
  });
  queue.start();
  return queue;
}

describe('a workqueue', () => {
  it('works on a key once, however often it was added before its turn', async () => {
    const queue = slowQueue({ concurrency: 1 });
    for (const key of ['a', 'b', 'a', 'b', 'b', 'a']) queue.add(key);
    await clock.advance(0);
    expect(started).toEqual(['a']);
    expect(queue.depth).toBe(1);
    finish.get('a')!();
    await clock.advance(0);
    finish.get('b')!();
    await clock.advance(0);
    expect(started).toEqual(['a', 'b']);
    expect([queue.depth, queue.inProgress]).toEqual([0, 0]);
  });

  it('works again on a key that was added meanwhile, after the work at hand, never beside it', async () => {
    const queue = slowQueue();
    queue.add('a');
    await clock.advance(0);
    queue.add('a');
    queue.add('a');
    await clock.advance(60_000);
    expect(started).toEqual(['a']);
    expect(queue.inProgress).toBe(1);
    finish.get('a')!();
    await clock.advance(0);
    expect(started).toEqual(['a', 'a']);
    finish.get('a')!();
    await clock.advance(0);
    expect(started).toEqual(['a', 'a']);
  });

  it('works on as many keys at once as it has workers', async () => {
    const queue = slowQueue({ concurrency: 3 });
    for (const key of 'abcde') queue.add(key);
    await clock.advance(0);
    expect([started, queue.inProgress, queue.depth]).toEqual([['a', 'b', 'c'], 3, 2]);
    finish.get('b')!();
    await clock.advance(0);
    expect([started, queue.inProgress, queue.depth]).toEqual([['a', 'b', 'c', 'd'], 3, 1]);
  });

  it('never runs a worker inside add', () => {
    const queue = queueWith();
    queue.add('a');
    expect(started).toEqual([]);
  });

  it('keeps keys that were added before it was started', async () => {
    const queue = new Workqueue({ clock, worker: async (key) => void started.push(key), onError: () => 0 });
    queue.add('a');
    await clock.advance(0);
    expect(started).toEqual([]);
    queue.start();
    await clock.advance(0);
    expect(started).toEqual(['a']);
  });
});

describe('later', () => {
  it('the earliest of several times wins', async () => {
    const queue = queueWith();
    queue.addAfter('a', 5000);
    queue.addAt('a', clock.now() + 2000);
    queue.addAfter('a', 3000);
    await clock.advance(1999);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual(['a']);
    await clock.advance(60_000);
    expect(started).toEqual(['a']);
  });

  it('a time that is past, or no number, is now', async () => {
    const queue = queueWith();
    queue.addAt('a', clock.now() - 1);
    queue.addAt('b', NaN);
    queue.addAfter('c', 0);
    await clock.advance(0);
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('a wall-clock time is looked at when the clock is set, a delay is not touched by it', async () => {
    const queue = queueWith();
    queue.addAt('deadline', clock.now() + 3_600_000);
    queue.addAfter('delay', 3_600_000);
    clock.jump(3_590_000);
    await clock.advance(9000);
    expect(started).toEqual([]);
    await clock.advance(1000);
    expect(started).toEqual(['deadline']);

    // Set back, it would lie an hour ahead, and nobody would look for so long.
    queue.addAt('back', clock.now() + 60_000);
    clock.jump(-3_590_000);
    await clock.advance(10_000);
    expect(started).toEqual(['deadline', 'back']);
    await clock.advance(3_600_000 - 21_000);
    expect(started).toEqual(['deadline', 'back']);
    await clock.advance(1000);
    expect(started).toEqual(['deadline', 'back', 'delay']);
  });

  it('ten thousand keys share one timer and come in their order', async () => {
    // Given a clock that counts the timers that are set
    let live = 0;
    let most = 0;
    const counting: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, callback) => {
        let open = true;
        const close = () => {
          if (open) live--;
          open = false;
        };
        most = Math.max(most, ++live);
        const timer = clock.after(ms, () => {
          close();
          callback();
        });
        return {
          cancel: () => {
            close();
            timer.cancel();
          },
        };
      },
    };
    const queue = queueWith({ clock: counting, concurrency: 1 });
    // When keys are added in an order that has nothing to do with their times
    for (let i = 0; i < 10_000; i++) queue.addAfter(`${(i * 7919) % 10_000}`, ((i * 7919) % 10_000) + 1);
    await clock.advance(10_000);
    // Then
    expect(most).toBe(1);
    expect(started).toHaveLength(10_000);
    expect(started.every((key, index) => key === `${index}`)).toBe(true);
    expect(live).toBe(0);
  });
});

describe('failures', () => {
  it('are reported and tried again, later each time, until the key succeeds', async () => {
    const at: number[] = [];
    const queue = queueWith({
      worker: async () => {
        at.push(clock.monotonic());
        if (at.length <= 4) throw new Error(`no ${at.length}`);
      },
      backoffMs: exponentialBackoff(100, 400, () => 0),
    });
    queue.add('a');
    await clock.advance(10_000);
    expect(at).toEqual([0, 100, 300, 700, 1100]);
    expect(errors).toEqual(['a: no 1', 'a: no 2', 'a: no 3', 'a: no 4']);
    expect(queue.numRequeues('a')).toBe(0);
  });

  it('thrown before the first await are no different', async () => {
    let times = 0;
    const queue = queueWith({
      worker: () => {
        if (times++ === 0) throw new Error('at once');
        return Promise.resolve();
      },
    });
    queue.add('a');
    await clock.advance(100);
    expect([times, errors]).toEqual([2, ['a: at once']]);
  });

  it('of one key leave the others alone', async () => {
    const queue = queueWith({
      concurrency: 1,
      worker: async (key) => {
        if (key === 'bad') throw new Error('no');
        started.push(key);
      },
    });
    queue.add('bad');
    queue.add('good');
    await clock.advance(0);
    expect(started).toEqual(['good']);
  });

  it('that the worker itself asks to try again keep their growing delay', async () => {
    const at: number[] = [];
    const queue: Workqueue = queueWith({
      worker: async (key) => {
        at.push(clock.monotonic());
        if (at.length < 4) queue.addRateLimited(key);
      },
      backoffMs: exponentialBackoff(100, 60_000, () => 0),
    });
    queue.add('a');
    await clock.advance(10_000);
    expect(at).toEqual([0, 100, 300, 700]);
    expect(errors).toEqual([]);
    expect(queue.numRequeues('a')).toBe(0);
  });

  it('back off from the first to the longest delay, with jitter downwards only', () => {
    const delays = (random: number) => [1, 2, 3, 20].map(exponentialBackoff(100, 60_000, () => random));
    expect(delays(0)).toEqual([100, 200, 400, 60_000]);
    expect(delays(1)).toEqual([50, 100, 200, 30_000]);
    expect(exponentialBackoff()(5000)).toBeLessThanOrEqual(60_000);
  });
});

describe('shutdown', () => {
  it('finishes what is in progress, drops the rest, takes nothing more', async () => {
    const queue = slowQueue({ concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 1000);
    await clock.advance(0);
    queue.add('a');
    let over = false;
    const shutdown = queue.shutdown().then(() => (over = true));
    queue.add('d');
    queue.addRateLimited('e');
    await clock.advance(60_000);
    expect([started, over]).toEqual([['a'], false]);
    finish.get('a')!();
    await shutdown;
    await clock.advance(60_000);
    expect(started).toEqual(['a']);
  });

  it('waits for failing work too, and does not try it again', async () => {
    const queue = slowQueue();
    queue.add('a');
    await clock.advance(0);
    const shutdown = queue.shutdown();
    finish.get('a')!(new Error('late'));
    await shutdown;
    await clock.advance(60_000);
    expect([started, errors]).toEqual([['a'], ['a: late']]);
  });

  it('is over at once where nothing is in progress', async () => {
    await slowQueue().shutdown();
    expect(started).toEqual([]);
  });
});

it('metrics tell depth, latency, duration and retries', async () => {
  const seen: string[] = [];
  const queue = slowQueue({
    concurrency: 1,
    metrics: {
      depth: (keys) => seen.push(`depth ${keys}`),
      latency: (ms) => seen.push(`latency ${ms}`),
      duration: (ms) => seen.push(`duration ${ms}`),
      retries: () => seen.push('retry'),
    },
  });
  queue.add('a');
  queue.add('b');
  await clock.advance(250);
  finish.get('a')!(new Error('no'));
  await clock.advance(0);
  expect(seen).toEqual([
    'depth 1',
    'depth 2',
    'depth 1',
    'latency 0',
    'retry',
    'duration 250',
    'depth 0',
    'latency 250',
  ]);
  finish.get('b')!();
  await queue.shutdown();
});
