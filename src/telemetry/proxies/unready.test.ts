import { describe, expect, it } from 'vitest';
import type { Http } from '../http.ts';
import { type Pod, network, query, target } from '../testing/proxies.ts';
import { sum, warningOf } from '../testing/readings.ts';
import { ProxiesSource } from './source.ts';

const OLD = '10.0.0.1';
const GOOD = '10.0.0.2';
const BAD = '10.0.0.3';

const old = target('old', [OLD]);
const allReady = [old, target('new', [GOOD, BAD], true)];
const badUnready = [old, target('new', [GOOD, BAD], true, [BAD])];

/** Three pods, of which none has served yet, and a source that has read them at 1 s. */
async function begun(change?: (http: Http) => Http) {
  const pods: Record<string, Pod> = {
    [OLD]: { served: 0, failed: 0 },
    [GOOD]: { served: 0, failed: 0 },
    [BAD]: { served: 0, failed: 0 },
  };
  const { http, scrapes } = network(pods);
  const source = new ProxiesSource(change?.(http) ?? http);
  await source.read(query(1000, allReady));
  return { pods, source, scrapes };
}

/** The same network, where this pod's answers come when they are let go; they say what was so when they were asked for. */
function holding(ip: string) {
  const held: (() => void)[] = [];
  return {
    /** Answers come at once, unless it holds. */
    holds: false,
    letGo: async () => {
      for (const go of held.splice(0)) go();
      await new Promise(setImmediate);
    },
    over(http: Http): Http {
      return async (request) => {
        const holds = this.holds && request.url.includes(ip);
        const answer = await http(request);
        if (holds) await new Promise<void>((go) => held.push(go));
        return answer;
      };
    },
  };
}

describe('a pod that loses its readiness', () => {
  it('is counted with what it answered before, and with what still reaches it', async () => {
    const { pods, source } = await begun();
    // Given a pod that fails all it gets, until its probe finds out
    pods[BAD] = { served: 40, failed: 40 };
    await source.read(query(2000, badUnready));
    expect(sum(await source.read(query(3000, badUnready)), 'new')).toEqual([40, 40]);
    // When clients that don't know yet go on sending
    pods[BAD] = { served: 43, failed: 43 };
    await source.read(query(4000, badUnready));
    const reading = await source.read(query(5000, badUnready));
    // Then all of it is counted, for the pod that did it, and the data are as complete as those of the ready pods
    expect(sum(reading, 'new')).toEqual([43, 43]);
    expect(reading.ok && reading.intervals.map(({ pods: byPod }) => byPod?.['new'])).toContainEqual({
      [`pod-${BAD}`]: { errors: { all: 40, bad: 40 } },
    });
    expect(reading).toMatchObject({ ok: true, completeThrough: { old: 5000, new: 5000 } });
    expect(warningOf(reading)).toBe('');
  });

  it('is counted on the stable side as well', async () => {
    const { pods, source } = await begun();
    pods[OLD] = { served: 30, failed: 10 };
    const targets = [target('old', [OLD], false, [OLD]), target('new', [GOOD, BAD], true)];
    await source.read(query(2000, targets));
    expect(sum(await source.read(query(3000, targets)), 'old')).toEqual([30, 10]);
  });

  it('is counted, too, when it is the only one, and then nothing is complete any more', async () => {
    const { pods, source } = await begun();
    const only = [old, target('new', [BAD], true, [BAD])];
    pods[BAD] = { served: 20, failed: 15 };
    await source.read(query(2000, only));
    const reading = await source.read(query(3000, only));
    expect(sum(reading, 'new')).toEqual([20, 15]);
    expect(reading).toMatchObject({ ok: true, completeThrough: { old: 3000, new: 1000 } });
    expect(warningOf(reading)).toBe('Revision new has no ready pod to read.');
  });

  it('is counted where no pod is ready on either side', async () => {
    const { pods, source } = await begun();
    const none = [target('old', [OLD], false, [OLD]), target('new', [BAD], true, [BAD])];
    pods[BAD] = { served: 20, failed: 15 };
    for (const now of [2000, 3000, 4000]) await source.read(query(now, none));
    expect(sum(await source.read(query(5000, none)), 'new')).toEqual([20, 15]);
    // And when nobody answers any more, nothing is said of the time from then on
    for (const ip of [OLD, BAD]) pods[ip]!.down = true;
    for (let now = 6000; now <= 9000; now += 1000) await source.read(query(now, none));
    const reading = await source.read(query(10_000, none));
    expect(reading.ok && reading.intervals.at(-1)?.to).toBeLessThan(8000);
  });

  it('is not waited for', async () => {
    const network = holding(BAD);
    const { pods, source } = await begun((http) => network.over(http));
    // Given a pod that is not ready and hangs
    network.holds = true;
    pods[GOOD] = { served: 9, failed: 0 };
    pods[BAD] = { served: 5, failed: 5 };
    for (const now of [2000, 3000, 4000]) {
      // Then each read ends without it, and is as complete as can be
      const reading = await source.read(query(now, badUnready));
      expect(reading).toMatchObject({ ok: true, completeThrough: { new: now } });
      expect(sum(reading, 'new')).toEqual([9, 0]);
      expect(warningOf(reading)).toBe('');
    }
    // When it answers at last
    await network.letGo();
    const reading = await source.read(query(5000, badUnready));
    // Then it is counted, and it is known how old that may be
    expect(sum(reading, 'new')).toEqual([14, 5]);
    expect(reading.ok && reading.intervals.at(-1)).toMatchObject({
      from: 4000,
      to: 5000,
      since: { new: 1000 },
    });
  });

  it('is not asked twice at a time, nor by anybody once the release is forgotten', async () => {
    const network = holding(BAD);
    const { source, scrapes } = await begun((http) => network.over(http));
    network.holds = true;
    for (let now = 2000; now <= 9000; now += 1000) await source.read(query(now, badUnready));
    expect(scrapes.filter((ip) => ip === BAD)).toHaveLength(2);
    source.forget('bookinfo', 'reviews');
    await network.letGo();
    await source.read(query(10_000, allReady.slice(0, 1)));
    expect(scrapes.filter((ip) => ip === BAD)).toHaveLength(2);
  });

  it('is asked in its turn where there are many', async () => {
    const many = Array.from({ length: 200 }, (_, i) => `10.0.1.${i}`);
    const { http } = network({
      [GOOD]: { served: 0, failed: 0 },
      ...Object.fromEntries(many.map((ip) => [ip, { served: 0, failed: 0 }])),
    });
    const asked = new Set<string>();
    const under: (() => void)[] = [];
    let most = 0;
    const source = new ProxiesSource(async (request) => {
      if (!request.url.includes(GOOD)) {
        asked.add(request.url);
        await new Promise<void>((go) => (most = Math.max(most, under.push(go))));
      }
      return http(request);
    });
    const targets = [target('new', [GOOD, ...many], true, many)];
    for (let now = 1000; now <= 8000; now += 1000) {
      await source.read(query(now, targets));
      // Answers come after every other round.
      if (now % 2000 > 0) continue;
      for (const go of under.splice(0)) go();
      await new Promise(setImmediate);
    }
    expect(most).toBe(64);
    expect(asked.size).toBe(200);
  });

  it('is no trouble where it does not answer, and is asked ever more seldom', async () => {
    const { pods, source, scrapes } = await begun();
    pods[BAD] = { served: 5, failed: 5, down: true };
    const before = scrapes.length;
    for (let now = 2000; now < 122_000; now += 1000) {
      const reading = await source.read(query(now, badUnready));
      expect(reading).toMatchObject({ ok: true, completeThrough: { new: now } });
      expect(warningOf(reading)).toBe('');
    }
    const asked = scrapes.slice(before).filter((ip) => ip === BAD).length;
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThan(10);
    // When it is ready, it has to answer at once
    const blind = await source.read(query(122_000, allReady));
    expect(blind).toMatchObject({ completeThrough: { new: 121_000 } });
    expect(warningOf(blind)).toContain(`pod-${BAD}`);
    pods[BAD].down = false;
    expect(sum(await source.read(query(123_000, allReady)), 'new')).toEqual([5, 5]);
  });

  it('is asked every time again once it answers', async () => {
    const { pods, source } = await begun();
    pods[BAD] = { served: 0, failed: 0, down: true };
    for (let now = 2000; now <= 9000; now += 1000) await source.read(query(now, badUnready));
    pods[BAD].down = false;
    for (let now = 10_000; now <= 30_000; now += 1000) await source.read(query(now, badUnready));
    pods[BAD] = { served: 4, failed: 4 };
    await source.read(query(31_000, badUnready));
    pods[BAD].down = true;
    expect(sum(await source.read(query(32_000, badUnready)), 'new')).toEqual([4, 4]);
    // And the next time that it does not, it is asked again as soon as at first
    pods[BAD] = { served: 6, failed: 6 };
    await source.read(query(33_000, badUnready));
    expect(sum(await source.read(query(34_000, badUnready)), 'new')).toEqual([6, 6]);
  });

  it('does not fail the others where its answer is a riddle', async () => {
    const { source } = await begun((http) => async (request) => {
      const answer = await http(request);
      return request.url.includes(BAD) ? { ...answer, body: '<html>' } : answer;
    });
    for (const now of [2000, 3000]) {
      const reading = await source.read(query(now, badUnready));
      expect(reading).toMatchObject({ ok: true, completeThrough: { new: now } });
      expect(warningOf(reading)).toBe('');
    }
    const broken = new ProxiesSource(async ({ url }) => {
      if (url.includes(BAD)) throw new TypeError('nobody thought of this');
      return { status: 200, contentType: 'text/plain', body: 'envoy_server_live{} 1\n' };
    });
    expect(await broken.read(query(1000, badUnready))).toMatchObject({ completeThrough: { new: 1000 } });
    await expect(broken.read(query(2000, allReady))).rejects.toThrow('nobody thought of this');
  });
});

describe('a pod that is ready again', () => {
  it('goes on from where it was, and the data stay whole', async () => {
    const { pods, source } = await begun();
    for (let second = 2; second <= 20; second++) {
      pods[BAD] = { served: second, failed: second };
      const isReady = second % 6 < 3;
      await source.read(query(second * 1000, isReady ? allReady : badUnready));
    }
    const reading = await source.read(query(21_000, allReady));
    expect(sum(reading, 'new')).toEqual([20, 20]);
    expect(reading).toMatchObject({ completeFrom: { new: 1000 }, completeThrough: { new: 21_000 } });
  });

  it('is counted once, though an answer from before comes late', async () => {
    const network = holding(BAD);
    const { pods, source } = await begun((http) => network.over(http));
    network.holds = true;
    pods[BAD] = { served: 5, failed: 5 };
    await source.read(query(2000, badUnready));
    network.holds = false;
    pods[BAD] = { served: 8, failed: 5 };
    expect(sum(await source.read(query(3000, allReady)), 'new')).toEqual([8, 5]);
    // When what it answered at 2 s comes now: 5 are fewer than 8, but nothing has restarted
    await network.letGo();
    network.holds = true;
    await source.read(query(4000, badUnready));
    await source.read(query(5000, badUnready));
    network.holds = false;
    pods[BAD] = { served: 9, failed: 5 };
    expect(sum(await source.read(query(6000, allReady)), 'new')).toEqual([9, 5]);
  });

  it('is counted up to the round, though what it answered before comes just then', async () => {
    const network = holding(BAD);
    const { pods, source } = await begun((http) => network.over(http));
    network.holds = true;
    pods[BAD] = { served: 5, failed: 5 };
    await source.read(query(2000, badUnready));
    await network.letGo();
    network.holds = false;
    pods[BAD] = { served: 8, failed: 5 };
    const reading = await source.read(query(3000, allReady));
    expect(sum(reading, 'new')).toEqual([8, 5]);
    expect(reading).toMatchObject({ completeThrough: { new: 3000 } });
  });

  it('counts from zero where its proxy restarted meanwhile', async () => {
    const { pods, source } = await begun();
    pods[BAD] = { served: 50, failed: 10 };
    await source.read(query(2000, badUnready));
    await source.read(query(3000, badUnready));
    pods[BAD] = { served: 4, failed: 1 };
    await source.read(query(4000, badUnready));
    pods[BAD] = { served: 6, failed: 1 };
    expect(sum(await source.read(query(5000, allReady)), 'new')).toEqual([56, 11]);
  });
});

describe('a pod that goes', () => {
  it('is counted with its last answer, which comes when it is gone already', async () => {
    const network = holding(BAD);
    const { pods, source } = await begun((http) => network.over(http));
    network.holds = true;
    pods[BAD] = { served: 7, failed: 3 };
    await source.read(query(2000, badUnready));
    await network.letGo();
    const gone = [old, target('new', [GOOD], true)];
    const reading = await source.read(query(3000, gone));
    expect(sum(reading, 'new')).toEqual([7, 3]);
    expect(reading).toMatchObject({ completeThrough: { new: 3000 } });
    expect(sum(await source.read(query(4000, gone)), 'new')).toEqual([7, 3]);
  });

  it('is not counted for those that are compared in its stead', async () => {
    const network = holding(OLD);
    const { pods, source } = await begun((http) => network.over(http));
    network.holds = true;
    pods[OLD] = { served: 7, failed: 3 };
    const fresh = target('new', [GOOD], true);
    await source.read(query(2000, [target('old', [OLD], false, [OLD]), fresh]));
    await network.letGo();
    // When a fresh baseline stands for the stable revision from now on
    const baseline = { ...target('old', ['10.0.0.9'], true), workload: 'reviews-old-baseline' };
    expect(sum(await source.read(query(3000, [baseline, fresh])), 'old')).toEqual([0, 0]);
  });

  it('is left alone once another pod has its address', async () => {
    const { source, scrapes } = await begun();
    const before = scrapes.length;
    const heir = target('new', [BAD], true).pods.map((pod) => ({ ...pod, uid: 'heir', name: 'heir' }));
    const [, both] = badUnready;
    await source.read(query(2000, [{ ...both!, pods: [...both!.pods, ...heir] }]));
    expect(scrapes.slice(before).sort()).toEqual([GOOD, BAD]);
  });
});

describe('a pod that is first seen when it is not ready', () => {
  it('counts from its first request where it was born since', async () => {
    const { pods, source } = await begun();
    const young = '10.0.0.4';
    const starting = [old, target('new', [GOOD, BAD, young], true, [young])];
    // Given a pod whose proxy does not answer yet
    await source.read(query(2000, starting));
    pods[young] = { served: 6, failed: 6 };
    const ready = [old, target('new', [GOOD, BAD, young], true)];
    const reading = await source.read(query(4000, ready));
    expect(sum(reading, 'new')).toEqual([6, 6]);
    expect(reading).toMatchObject({ completeFrom: { new: 1000 }, completeThrough: { new: 4000 } });
    expect(reading.ok && reading.intervals.at(-1)?.since).toMatchObject({ new: 1000 });
  });

  it('is a beginning only, where it may have served before, and no break of what is complete', async () => {
    const pods: Record<string, Pod> = {
      [OLD]: { served: 0, failed: 0 },
      [GOOD]: { served: 100, failed: 0 },
      [BAD]: { served: 900, failed: 450, down: true },
    };
    // Given an operator that has just started, in mid-release, and a pod that answers later than the others
    const source = new ProxiesSource(network(pods).http);
    await source.read(query(1000, badUnready));
    await source.read(query(2000, badUnready));
    pods[BAD]!.down = false;
    await source.read(query(3000, badUnready));
    await source.read(query(4000, badUnready));
    expect(sum(await source.read(query(5000, badUnready)), 'new')).toEqual([0, 0]);
    pods[BAD] = { served: 903, failed: 453 };
    await source.read(query(6000, badUnready));
    const reading = await source.read(query(7000, badUnready));
    expect(sum(reading, 'new')).toEqual([3, 3]);
    expect(reading).toMatchObject({ completeFrom: { new: 1000 }, completeThrough: { new: 7000 } });
  });

  it('says once it is ready since when its counts are known', async () => {
    const only = [target('new', [BAD], true, [BAD])];
    const source = new ProxiesSource(network({ [BAD]: { served: 900, failed: 450 } }).http);
    await source.read(query(1000, only));
    await source.read(query(60_000, only));
    expect(await source.read(query(61_000, only))).toMatchObject({ completeFrom: {}, completeThrough: {} });
    expect(await source.read(query(62_000, [target('new', [BAD], true)]))).toMatchObject({
      completeFrom: { new: 1000 },
      completeThrough: { new: 62_000 },
    });
  });
});
