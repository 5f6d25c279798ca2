import { describe, expect, it } from 'vitest';
import {
  bucket,
  FakePrometheus,
  NEW,
  OLD,
  prometheusQuery,
  prometheusQuery as query,
  requests,
  patientSource,
} from '../testing/prometheus.ts';
import { reader, sum, warningOf } from '../testing/readings.ts';

/** The counters of a proxy by response code, as the text format would have them. */
function counters(
  workload: string,
  byCode: Record<number, number>,
  reporter = 'destination',
): Map<string, number> {
  return new Map(
    Object.entries(byCode).map(([code, n]) => [requests(workload, Number(code), { reporter }), n]),
  );
}

const A = { instance: '10.0.0.1:15020' };
const B = { instance: '10.0.0.2:15020' };

describe('PrometheusSource', () => {
  it('counts exactly what was scraped inside the window, on a grid of times', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const from = 10_001;
    prometheus.scrape(8_000, A, counters('reviews-old', { 200: 1000, 500: 10 }));
    await source.read(query(10_500, { from }));
    prometheus.scrape(12_000, A, counters('reviews-old', { 200: 1100, 500: 11 }));
    await source.read(query(15_000, { from }));
    prometheus.scrape(16_000, A, counters('reviews-old', { 200: 1105, 500: 13 }));
    prometheus.scrape(17_000, B, counters('reviews-new', { 200: 5, 503: 2 }));
    await source.read(query(21_500, { from }));
    expect(await source.read(query(25_000, { from }))).toEqual({
      ok: true,
      intervals: [
        {
          from: 15_000,
          to: 20_000,
          since: { old: 12_000, new: 15_000 },
          counts: { old: { errors: { all: 7, bad: 2 } }, new: { errors: { all: 7, bad: 2 } } },
        },
        {
          from: 20_000,
          to: 25_000,
          since: { old: 20_000, new: 20_000 },
          counts: { old: { errors: { all: 0, bad: 0 } }, new: { errors: { all: 0, bad: 0 } } },
        },
      ],
      completeThrough: { old: 16_000, new: 17_000 },
    });
  });

  it('counts from zero after a proxy restarted, and what a known proxy had not counted before', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 1000 }));
    await source.read(query(10_000));
    prometheus.scrape(14_000, A, counters('reviews-old', { 200: 30, 500: 4 }));
    expect(sum(await source.read(query(15_000)), 'old')).toEqual([34, 4]);
  });

  it('takes an unknown proxy of the stable revision for a baseline', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 10 }));
    await source.read(query(10_000));
    prometheus.scrape(14_000, B, counters('reviews-old', { 200: 900_000, 500: 9 }));
    await source.read(query(15_000));
    prometheus.scrape(18_000, B, counters('reviews-old', { 200: 900_001, 500: 10 }));
    expect(sum(await source.read(query(20_000)), 'old')).toEqual([2, 1]);
  });

  it('does not count of a candidate what it did before the window of a later step', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(9_000, A, counters('reviews-new', { 200: 10, 500: 10 }));
    const from = 10_001;
    await source.read(query(10_500, { from }));
    prometheus.scrape(14_000, A, counters('reviews-new', { 200: 15, 500: 10 }));
    prometheus.scrape(14_000, B, counters('reviews-new', { 200: 40, 500: 40 }));
    await source.read(query(15_000, { from }));
    prometheus.scrape(19_000, A, counters('reviews-new', { 200: 17, 500: 10 }));
    expect(sum(await source.read(query(20_000, { from })), 'new')).toEqual([2, 0]);
  });

  it('asks again for the time since the window began after a restart', async () => {
    const from = 10_001;
    const prometheus = new FakePrometheus();
    for (let second = 1; second <= 600; second += 15) {
      prometheus.scrape(second * 1000, A, counters('reviews-old', { 200: 100 * second, 500: second }));
      if (second > 20) prometheus.scrape(second * 1000, B, counters('reviews-new', { 200: second - 20 }));
    }
    const watching = patientSource(prometheus.http);
    for (let now = 10_000; now <= 600_000; now += 1000) await watching.read(query(now, { from }));
    const watched = await watching.read(query(600_000, { from }));
    const restarted = await patientSource(prometheus.http).read(query(600_000, { from }));
    // From the first scrape inside the window, at 16 s, to the last, at 586 s.
    expect(sum(watched, 'old')).toEqual([570 * 101, 570]);
    expect(sum(watched, 'new')).toEqual([566, 0]);
    expect(sum(restarted, 'old')).toEqual(sum(watched, 'old'));
    expect(sum(restarted, 'new')).toEqual(sum(watched, 'new'));
  });

  it('does not take a candidate for new after a restart, when a scrape failed as the window began', async () => {
    const prometheus = new FakePrometheus();
    prometheus.scrape(80_000, A, counters('reviews-new', { 200: 100, 500: 50 }));
    prometheus.scrape(95_000, A, new Map());
    prometheus.scrape(110_000, A, counters('reviews-new', { 200: 101, 500: 50 }));
    const reading = await patientSource(prometheus.http).read(query(130_000, { from: 100_001 }));
    expect(sum(reading, 'new')).toEqual([0, 0]);
  });

  it('begins again with what Prometheus kept when a target joins, and when it is asked for latency too', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 10 }));
    await source.read(query(10_000, { targets: [OLD] }));
    prometheus.scrape(14_000, A, counters('reviews-old', { 200: 16 }));
    prometheus.scrape(14_000, B, counters('reviews-new', { 200: 3 }));
    await source.read(query(15_000, { targets: [OLD] }));
    const reading = await source.read(query(15_000));
    expect([sum(reading, 'old'), sum(reading, 'new')]).toEqual([
      [6, 0],
      [3, 0],
    ]);
  });

  it('tells a reader that reads on each count once, though scrapes are rarer than reads', async () => {
    const prometheus = new FakePrometheus();
    let source = patientSource(prometheus.http);
    const read = reader(prometheusQuery(0, { from: 20_001 }));
    for (let second = 1; second <= 300; second++) {
      // The same requests, as the proxy of the pod and the client's see them, scraped at different times.
      if (second % 15 === 1)
        prometheus.scrape(second * 1000, A, counters('reviews-old', { 200: 10 * second }));
      if (second % 15 === 9) {
        const seen = counters('reviews-old', { 200: 10 * second, 503: second }, 'source');
        prometheus.scrape(second * 1000, B, seen);
      }
      if (second === 150) source = patientSource(prometheus.http);
      await read(source, second * 1000);
    }
    // From 24 s to 294 s, the first and the last scrape of the client inside the window. At most what one side saw.
    const [all, bad] = read.sum('old');
    expect(all).toBeLessThanOrEqual(270 * 11);
    expect(all).toBeGreaterThan(240 * 11);
    expect(bad).toBeLessThanOrEqual(270);
    expect(bad).toBeGreaterThan(240);
  });

  it('uses the reporter that saw more, never the sum', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const client = { instance: '10.9.9.9:15020' };
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 0 }));
    prometheus.scrape(10_000, client, counters('reviews-old', { 200: 0 }, 'source'));
    await source.read(query(10_000));
    prometheus.scrape(14_000, A, counters('reviews-old', { 200: 90 }));
    prometheus.scrape(14_000, client, counters('reviews-old', { 200: 90, 503: 10 }, 'source'));
    expect(sum(await source.read(query(15_000)), 'old')).toEqual([100, 10]);
  });

  it('counts a proxy once that two jobs scrape', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const monitor = { job: 'envoy-stats', instance: '10.0.0.1:15090' };
    const scrapeAt = (time: number, served: number) => {
      for (const target of [monitor, A])
        prometheus.scrape(time, target, counters('reviews-old', { 200: served }));
    };
    scrapeAt(10_000, 100);
    await source.read(query(10_000));
    scrapeAt(14_000, 110);
    await source.read(query(15_000));
    // The job that was counted goes away: the other carries on where it stands.
    prometheus.scrape(18_000, monitor, new Map());
    prometheus.scrape(19_000, A, counters('reviews-old', { 200: 120 }));
    await source.read(query(20_000));
    prometheus.scrape(24_000, A, counters('reviews-old', { 200: 125 }));
    const [all] = sum(await source.read(query(25_000)), 'old');
    expect(all).toBe(15);
  });

  it('counts slow requests from the buckets', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const metrics = [{ name: 'p99', kind: 'slow' as const, slowerThanMs: 300 }];
    const scrapeAt = (time: number, counts: [number, number, number]) => {
      const series = counters('reviews-old', { 200: counts[2] });
      ['100', '500', '+Inf'].forEach((le, i) => series.set(bucket('reviews-old', le), counts[i]!));
      prometheus.scrape(time, A, series);
    };
    scrapeAt(10_000, [50, 60, 60]);
    await source.read(query(10_000, { metrics }));
    scrapeAt(14_000, [60, 78, 80]);
    expect(sum(await source.read(query(15_000, { metrics })), 'old', 'p99')).toEqual([20, 2]);
  });

  it('stops being complete when the series go stale, and keeps what was counted', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(11_000, A, counters('reviews-old', { 200: 1 }));
    await source.read(query(15_000, { targets: [OLD] }));
    prometheus.scrape(19_000, A, counters('reviews-old', { 200: 3 }));
    await source.read(query(20_000, { targets: [OLD] }));
    for (let now = 25_000; now < 900_000; now += 5000) {
      const reading = await source.read(query(now, { targets: [OLD] }));
      expect(reading).toMatchObject({ ok: true, completeThrough: { old: 19_000 } });
      expect(sum(reading, 'old')).toEqual([2, 0]);
    }
  });

  it('is never complete where there are no series, and says so', async () => {
    const reading = await patientSource(new FakePrometheus().http).read(query(15_000));
    expect(reading).toMatchObject({ ok: true, completeThrough: {} });
    expect(warningOf(reading)).toMatch(
      /istio-system:9090 has no istio_requests_total .*reviews-old, reviews-new .*bookinfo/,
    );
  });

  it('asks only once for all releases, however many are read', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const names = Array.from({ length: 50 }, (_, i) => `shop-${i}`);
    const readAll = (now: number) =>
      Promise.all(
        names.map((release) => {
          const targets = [{ revision: 'r', workload: `${release}-r`, fresh: true, pods: [] }];
          const metrics = [
            { name: 'errors', kind: 'errors' as const },
            { name: 'p99', kind: 'slow' as const, slowerThanMs: 500 },
          ];
          return source.read(query(now, { release, targets, metrics, from: 60_000 }));
        }),
      );
    for (let now = 60_000; now < 120_000; now += 1000) await readAll(now);
    expect(prometheus.queries).toHaveLength(12 * 3);
    // One that comes later in the interval finds itself in the batch that another began.
    await source.read(
      query(120_000, { release: names[7]!, from: 60_000, targets: [{ ...NEW, workload: 'shop-7-r' }] }),
    );
    await readAll(121_000);
    expect(prometheus.queries).toHaveLength(13 * 3);
  });

  it('leaves a release out of the batches that was forgotten', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const shop = (name: string, now: number) =>
      source.read(query(now, { release: name, targets: [{ ...NEW, workload: `${name}-r` }] }));
    await Promise.all([shop('a', 10_000), shop('b', 10_000)]);
    expect(prometheus.queries.at(-1)?.promql).toContain('"a-r|b-r"');
    source.forget('bookinfo', 'a');
    await shop('b', 15_000);
    expect(prometheus.queries.at(-1)?.promql).toContain('"b-r"');
  });

  it('asks for exactly the workloads named, whatever their names hold', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    const targets = [{ revision: 'r', workload: 'a.b"c|d\\', fresh: true, pods: [] }];
    await source.read(query(15_000, { targets }));
    expect(prometheus.queries[0]?.promql).toContain('destination_workload=~"a\\\\.b\\"c\\\\|d\\\\\\\\"');
  });

  it('waits with what is incomplete, rather than take it for all there is', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 10 }));
    await source.read(query(10_000));
    prometheus.scrape(14_000, A, counters('reviews-old', { 200: 15 }));
    prometheus.warnings = ['one store of two did not answer'];
    const partial = await source.read(query(15_000));
    expect(partial).toMatchObject({ ok: true, intervals: [], completeThrough: { old: 10_000 } });
    expect(warningOf(partial)).toMatch(/has not told all.*one store of two did not answer/);
    prometheus.warnings = [];
    expect(sum(await source.read(query(16_000)), 'old')).toEqual([5, 0]);
  });

  it('does not count what is no number', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: NaN }));
    const reading = await source.read(query(10_000));
    expect(reading).toMatchObject({ ok: true, intervals: [], completeThrough: {} });
    expect(warningOf(reading)).toMatch(/reviews-old hold NaN/);
  });

  it('asks for the label that tells proxies apart', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, { instance: '' }, counters('reviews-old', { 200: 1 }));
    expect(warningOf(await source.read(query(10_000)))).toMatch(/no label "instance"/);
  });

  it('goes on where it was when Prometheus comes back, and asks no more than once a second meanwhile', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 10 }));
    await source.read(query(10_000));
    let asked = 0;
    prometheus.respond = () => {
      asked++;
      return undefined;
    };
    for (let now = 15_000; now < 45_000; now += 250) {
      expect(await source.read(query(now))).toMatchObject({ ok: false, code: 'TelemetryUnreachable' });
    }
    expect(asked).toBeLessThanOrEqual(30);
    prometheus.respond = undefined;
    prometheus.scrape(44_000, A, counters('reviews-old', { 200: 25, 500: 1 }));
    expect(sum(await source.read(query(45_000)), 'old')).toEqual([16, 1]);
  });

  it('begins anew when the clock was set back', async () => {
    const prometheus = new FakePrometheus();
    const source = patientSource(prometheus.http);
    prometheus.scrape(10_000, A, counters('reviews-old', { 200: 10 }));
    await source.read(query(3_600_000));
    await source.read(query(10_000));
    prometheus.scrape(14_000, A, counters('reviews-old', { 200: 12 }));
    expect(sum(await source.read(query(15_000)), 'old')).toEqual([2, 0]);
  });
});
