import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { durationMs } from '../api/index.ts';
import { songbird as runLine } from './shell.testing.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/reviews.yaml');
const PODS = ['10.0.0.1:15020', '10.0.0.2:15020'];

/** A minute's increases as a Prometheus would give them, by what the query asks for. */
interface Minute {
  all: number;
  failed: number;
  slow: number;
}

let server: Server;
let address: string;
let queries: string[];
let minute: (pod: number, index: number) => Minute;
let edges: string[];
/** Seconds between scrapes; Infinity where nothing of the service was ever scraped. */
let scrape: number;

beforeEach(async () => {
  queries = [];
  scrape = 15;
  edges = ['100', '500', '+Inf'];
  minute = () => ({ all: 600, failed: 0, slow: 1 });
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const form = new URLSearchParams(body);
      queries.push(form.get('query') ?? '');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ status: 'success', data: answer(form) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
});

/** What a counter has counted `seconds` after the history begins, whole events only. */
function counter(perMinute: (index: number) => number, seconds: number): number {
  let sum = Math.min(0, seconds / 60) * perMinute(0);
  for (let index = 0; index * 60 < seconds; index++) {
    sum += perMinute(index) * Math.min(1, seconds / 60 - index);
  }
  return Math.floor(sum + 1e-9);
}

/** As a Prometheus that scrapes 7 s after each multiple of `scrape`: samples are stretched to the whole window. */
function increase(perMinute: (index: number) => number, from: number, to: number): number | undefined {
  const first = Math.ceil((from - 7) / scrape) * scrape + 7;
  const last = Math.floor((to - 7) / scrape) * scrape + 7;
  if (!(last > first)) return undefined;
  return ((counter(perMinute, last) - counter(perMinute, first)) * (to - from)) / (last - first);
}

function answer(form: URLSearchParams): unknown {
  const query = form.get('query') ?? '';
  const [start = 0, end = 0, step = 1] = ['start', 'end', 'step'].map((name) => Number(form.get(name)));
  const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => i * step);
  const window = Number(/\[(\d+)s\]/.exec(query)?.[1]);
  const [, part = 1, whole = 1] = /\* (\d+) \/ (\d+)/.exec(query) ?? [];
  const track = (metric: object, value: (to: number) => number | undefined) => ({
    metric,
    values: times.flatMap((at) => {
      const one = value(at + step);
      return one === undefined ? [] : [[start + at, String(one)]];
    }),
  });
  const count = ({ all, failed, slow }: Minute) =>
    query.includes('le=') ? slow : query.includes('5..') ? failed : all;
  const samples = (to: number) => Math.floor((to - 7) / scrape) - Math.floor((to - 7 - window) / scrape);
  const result = query.startsWith('group by')
    ? edges.map((le) => track({ le }, () => 1))
    : query.startsWith('max(count_over_time')
      ? [track({}, (to) => (scrape === Infinity ? undefined : samples(to)))]
      : PODS.map((instance, pod) =>
          track({ instance }, (to) => {
            const counted = increase((index) => count(minute(pod, index)), to - window, to);
            return counted === undefined ? undefined : (counted * Number(part)) / Number(whole);
          }),
        );
  return { resultType: 'matrix', result: result.filter(({ values }) => values.length > 0) };
}

const songbird = (...args: string[]) => runLine({}, ...args);

/** Does something with the example, of which the analysis has one line more. */
async function analysing<T>(line: string, use: (path: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'songbird-cli-'));
  const path = join(dir, 'release.yaml');
  const example = await readFile(EXAMPLE, 'utf8');
  await writeFile(path, example.replace('  analysis:\n', `  analysis:\n    ${line}\n`));
  try {
    return await use(path);
  } finally {
    await rm(dir, { recursive: true });
  }
}

function backtest(...args: string[]) {
  const common = ['-f', EXAMPLE, '--prometheus', address, '--since', '6h', '--runs', '30'];
  return songbird('backtest', ...common, ...args);
}

describe('songbird backtest', () => {
  it('of a service that does well finds nothing to roll back', async () => {
    const { status, out } = await backtest();
    expect(status).toBe(0);
    expect(out).toMatch(/2 pods/);
    expect(out).toMatch(/^20 requests a second in the mean; errors 0%, latency-p99 0.17%/m);
    expect(out).toMatch(/rolled back wrongly: 0 of 30/);
    expect(out).toMatch(/promoted: 30 of 30/);
  });

  it('of a service that breaks the limits by itself ends with 1, and says when and why', async () => {
    minute = () => ({ all: 600, failed: 30, slow: 1 });
    const { status, out } = await backtest();
    expect(status).toBe(1);
    expect(out).toMatch(/undecided, and taken back at a deadline: 30 of 30/);
    expect(out).toMatch(/\d{4}-\d\d-\d\dT.*: errors: \d+ of \d+/);
    expect(out).toMatch(/and 25 more/);
    expect(out).toMatch(/limits are too near/);
  });

  it.each([
    [15, '1m'],
    [20, '1m'],
    [30, '2m'],
    [45, '2m'],
    [60, '3m'],
    [120, '5m'],
    [240, '13m'],
  ])('counts the same where Prometheus scrapes every %s s, in steps of %s', async (seconds, step) => {
    scrape = seconds;
    minute = () => ({ all: 600, failed: 0.6, slow: 1.2 });
    const { status, out, errors } = await backtest('--since', '24h', '--runs', '2');
    expect([status, errors]).toEqual([0, '']);
    const [, errorRate, slow] =
      /^20 requests a second in the mean; errors (.*)%, latency-p99 (.*)%$/m.exec(out) ?? [];
    expect(Math.abs(Number(errorRate) - 0.1)).toBeLessThan(0.005);
    expect(Math.abs(Number(slow) - 0.2)).toBeLessThan(0.01);
    const increases = queries.filter((query) => query.includes('increase('));
    for (const query of increases) expect(query).toContain(`) * ${durationMs(step) / 1000} / `);
  });

  it('says so where samples are too far apart to count by', async () => {
    scrape = 900;
    const { status, errors } = await backtest();
    expect(status).toBe(2);
    expect(errors).toMatch(/mostly one sample in 10m: .* scrapes every 5m or oftener/);
    expect(errors).not.toMatch(/namespace and spec.service.name/);
    scrape = 120;
    expect((await backtest('--since', '4m')).errors).toMatch(/samples 2m apart, .* steps of 5m: .* --since/);
  });

  it('looks back no further than the service has been there', async () => {
    minute = (_, index) => ({ all: index < 240 ? 0 : 600, failed: 0, slow: 0 });
    const { status, out } = await backtest('--runs', '5');
    expect(status).toBe(0);
    expect(out).toMatch(/^reviews: 2h from /m);
    expect(out).toMatch(/^20 requests a second/m);
    expect(out).toMatch(/promoted: (\d+) of \1 /);
  });

  it('of a service with too few requests ends with 1, whether its releases are taken back or paused', async () => {
    minute = () => ({ all: 3, failed: 0, slow: 0 });
    const back = await backtest('--runs', '5');
    expect(back.status).toBe(1);
    expect(back.out).toMatch(/undecided, and taken back at a deadline: 5 of 5/);
    expect(back.out).toMatch(/requests that a verdict needs/);
    expect(back.out).toMatch(/Where requests were too few, give the first step \d+% or more/);
    const paused = await analysing('onInconclusive: pause', (path) =>
      songbird('backtest', '-f', path, '--prometheus', address, '--since', '6h', '--runs', '5'),
    );
    expect(paused.status).toBe(1);
    expect(paused.out).toMatch(/undecided, and paused for a person: 5 of 5/);
    expect(paused.out).toMatch(/T.*Z: no verdict at 5%/);
  });

  it('gives the same as JSON', async () => {
    const { out } = await backtest('--json', '--runs', '5');
    const report = JSON.parse(out) as { pods: number; outcomes: { promoted: { count: number } } };
    expect([report.pods, report.outcomes.promoted.count]).toEqual([2, 5]);
  });

  it('asks for the requests of the manifest’s Service, as its own proxies report them', async () => {
    await backtest('--runs', '2');
    const service =
      'destination_service_name="reviews",destination_service_namespace="bookinfo",reporter="destination"';
    expect(queries.length).toBeGreaterThan(3);
    for (const query of queries) expect(query).toContain(service);
    expect(queries.some((query) => query.includes('le="500"'))).toBe(true);
  });

  it('tells of a Prometheus without such requests, without a fitting edge, and of none at all', async () => {
    scrape = Infinity;
    const empty = await backtest();
    expect(empty.status).toBe(2);
    expect(empty.errors).toMatch(/has no istio_requests_total .* check the namespace and spec.service.name/);
    scrape = 15;
    minute = () => ({ all: 0, failed: 0, slow: 0 });
    expect((await backtest()).errors).toMatch(/counted no request .* longer --since/);
    minute = () => ({ all: 600, failed: 0, slow: 1 });
    edges = ['100'];
    expect((await backtest()).errors).toMatch(/no edge at or above 500 ms/);
    edges = [];
    expect((await backtest()).errors).toMatch(/has no istio_request_duration_milliseconds_bucket/);
    const nowhere = await songbird('backtest', '-f', EXAMPLE, '--prometheus', 'http://127.0.0.1:9');
    expect(nowhere.status).toBe(2);
    expect(nowhere.errors).toMatch(/can't be reached/);
  });

  it('needs a longer time than one release takes', async () => {
    expect((await backtest('--since', '5m')).errors).toMatch(/longer --since/);
    expect((await backtest('--since', 'yesterday')).errors).toMatch(/--since must be a length of time/);
    expect((await songbird('backtest', '-f', EXAMPLE)).errors).toMatch(
      /give the manifest and the Prometheus/,
    );
  });
});

describe('songbird simulate --prometheus', () => {
  it('takes what callers do from the past', async () => {
    minute = (pod) => ({ all: 1200, failed: pod, slow: 1 });
    const args = [
      '-f',
      EXAMPLE,
      '--prometheus',
      address,
      '--since',
      '6h',
      '--runs',
      '20',
      '--bad-ratio',
      '100',
    ];
    const { status, out } = await songbird('simulate', ...args);
    expect(status).toBe(0);
    expect(out).toMatch(/^40 requests a second; today errors 0.042%/m);
    expect(out).toMatch(/promoted: 20 of 20/);
  });

  it('plays the delays of that Prometheus, unless told otherwise', async () => {
    scrape = 60;
    const line = 'source: prometheus\n    prometheus: { address: http://prometheus:9090 }';
    const common = ['--prometheus', address, '--since', '6h', '--runs', '1'];
    const [seen, told] = await analysing(line, async (path) => {
      const args = ['simulate', '-f', path, ...common];
      const [one, other] = [await songbird(...args), await songbird(...args, '--scrape', '30s')];
      return [one.out, other.out] as const;
    });
    expect(seen).toMatch(/Prometheus scrapes every 1m\./);
    expect(told).toMatch(/Prometheus scrapes every 30s\./);
  });
});
