import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dice } from './dice.ts';
import { playLife } from './life.ts';
import { Source } from './source.ts';
import { spec } from './spec.testing.ts';
import { Traffic } from './traffic.ts';

const START = Date.UTC(2030, 0, 1);

const steps = [{ weight: 5, for: '2m' }, { weight: 50, for: '2m' }, { weight: 100 }];
const both = { errorRate: { max: '1%' }, latency: { p99: '500ms' } };
const prometheus = { source: 'prometheus', prometheus: { address: 'http://prometheus:9090' } };

function sourceOf(source: 'proxies' | 'prometheus', scrapeMs: number, seed: number): Source {
  return new Source(spec({ analysis: both }).analysis, { source, scrapeMs }, START, new Dice(seed));
}

/** Serves ten requests of each kind every 500 ms. */
function serve(source: Source, untilMs: number) {
  const counts = { all: 10, bad: 1 };
  for (let at = 0; at < untilMs; at += 500) {
    const revisions = { new: { errors: counts, 'latency-p99': counts }, old: { errors: counts } };
    source.add({ from: START + at, to: START + at + 500, counts: revisions });
  }
}

function told(source: Source, revision: string, metric: string): number {
  return source
    .reading(START)
    .intervals.reduce((sum, { counts }) => sum + (counts[revision]?.[metric]?.all ?? 0), 0);
}

describe('the proxies', () => {
  it('tell of requests at once, and of durations every five seconds', () => {
    const source = sourceOf('proxies', 15_000, 1);
    serve(source, 20_000);
    expect(told(source, 'new', 'errors')).toBe(400);
    const slow = told(source, 'new', 'latency-p99');
    expect(slow).toBeLessThan(400);
    expect(slow).toBeGreaterThanOrEqual(300);
    const lumps = source
      .reading(START)
      .intervals.filter(({ counts }) => (counts['new']?.['latency-p99']?.all ?? 0) > 0);
    expect(lumps).toHaveLength(4);
    expect(source.reading(START).completeThrough).toEqual({ new: START + 20_000, old: START + 20_000 });
  });
});

describe('a Prometheus', () => {
  it('tells in scrapes, of each version at its own time, and says how old they are', () => {
    const source = sourceOf('prometheus', 15_000, 1);
    serve(source, 60_000);
    const { intervals, completeThrough } = source.reading(START);
    for (const { from, to } of intervals) expect([from % 5000, to - from]).toEqual([0, 5000]);
    for (const revision of ['new', 'old']) {
      const scraped = intervals.filter(({ counts }) => (counts[revision]?.['errors']?.all ?? 0) > 0);
      expect(scraped).toHaveLength(4);
      for (const { to, since } of scraped) expect(to - (since[revision] ?? to)).toBeGreaterThan(0);
      expect(completeThrough[revision]).toBeGreaterThan(START + 45_000);
      expect(completeThrough[revision]).toBeLessThan(START + 60_000);
    }
    expect(completeThrough['new']).not.toBe(completeThrough['old']);
  });

  it('loses nothing and tells nothing twice, whatever the spans and the times of scrapes', () => {
    const spans = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 1000 }), all: fc.nat(50) }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1000, max: 60_000 }), fc.nat(), (served, scrapeMs, seed) => {
        const source = sourceOf('prometheus', scrapeMs, seed);
        let at = START;
        const add = (ms: number, all: number) => {
          source.add({ from: at, to: at + ms, counts: { new: { errors: { all, bad: 0 } } } });
          at += ms;
        };
        for (const { ms, all } of served) add(ms, all);
        // Until the last scrape of it is told.
        for (let rest = 0; rest < scrapeMs + 10_000; rest += 1000) add(1000, 0);
        expect(told(source, 'new', 'errors')).toBe(served.reduce((sum, { all }) => sum + all, 0));
      }),
    );
  });

  it('finds a bad version later than the proxies do, and needs as long to pass a good one or longer', () => {
    const load = { forMs: 60_000, perSecond: 100, bad: { errors: 0.001, 'latency-p99': 0.001 } };
    const life = (analysis: object, badRatio: number) =>
      playLife(
        spec({ steps, analysis: { ...both, ...analysis } }),
        new Traffic([load], badRatio),
        new Dice(2),
      );
    const [soon, late] = [life({}, 300), life(prometheus, 300)];
    expect([soon.outcome, late.outcome]).toEqual(['RolledBack', 'RolledBack']);
    expect(late.tookMs).toBeGreaterThan(soon.tookMs + 5000);
    expect(late.tookMs).toBeLessThan(60_000);
    const [good, slow] = [life({}, 1), life(prometheus, 1)];
    expect([good.outcome, slow.outcome]).toEqual(['Promoted', 'Promoted']);
    expect(slow.passed[0]?.atMs ?? 0).toBeGreaterThanOrEqual(good.passed[0]?.atMs ?? Infinity);
  });
});
