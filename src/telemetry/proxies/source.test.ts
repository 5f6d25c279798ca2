import { describe, expect, it } from 'vitest';
import type { Target } from '../../analysis/telemetry.ts';
import { createHttp } from '../http.ts';
import { fakeHttp, withServer } from '../testing/http.ts';
import { type Pod, network, print, query, target } from '../testing/proxies.ts';
import { sum, warningOf } from '../testing/readings.ts';
import { ProxiesSource } from './source.ts';

describe('ProxiesSource', () => {
  it('counts what happens between its reads, by revision, in disjoint intervals', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 1000, failed: 100 },
      '10.0.0.2': { served: 500, failed: 0 },
    };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('old', ['10.0.0.1']), target('new', ['10.0.0.2'])];
    await source.read(query(1000, targets));
    pods['10.0.0.1'] = { served: 1050, failed: 101 };
    pods['10.0.0.2'] = { served: 510, failed: 4 };
    await source.read(query(2000, targets));
    pods['10.0.0.1'] = { served: 1060, failed: 101 };
    const reading = await source.read(query(3000, targets));
    expect(reading).toEqual({
      ok: true,
      intervals: [
        {
          from: 1000,
          to: 2000,
          since: { old: 1000, new: 1000 },
          counts: { old: { errors: { all: 50, bad: 1 } }, new: { errors: { all: 10, bad: 4 } } },
          pods: {
            old: { 'pod-10.0.0.1': { errors: { all: 50, bad: 1 } } },
            new: { 'pod-10.0.0.2': { errors: { all: 10, bad: 4 } } },
          },
        },
        {
          from: 2000,
          to: 3000,
          since: { old: 2000, new: 2000 },
          counts: { old: { errors: { all: 10, bad: 0 } }, new: { errors: { all: 0, bad: 0 } } },
          pods: { old: { 'pod-10.0.0.1': { errors: { all: 10, bad: 0 } } } },
        },
      ],
      completeThrough: { old: 3000, new: 3000 },
      completeFrom: { old: 1000, new: 1000 },
    });
  });

  it('counts by pod what it counts in all, and nothing of before the window', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 10, failed: 1 },
      '10.0.0.2': { served: 20, failed: 2 },
    };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', Object.keys(pods))];
    for (let second = 1; second <= 4; second++) {
      pods['10.0.0.1'] = { served: 10 + second * 7, failed: 1 + second };
      pods['10.0.0.2'] = { served: 20 + second * 5, failed: 2 };
      await source.read(query(second * 1000, targets));
    }
    const reading = await source.read(query(4000, targets, { from: 2000 }));
    const intervals = reading.ok ? reading.intervals : [];
    expect(intervals.map(({ pods: byPod }) => byPod?.['a'])).toEqual(
      [3, 4].map(() => ({
        'pod-10.0.0.1': { errors: { all: 7, bad: 1 } },
        'pod-10.0.0.2': { errors: { all: 5, bad: 0 } },
      })),
    );
  });

  it('reads at once, or as seldom as the asker likes', async () => {
    const pods: Record<string, Pod> = { '10.0.0.1': { served: 0, failed: 0 } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    const ends = async (now: number, maxAgeMs?: number) => {
      const reading = await source.read(query(now, targets, { maxAgeMs }));
      return reading.ok ? reading.completeThrough['a'] : undefined;
    };
    expect(await ends(1000)).toBe(1000);
    expect(await ends(1050)).toBe(1000);
    expect(await ends(1050, 40)).toBe(1050);
    expect(await ends(1080, 40)).toBe(1050);
    expect(await ends(2060, 60_000)).toBe(2060);
  });

  it('never counts what happened before the window', async () => {
    const pods = { '10.0.0.1': { served: 10, failed: 10 } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    await source.read(query(1000, targets));
    pods['10.0.0.1'].served = 20;
    await source.read(query(2000, targets));
    pods['10.0.0.1'].served = 23;
    expect(sum(await source.read(query(3000, targets)), 'a')).toEqual([13, 0]);
    expect(sum(await source.read(query(3000, targets, { from: 1500 })), 'a')).toEqual([3, 0]);
    expect(sum(await source.read(query(3000, targets, { from: 2000 })), 'a')).toEqual([3, 0]);
    expect(sum(await source.read(query(3000, targets, { from: 2001 })), 'a')).toEqual([0, 0]);
  });

  it('counts a fresh candidate that starts meanwhile from its first request', async () => {
    const pods: Record<string, Pod> = { '10.0.0.1': { served: 10, failed: 0 } };
    const source = new ProxiesSource(network(pods).http);
    const old = target('old', ['10.0.0.1']);
    await source.read(query(1000, [old]));
    pods['10.0.0.2'] = { served: 7, failed: 5 };
    const reading = await source.read(query(2000, [old, target('new', ['10.0.0.2'], true)]));
    expect(sum(reading, 'new')).toEqual([7, 5]);
  });

  it('takes the first reading as the baseline after a restart, for the candidate too', async () => {
    const pods = { '10.0.0.2': { served: 700, failed: 500 } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('new', ['10.0.0.2'], true)];
    expect(sum(await source.read(query(1000, targets)), 'new')).toEqual([0, 0]);
    pods['10.0.0.2'] = { served: 703, failed: 501 };
    expect(sum(await source.read(query(2000, targets)), 'new')).toEqual([3, 1]);
  });

  it('does not take stable pods for newborn when their revision joins the targets', async () => {
    const pods = { '10.0.0.1': { served: 900, failed: 9 }, '10.0.0.2': { served: 0, failed: 0 } };
    const source = new ProxiesSource(network(pods).http);
    const fresh = target('new', ['10.0.0.2'], true);
    await source.read(query(1000, [fresh]));
    const reading = await source.read(query(2000, [fresh, target('old', ['10.0.0.1'])]));
    expect(sum(reading, 'old')).toEqual([0, 0]);
  });

  it('counts a new pod of the candidate from zero, and one that only comes back from where it is', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 100, failed: 0 },
      '10.0.0.2': { served: 200, failed: 0 },
    };
    const source = new ProxiesSource(network(pods).http);
    await source.read(query(1000, [target('a', ['10.0.0.1', '10.0.0.2'], true)]));
    await source.read(query(2000, [target('a', ['10.0.0.1'], true)]));
    pods['10.0.0.3'] = { served: 4, failed: 1 };
    const all = [target('a', ['10.0.0.1', '10.0.0.2', '10.0.0.3'], true)];
    expect(sum(await source.read(query(3000, all)), 'a')).toEqual([4, 1]);
    pods['10.0.0.2'] = { served: 205, failed: 0 };
    expect(sum(await source.read(query(4000, all)), 'a')).toEqual([9, 1]);
  });

  it('does not take a stable pod for new that was not ready for a while', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 100, failed: 0 },
      '10.0.0.2': { served: 9000, failed: 90 },
    };
    const source = new ProxiesSource(network(pods).http);
    await source.read(query(1000, [target('a', ['10.0.0.1'])]));
    const both = [target('a', ['10.0.0.1', '10.0.0.2'])];
    expect(sum(await source.read(query(2000, both)), 'a')).toEqual([0, 0]);
    pods['10.0.0.2'] = { served: 9005, failed: 91 };
    expect(sum(await source.read(query(3000, both)), 'a')).toEqual([5, 1]);
  });

  it('counts from zero after a proxy restarted', async () => {
    const pods = { '10.0.0.1': { served: 100, failed: 50 } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    await source.read(query(1000, targets));
    pods['10.0.0.1'] = { served: 6, failed: 2 };
    expect(sum(await source.read(query(2000, targets)), 'a')).toEqual([6, 2]);
  });

  it('is complete only as far as every pod was read, and catches up without losing anything', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 0, failed: 0 },
      '10.0.0.2': { served: 0, failed: 0 },
    };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1']), target('b', ['10.0.0.2'])];
    await source.read(query(1000, targets));
    pods['10.0.0.2'] = { served: 5, failed: 0, down: true };
    const partial = await source.read(query(2000, targets));
    expect(partial).toMatchObject({ ok: true, completeThrough: { a: 2000, b: 1000 } });
    expect(warningOf(partial)).toMatch(
      /pod-10\.0\.0\.2 .*10\.0\.0\.2:15090.*ECONNREFUSED.*statistics.*NetworkPolicy/,
    );
    pods['10.0.0.2'] = { served: 8, failed: 2 };
    const whole = await source.read(query(3000, targets));
    expect(whole).toMatchObject({ ok: true, completeThrough: { a: 3000, b: 3000 } });
    expect(sum(whole, 'b')).toEqual([8, 2]);
    // The pod was last read at 1000: of what it counted by 3000, nobody knows what came after 1500.
    expect(sum(await source.read(query(3000, targets, { from: 1500 })), 'b')).toEqual([0, 0]);
  });

  it('does not claim the time between an earlier process and its own first reading', async () => {
    const pods = { '10.0.0.2': { served: 700, failed: 500 } };
    const targets = [target('new', ['10.0.0.2'], true)];
    const before = new ProxiesSource(network(pods).http);
    await before.read(query(1000, targets));
    expect(await before.read(query(2000, targets))).toMatchObject({
      completeFrom: { new: 1000 },
      completeThrough: { new: 2000 },
    });
    // Given an operator that died then, and another that begins at 60 s with what status holds: counts up to 2 s
    const after = new ProxiesSource(network(pods).http);
    const first = await after.read(query(60_000, targets, { from: 2000 }));
    expect(first).toMatchObject({ completeFrom: { new: 60_000 }, completeThrough: { new: 60_000 } });
    pods['10.0.0.2'] = { served: 705, failed: 500 };
    const second = await after.read(query(61_000, targets, { from: 2000 }));
    expect(second).toMatchObject({ completeFrom: { new: 60_000 }, completeThrough: { new: 61_000 } });
    expect(sum(second, 'new')).toEqual([5, 0]);
    // And the same goes for a clock that was set back, and for a release that was forgotten
    expect(await after.read(query(30_000, targets))).toMatchObject({ completeFrom: { new: 30_000 } });
    after.forget('bookinfo', 'reviews');
    expect(await after.read(query(31_000, targets))).toMatchObject({ completeFrom: { new: 31_000 } });
  });

  it('has been complete from the first request on for a candidate whose pods it saw come', async () => {
    const pods: Record<string, Pod> = { '10.0.0.1': { served: 10, failed: 0 } };
    const source = new ProxiesSource(network(pods).http);
    const old = target('old', ['10.0.0.1']);
    await source.read(query(1000, [old]));
    pods['10.0.0.2'] = { served: 7, failed: 5 };
    expect(await source.read(query(2000, [old, target('new', ['10.0.0.2'], true)]))).toMatchObject({
      completeFrom: { old: 1000 },
      completeThrough: { old: 2000, new: 2000 },
    });
    // A second pod of it is no break either
    pods['10.0.0.3'] = { served: 1, failed: 0 };
    const both = target('new', ['10.0.0.2', '10.0.0.3'], true);
    const reading = await source.read(query(3000, [old, both]));
    expect(reading).toMatchObject({ completeThrough: { new: 3000 } });
    expect(reading.ok && reading.completeFrom?.['new']).toBeUndefined();
  });

  it('begins anew where a pod comes back of which it lost count, and only once all are read', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 0, failed: 0 },
      '10.0.0.2': { served: 0, failed: 0 },
    };
    const source = new ProxiesSource(network(pods).http);
    const both = [target('a', ['10.0.0.1', '10.0.0.2'], true)];
    await source.read(query(1000, both));
    await source.read(query(2000, [target('a', ['10.0.0.1'], true)]));
    pods['10.0.0.1']!.down = true;
    const partial = await source.read(query(3000, both));
    expect(partial).toMatchObject({ ok: true, completeFrom: {}, completeThrough: {} });
    expect(partial.ok && partial.completeThrough['a']).toBeUndefined();
    pods['10.0.0.1']!.down = false;
    expect(await source.read(query(4000, both))).toMatchObject({
      completeFrom: { a: 3000 },
      completeThrough: { a: 4000 },
    });
  });

  it("does not count a request twice when Istio's metrics appear beside Envoy's", async () => {
    const envoy = 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="inbound|9080||"}';
    const istio = 'istio_requests_total{reporter="destination",response_code="200"}';
    let body = `${envoy} 100\n`;
    const source = new ProxiesSource(fakeHttp(() => ({ body })));
    const targets = [target('a', ['10.0.0.1'], true)];
    await source.read(query(1000, targets));
    body = `${envoy} 140\n${istio} 140\n`;
    const switched = await source.read(query(2000, targets));
    expect(sum(switched, 'a')).toEqual([0, 0]);
    expect(switched).toMatchObject({ completeFrom: { a: 2000 } });
    body = `${envoy} 150\n${istio} 150\n`;
    expect(sum(await source.read(query(3000, targets)), 'a')).toEqual([10, 0]);
  });

  it('says that it is blind when no pod can be read, and goes on when one can', async () => {
    const pods: Record<string, Pod> = { '10.0.0.1': { served: 0, failed: 0, down: true } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    expect(await source.read(query(1000, targets))).toMatchObject({
      ok: false,
      code: 'TelemetryUnreachable',
    });
    pods['10.0.0.1'] = { served: 3, failed: 0 };
    expect(await source.read(query(2000, targets))).toMatchObject({ ok: true, intervals: [] });
  });

  it('knows a release without pods from one that is well', async () => {
    const reading = await new ProxiesSource(network({}).http).read(query(1000, [target('a', [])]));
    expect(reading).toMatchObject({ ok: true, completeThrough: {} });
    expect(warningOf(reading)).toMatch(/Revision a has no ready pod/);
  });

  it('reads each pod once for reads that come together or soon after one another', async () => {
    const { http, scrapes } = network({ '10.0.0.1': { served: 1, failed: 0 } });
    const source = new ProxiesSource(http);
    const targets = [target('a', ['10.0.0.1'])];
    await Promise.all([source.read(query(1000, targets)), source.read(query(1000, targets))]);
    await source.read(query(1800, targets));
    expect(scrapes).toHaveLength(1);
    await source.read(query(1900, targets));
    expect(scrapes).toHaveLength(2);
  });

  it('begins anew when the clock was set back, and when a release is forgotten', async () => {
    const pods = { '10.0.0.1': { served: 1, failed: 0 } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    await source.read(query(100_000, targets));
    pods['10.0.0.1'].served = 5;
    expect(sum(await source.read(query(50_000, targets)), 'a')).toEqual([0, 0]);
    pods['10.0.0.1'].served = 6;
    expect(sum(await source.read(query(51_000, targets)), 'a')).toEqual([1, 0]);
    source.forget('bookinfo', 'reviews');
    expect(await source.read(query(52_000, targets))).toMatchObject({ intervals: [] });
  });

  it('counts slow requests from the buckets, and says when a bound is out of their reach', async () => {
    const pods: Record<string, Pod> = {
      '10.0.0.1': { served: 0, failed: 0, durations: { 100: 0, 500: 0, '+Inf': 0 } },
    };
    const metrics = [
      { name: 'p99', kind: 'slow' as const, slowerThanMs: 300 },
      { name: 'p50', kind: 'slow' as const, slowerThanMs: 900 },
    ];
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    await source.read(query(1000, targets, { metrics }));
    pods['10.0.0.1'] = { served: 20, failed: 0, durations: { 100: 10, 500: 18, '+Inf': 20 } };
    const reading = await source.read(query(2000, targets, { metrics }));
    expect(sum(reading, 'a', 'p99')).toEqual([20, 2]);
    expect(sum(reading, 'a', 'p50')).toEqual([0, 0]);
    expect(warningOf(reading)).toMatch(/p50.*900 ms.*highest bucket/);
  });

  it('does not grow without end, and loses no count when it makes room', async () => {
    const pods = { '10.0.0.1': { served: 0, failed: 0 } };
    const source = new ProxiesSource(network(pods).http);
    const targets = [target('a', ['10.0.0.1'])];
    await source.read(query(0, targets));
    for (let second = 1; second <= 2000; second++) {
      pods['10.0.0.1'] = { served: second * 10, failed: second };
      await source.read(query(second * 1000, targets));
    }
    const reading = await source.read(query(2_000_000, targets));
    expect(reading.ok ? reading.intervals.length : 0).toBeLessThanOrEqual(120);
    expect(sum(reading, 'a')).toEqual([20_000, 2000]);
  });
});

describe('ProxiesSource over real HTTP', () => {
  const { http } = createHttp();
  const local = (port: number): Target[] => [
    {
      revision: 'a',
      workload: 'reviews-a',
      fresh: false,
      pods: [{ name: 'reviews-a-1', uid: 'u1', ip: '127.0.0.1', statsPort: port, ready: true }],
    },
  ];

  it('reads a proxy', async () => {
    let served = 3;
    await withServer(
      (request, response) => {
        response.statusCode = request.url === '/stats/prometheus' ? 200 : 404;
        response.end(print({ served, failed: 1 }));
      },
      async (port) => {
        const source = new ProxiesSource(http);
        await source.read(query(1000, local(port)));
        served = 10;
        expect(sum(await source.read(query(2000, local(port))), 'a')).toEqual([7, 0]);
      },
    );
  });

  it.each([
    ['a page that is no statistics', 200, '<html>hello</html>', /begins with envoy_ or istio_/],
    ['an empty answer', 200, '', /the answer is empty/],
    ['an error page', 404, 'not found', /HTTP 404 .*15090/],
    ['more than it would read', 200, 'envoy_x 1\n'.repeat(1000), /longer than 5000 bytes/],
  ])('names the pod and the mend for %s', async (_, status, body, sentence) => {
    await withServer(
      (_request, response) => {
        response.statusCode = status;
        response.end(body);
      },
      async (port) => {
        const source = new ProxiesSource(http, { maxBytes: 5000 });
        const reading = await source.read(query(1000, local(port)));
        expect(reading).toMatchObject({ ok: false, code: 'TelemetryUnreachable' });
        expect(warningOf(reading)).toMatch(sentence);
        expect(warningOf(reading)).toContain('reviews-a-1');
      },
    );
  });

  it('does not wait for a proxy that hangs, nor believe half an answer', async () => {
    await withServer(
      (_request, response) => {
        response.write(print({ served: 3, failed: 1 }));
      },
      async (port) => {
        const reading = await new ProxiesSource(http, { timeoutMs: 100 }).read(query(1000, local(port)));
        expect(warningOf(reading)).toMatch(/within 100 ms/);
      },
    );
    await withServer(
      (_request, response) => {
        response.writeHead(200, { 'content-length': '5000' });
        response.write(print({ served: 3, failed: 1 }), () => response.destroy());
      },
      async (port) => {
        const reading = await new ProxiesSource(http).read(query(1000, local(port)));
        expect(reading).toMatchObject({ ok: false, code: 'TelemetryUnreachable' });
      },
    );
  });
});
