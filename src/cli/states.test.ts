import { beforeEach, describe, expect, it } from 'vitest';
import { ScriptedApi } from '../kube/scripted-api.ts';
import { ApiError, type KubeObject } from '../kube/types.ts';
import { VirtualClock } from '../kube/virtual-clock.ts';
import { pods } from '../kube/well-known.ts';
import { statesOf } from './states.ts';

let api: ScriptedApi;
let clock: VirtualClock;
let complaints: string[];
let stopping: AbortController;
/** What was told, by resource version. */
let told: string[];
/** How it ended. */
let ended: Promise<unknown>;

beforeEach(() => {
  api = new ScriptedApi();
  clock = new VirtualClock();
  complaints = [];
  stopping = new AbortController();
  told = [];
});

const pod = (resourceVersion: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'cart', uid: 'one', resourceVersion },
});

async function looking(...answers: (KubeObject[] | ApiError)[]): Promise<void> {
  api.answers.push(
    ...answers.map((one) => (one instanceof ApiError ? one : { items: one, resourceVersion: '10' })),
  );
  const output = { print: () => undefined, complain: (line: string) => complaints.push(line) };
  const shell = { clock, output };
  const which = { namespace: 'shop', name: 'cart' };
  const states = statesOf(api.client, pods, which, shell, stopping.signal);
  const run = async () => {
    for await (const state of states) told.push(state?.metadata.resourceVersion ?? 'none');
  };
  ended = run().catch((error: unknown) => error);
  await clock.advance(0);
}

describe('the states of an object', () => {
  it('are told one after the other, absence too, until the person wants an end', async () => {
    await looking([]);
    expect(api.lists[0]).toMatchObject({ fieldSelector: 'metadata.name=cart', namespace: 'shop' });
    api.watch.send('ADDED', pod('11'));
    api.watch.send('MODIFIED', pod('12'));
    api.watch.send('DELETED', pod('13'));
    await clock.advance(0);
    expect(told).toEqual(['none', '11', '12', 'none']);
    stopping.abort();
    expect(await ended).toBeUndefined();
    expect(api.watch.closed).toBe(true);
  });

  it('end with the refusal, where the person may not see it', async () => {
    const refused = new ApiError(403, 'Forbidden', 'pods is forbidden');
    await looking(refused);
    expect(await ended).toBe(refused);
    expect(api.lists).toHaveLength(1);
  });

  it('go on when the API server is away, of which one line is told', async () => {
    const away = new ApiError(0, 'ConnectionFailed', 'connection refused');
    await looking(away, away, [pod('5')]);
    await clock.advance(10_000);
    expect(told).toEqual(['5']);
    expect(complaints).toEqual(['the API server does not answer: connection refused; trying again']);
    stopping.abort();
    await ended;
  });

  it('do not storm a proxy that ends each watch at once', async () => {
    await looking([pod('5')]);
    for (let tenths = 0; tenths < 300; tenths++) {
      api.watch.end();
      await clock.advance(100);
    }
    expect(api.watches.length).toBeLessThan(60);
    await clock.advance(2000);
    api.watch.send('MODIFIED', pod('6'));
    await clock.advance(0);
    expect(told).toEqual(['5', '6']);
    stopping.abort();
    await ended;
  });
});
