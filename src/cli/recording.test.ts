import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from './run.ts';

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

beforeEach(async () => {
  queries = [];
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

function answer(form: URLSearchParams): unknown {
  const query = form.get('query') ?? '';
  if (query.startsWith('group by')) {
    const result = edges.map((le) => ({ metric: { le }, value: [0, '1'] }));
    return { resultType: 'vector', result };
  }
  const [start = 0, end = 0, step = 1] = ['start', 'end', 'step'].map((name) => Number(form.get(name)));
  const count = ({ all, failed, slow }: Minute) =>
    query.includes('le=') ? slow : query.includes('5..') ? failed : all;
  const result = PODS.map((instance, pod) => {
    const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step);
    return { metric: { instance }, values: times.map((at, i) => [at, String(count(minute(pod, i)))]) };
  });
  return { resultType: 'matrix', result };
}

async function songbird(...args: string[]) {
  const out: string[] = [];
  const errors: string[] = [];
  const output = { print: (line: string) => out.push(line), complain: (line: string) => errors.push(line) };
  const status = await run(args, output);
  return { status, out: out.join('\n'), errors: errors.join('\n') };
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
    expect(out).toMatch(/undecided: 30 of 30/);
    expect(out).toMatch(/\d{4}-\d\d-\d\dT.*: errors: \d+ of \d+/);
    expect(out).toMatch(/and 25 more/);
    expect(out).toMatch(/limits are too near/);
  });

  it('gives the same as JSON', async () => {
    const { out } = await backtest('--json');
    const report = JSON.parse(out) as { pods: number; outcomes: { promoted: { count: number } } };
    expect([report.pods, report.outcomes.promoted.count]).toEqual([2, 30]);
  });

  it('asks for the requests of the manifest’s Service, as its own proxies report them', async () => {
    await backtest();
    const service =
      'destination_service_name="reviews",destination_service_namespace="bookinfo",reporter="destination"';
    expect(queries.length).toBeGreaterThan(3);
    for (const query of queries) expect(query).toContain(service);
    expect(queries.some((query) => query.includes('le="500"'))).toBe(true);
  });

  it('tells of a Prometheus without such requests, without a fitting edge, and of none at all', async () => {
    minute = () => ({ all: 0, failed: 0, slow: 0 });
    const empty = await backtest();
    expect(empty.status).toBe(2);
    expect(empty.errors).toMatch(/has no istio_requests_total/);
    minute = () => ({ all: 600, failed: 0, slow: 1 });
    edges = ['100'];
    expect((await backtest()).errors).toMatch(/no edge at or above 500 ms/);
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
});
