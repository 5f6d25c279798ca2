/**
 * Tries the Prometheus source on a real Prometheus (`prometheus` on PATH, or the path given as the first argument): two
 * local exporters print what istio-proxies would, one of them starts late, one restarts; what the source counts is
 * compared with what they know to have happened. Prints one JSON line; exit status 0 when all agrees.
 *
 *     node src/telemetry/testing/against-prometheus.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reading, TelemetryQuery } from '../../analysis/telemetry.ts';
import { createSources } from '../index.ts';
import { bucket, requests } from './prometheus.ts';

const PATIENCE_MS = 60_000;
const EDGES = ['100', '250', '500', '+Inf'];

class Exporter {
  readonly workload: string;
  readonly #server: Server;
  #counters = new Map<string, number>();

  constructor(workload: string) {
    this.workload = workload;
    this.#server = createServer((_, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end([...this.#counters].map(([series, value]) => `${series} ${value}\n`).join(''));
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  serve(count: number, code: number, ms: number): void {
    // The client's proxy reports too, on its own side; here both print at one exporter.
    for (const reporter of ['destination', 'source']) {
      this.#add(requests(this.workload, code, { reporter }), count);
      for (const le of EDGES) {
        this.#add(bucket(this.workload, le, reporter), le === '+Inf' || ms <= Number(le) ? count : 0);
      }
    }
  }

  #add(series: string, count: number): void {
    this.#counters.set(series, (this.#counters.get(series) ?? 0) + count);
  }

  restart(): void {
    this.#counters = new Map();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function startPrometheus(binary: string, directory: string, targets: readonly number[]) {
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      { job_name: 'pods', static_configs: [{ targets: targets.map((port) => `127.0.0.1:${port}`) }] },
    ],
  };
  // JSON is YAML.
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  probe.close();
  const child = spawn(
    binary,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.route-prefix=/prom',
      '--log.level=error',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const base = `http://127.0.0.1:${port}/prom`;
  const ready = async () => {
    const answer = await fetch(`${base}/-/ready`).catch(() => undefined);
    return answer?.status === 200;
  };
  await until('Prometheus is ready', ready);
  return { child, base };
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it never came true that ${what}`);
    await sleep(200);
  }
}

function totals(reading: Reading, revision: string, metric: string): [number, number] {
  if (!reading.ok) throw new Error(reading.message);
  const counts = reading.intervals.map((interval) => interval.counts[revision]?.[metric]);
  const sum = (pick: 'all' | 'bad') => counts.reduce((total, count) => total + (count?.[pick] ?? 0), 0);
  return [sum('all'), Math.round(sum('bad'))];
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'songbird-prometheus-'));
  const stable = new Exporter('reviews-old');
  const candidate = new Exporter('reviews-new');
  const ports = [await stable.listen(), await candidate.listen()];
  const { child, base } = await startPrometheus(process.argv[2] ?? 'prometheus', directory, ports);
  const sources = createSources({ prometheus: { intervalMs: 1000 } });
  try {
    stable.serve(5000, 200, 20);
    stable.serve(100, 500, 20);
    await until('Prometheus has scraped the stable proxy', async () => {
      const answer = await fetch(`${base}/api/v1/query?query=istio_requests_total`);
      return (await answer.text()).includes(stable.workload);
    });
    const from = Date.now();
    const query = (): TelemetryQuery => ({
      namespace: 'bookinfo',
      release: 'reviews',
      from,
      now: Date.now(),
      metrics: [
        { name: 'errors', kind: 'errors' },
        { name: 'p99', kind: 'slow', slowerThanMs: 250 },
      ],
      targets: [
        { revision: 'old', workload: stable.workload, fresh: false, pods: [] },
        { revision: 'new', workload: candidate.workload, fresh: true, pods: [] },
      ],
      prometheus: { address: base },
    });
    // Until the stable proxy's first scrape inside the window, its counters are a baseline.
    await until('the window has begun', async () => {
      const reading = await sources.prometheus.read(query());
      return reading.ok && (reading.completeThrough['old'] ?? 0) > from && reading.intervals.length >= 2;
    });
    stable.serve(200, 200, 20);
    stable.serve(3, 503, 20);
    candidate.serve(40, 200, 400);
    candidate.serve(10, 500, 20);
    await readTo(sources.prometheus, query, Date.now());
    candidate.restart();
    candidate.serve(7, 200, 20);
    const end = Date.now();
    const watched = await readTo(sources.prometheus, query, end);
    // As after a restart of the operator: nothing is known but what Prometheus has kept.
    const restarted = createSources({ prometheus: { intervalMs: 1000 } });
    const again = await readTo(restarted.prometheus, query, end);
    await restarted.close();
    const result = {
      stable: totals(watched, 'old', 'errors'),
      candidate: totals(watched, 'new', 'errors'),
      candidateSlow: totals(watched, 'new', 'p99'),
      stableAfterRestart: totals(again, 'old', 'errors'),
      candidateAfterRestart: totals(again, 'new', 'errors'),
    };
    const expected = {
      stable: [203, 3],
      candidate: [57, 10],
      candidateSlow: [57, 40],
      stableAfterRestart: [203, 3],
      candidateAfterRestart: [57, 10],
    };
    const ok = JSON.stringify(result) === JSON.stringify(expected);
    process.stdout.write(`${JSON.stringify({ ok, ...result, expected })}\n`);
    process.exitCode = ok ? 0 : 1;
  } finally {
    await sources.close();
    stable.close();
    candidate.close();
    child.kill();
    await once(child, 'exit');
    await rm(directory, { recursive: true, force: true });
  }
}

/** Reads until both revisions are complete through a time. */
async function readTo(
  source: { read(query: TelemetryQuery): Promise<Reading> },
  query: () => TelemetryQuery,
  time: number,
): Promise<Reading> {
  let reading = await source.read(query());
  await until('the data are complete', async () => {
    reading = await source.read(query());
    const { old = 0, new: candidate = 0 } = reading.ok ? reading.completeThrough : {};
    return reading.ok && old > time && candidate > time;
  });
  return reading;
}

await main();
