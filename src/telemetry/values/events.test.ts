import { describe, expect, it } from 'vitest';
import type { Counts, Reading } from '../../analysis/telemetry.ts';
import { fakeHttp } from '../testing/http.ts';
import { PrometheusEvents } from './events.ts';
import type { EventsQuery } from './events.ts';

const START = Date.UTC(2030, 0, 1);
const at = (second: number) => START + second * 1000;

/** Counters by query, each with its labels and its values over time (s); the labels of a sum have no name. */
type Series = Readonly<
  Record<string, { labels?: Record<string, string>; values: Readonly<Record<number, number>> }[]>
>;

const raw = (pod: string, values: Record<number, number>) => ({
  labels: { __name__: 'orders_total', pod },
  values,
});

function source(series: Series) {
  const asked: number[] = [];
  let down = false;
  const http = fakeHttp((request) => {
    if (down) return undefined;
    const form = new URLSearchParams(request.body);
    const time = Number(form.get('time')) - START / 1000;
    asked.push(time);
    const [, inner = ''] = /^timestamp\((.*)\)$/.exec(form.get('query') ?? '') ?? [];
    const query = inner === '' ? (form.get('query') ?? '') : inner;
    const result = (series[query] ?? []).flatMap(({ labels = {}, values }) => {
      const scraped = Object.keys(values)
        .map(Number)
        .filter((second) => second <= time && second > time - 20);
      const last = Math.max(...scraped);
      if (scraped.length === 0) return [];
      const isRaw = labels['__name__'] !== undefined;
      const value = inner === '' ? values[last] : START / 1000 + (isRaw ? last : time);
      const { __name__, ...rest } = labels;
      return [{ metric: inner === '' ? labels : rest, value: [time, String(value)] }];
    });
    return {
      contentType: 'application/json',
      body: JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }),
    };
  });
  return {
    events: new PrometheusEvents(http),
    asked,
    fail: (failing: boolean) => {
      down = failing;
    },
  };
}

const side = (revision: string) => ({ bad: `bad ${revision}`, all: `all ${revision}` });
const query = (now: number, from = 0, more: Partial<EventsQuery> = {}): EventsQuery => ({
  key: 'shop/cart',
  candidate: 'new',
  stable: 'old',
  metrics: [{ name: 'orders', candidate: side('new'), stable: side('old') }],
  from: at(from),
  now: at(now),
  prometheus: { address: 'http://prometheus:9090' },
  ...more,
});

function sum(reading: Reading, revision: string): Counts {
  if (!reading.ok) throw new Error(reading.message);
  return reading.intervals
    .map(({ counts }) => counts[revision]?.['orders'] ?? { all: 0, bad: 0 })
    .reduce((a, b) => ({ all: a.all + b.all, bad: a.bad + b.bad }), { all: 0, bad: 0 });
}

describe('events by queries of a release', () => {
  it('are the increases of the counters of both sides', async () => {
    const { events } = source({
      'all old': [raw('a', { 0: 1000, 5: 1100, 10: 1200 })],
      'bad old': [raw('a', { 0: 50, 5: 51, 10: 51 })],
      'all new': [raw('b', { 5: 10, 10: 30 })],
      'bad new': [raw('b', { 10: 3 })],
    });
    await events.read(query(0));
    const reading = await events.read(query(11));
    expect(sum(reading, 'old')).toEqual({ all: 200, bad: 1 });
    expect(sum(reading, 'new')).toEqual({ all: 30, bad: 3 });
    expect(reading).toMatchObject({ completeThrough: { old: at(10), new: at(10) } });
  });

  it('are told once more until they were taken, and then no more', async () => {
    const { events } = source({
      'all new': [raw('b', { 5: 10, 10: 30, 15: 60 })],
      'all old': [raw('a', { 0: 5, 15: 5 })],
    });
    await events.read(query(0));
    expect(sum(await events.read(query(10)), 'new').all).toBe(30);
    expect(sum(await events.read(query(10)), 'new').all).toBe(30);
    expect(sum(await events.read(query(15, 10)), 'new').all).toBe(30);
  });

  it('know since when they may have happened', async () => {
    const { events } = source({
      'all new': [raw('b', { 3: 10, 8: 30 })],
      'all old': [raw('a', { 2: 5, 9: 5 })],
    });
    await events.read(query(5));
    const reading = await events.read(query(10, 5));
    expect(reading).toMatchObject({
      intervals: [{ from: at(5), to: at(10), since: { new: at(3), old: at(2) } }],
    });
    expect(reading).toMatchObject({ completeThrough: { new: at(8), old: at(9) } });
  });

  it('of a pod that begins anew count from zero; of one whose scrape failed, from where it was', async () => {
    const { events } = source({
      'all old': [
        raw('restarted', { 0: 1000, 5: 20 }),
        raw('unscraped', { 0: 500, 25: 530 }),
        raw('new', { 25: 7 }),
      ],
      'all new': [raw('b', { 0: 0, 5: 0, 25: 0 })],
    });
    await events.read(query(0));
    expect(sum(await events.read(query(5)), 'old').all).toBe(20);
    expect(sum(await events.read(query(20, 5)), 'old').all).toBe(0);
    expect(sum(await events.read(query(25, 20)), 'old').all).toBe(37);
  });

  it('of a sum that falls are not known, and not counted', async () => {
    const { events } = source({
      'all old': [{ values: { 0: 1000, 5: 600, 10: 640 } }],
      'all new': [{ values: { 0: 0 } }],
    });
    await events.read(query(0));
    const reading = await events.read(query(10));
    expect(sum(reading, 'old').all).toBe(40);
    expect(reading).toMatchObject({ completeThrough: { old: at(10 - 60) } });
  });

  it('that stable had before anyone looked are left out', async () => {
    const { events } = source({
      'all old': [raw('a', { 5: 1_000_000, 10: 1_000_010 })],
      'all new': [raw('b', { 5: 3 })],
    });
    await events.read(query(0));
    expect(sum(await events.read(query(10)), 'old').all).toBe(10);
  });

  it('are never more bad than there are', async () => {
    const { events } = source({
      'all old': [raw('a', { 0: 0, 5: 1 })],
      'bad old': [raw('a', { 0: 0, 5: 4 })],
      'all new': [],
    });
    await events.read(query(0));
    expect(sum(await events.read(query(5)), 'old')).toEqual({ all: 1, bad: 1 });
  });
});

describe('the source', () => {
  it('asks about a long absence at few times', async () => {
    const { events, asked } = source({ 'all new': [raw('b', { 0: 0, 3595: 50 })] });
    const reading = await events.read(query(3600));
    expect(new Set(asked).size).toBeLessThanOrEqual(14);
    expect(sum(reading, 'new').all).toBe(50);
  });

  it('tells why it has no answer, and catches up when there is one', async () => {
    const { events, fail } = source({
      'all new': [raw('b', { 0: 0, 10: 50 })],
      'all old': [raw('a', { 0: 0, 10: 9 })],
    });
    await events.read(query(0));
    fail(true);
    expect(await events.read(query(5))).toMatchObject({ ok: false, code: 'TelemetryUnreachable' });
    fail(false);
    expect(sum(await events.read(query(10)), 'new').all).toBe(50);
  });

  it('warns of a side without counters, and has no complete data of it', async () => {
    const { events } = source({ 'all old': [raw('a', { 0: 5, 5: 6 })] });
    const reading = await events.read(query(5));
    expect(reading).toMatchObject({ warning: expect.stringContaining('of revision new') as string });
    expect(reading).not.toHaveProperty('completeThrough.new');
  });

  it('begins afresh with other queries, another candidate, or after the clock was set back', async () => {
    const { events } = source({
      'all new': [raw('b', { 0: 0, 100: 50 })],
      'all old': [raw('a', { 0: 0, 100: 9 })],
    });
    await events.read(query(100));
    expect(await events.read(query(100, 100, { candidate: 'newer' }))).toMatchObject({ intervals: [] });
    expect(await events.read(query(0))).toMatchObject({ intervals: [] });
    events.forget('shop/cart');
    expect(await events.read(query(100, 100))).toMatchObject({ intervals: [] });
  });
});
