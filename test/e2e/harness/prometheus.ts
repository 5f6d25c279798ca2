import { spawnSync } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingTools } from '../control-plane/build.ts';
import { until } from '../control-plane/processes.ts';
import type { Processes, Program } from '../control-plane/processes.ts';
import { STATS_PORT } from './envoy.ts';
import type { Kube } from './kube.ts';
import type { Pod } from './objects.ts';

const ADDRESS = '127.0.0.1:9090';
const TARGETS = 'targets.json';
const READY_MS = 30_000;

/** One series of an instant query. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The name of the Prometheus program. @throws MissingTools when there is none on PATH */
export function findPrometheus(): string {
  const program = process.env['SONGBIRD_PROMETHEUS'] ?? 'prometheus';
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0) return program;
  throw new MissingTools(
    `There is no Prometheus (${program}) on PATH: install it, on Debian with apt-get install prometheus, or set ` +
      'SONGBIRD_PROMETHEUS to its program.',
  );
}

export interface PrometheusOptions {
  readonly processes: Processes;
  readonly program: string;
  readonly kube: Kube;
  readonly dir: string;
}

/**
 * A real Prometheus that scrapes the proxies of all running pods each second and names what it finds as Istio does:
 * `istio_requests_total` and `istio_request_duration_milliseconds_*` with `reporter="destination"`,
 * `destination_workload` (the Deployment) and `response_code`. New pods are scraped within about 6 s. It reads them from a
 * file that is kept here, since Debian's Prometheus has no Kubernetes discovery.
 */
export class Prometheus {
  readonly url = `http://${ADDRESS}`;
  readonly #options: PrometheusOptions;
  readonly #stopping = new AbortController();
  #program: Program | undefined;
  #pods: ReadonlyMap<string, Pod> = new Map();
  #written = '';
  #writing: Promise<void> = Promise.resolve();

  constructor(options: PrometheusOptions) {
    this.#options = options;
  }

  get #dir(): string {
    return join(this.#options.dir, 'prometheus');
  }

  /** Starts it, or starts it again with the data it had; resolves when it answers queries. */
  async start(): Promise<void> {
    const { processes, program } = this.#options;
    await this.#follow();
    const configuration = join(this.#dir, 'prometheus.yml');
    await writeFile(configuration, JSON.stringify(configurationOf(join(this.#dir, TARGETS))), {
      mode: 0o600,
    });
    const started = await processes.start('prometheus', program, [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(this.#dir, 'data')}`,
      `--web.listen-address=${ADDRESS}`,
      '--log.level=warn',
      '--scrape.discovery-reload-interval=1s',
    ]);
    this.#program = started;
    await until(started, READY_MS, async () => (await fetch(`${this.url}/-/ready`)).ok);
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.stop();
    await this.#writing;
  }

  /** Ends it: connections to it are refused. */
  async stop(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    if (program === undefined) return;
    // A process that is paused doesn't hear SIGTERM.
    process.kill(program.pid, 'SIGCONT');
    await this.#options.processes.stop(program, 10_000);
  }

  /** Makes it hang: connections are taken, nothing is answered or scraped, until {@link resume}. */
  pause(): void {
    if (this.#program !== undefined) process.kill(this.#program.pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.#program !== undefined) process.kill(this.#program.pid, 'SIGCONT');
  }

  /** An instant query of PromQL. @throws with Prometheus's message when it refuses, or when it doesn't answer in time */
  async query(promql: string, timeoutMs = 5_000): Promise<Series[]> {
    const body = new URLSearchParams({ query: promql });
    const response = await fetch(`${this.url}/api/v1/query`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = (await response.json()) as {
      error?: string;
      data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (answer.data === undefined) throw new Error(`${promql}: ${answer.error ?? response.statusText}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Keeps the file of targets, from the first start on. */
  async #follow(): Promise<void> {
    if (this.#written !== '') return;
    await mkdir(this.#dir);
    const changed = () => {
      this.#writing = this.#writing.then(() => this.#write());
    };
    this.#pods = await this.#options.kube.watch<Pod>('Pod', changed, this.#stopping.signal);
    changed();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const text = JSON.stringify([...this.#pods.values()].filter(isScraped).map(targetOf));
    if (text === this.#written || this.#stopping.signal.aborted) return;
    this.#written = text;
    const file = join(this.#dir, TARGETS);
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
}

function isScraped(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && pod.status.podIP !== undefined;
}

/** A pod in Prometheus's `file_sd` form, with the labels that Istio's metrics have of their destination. */
function targetOf(pod: Pod): { targets: string[]; labels: Record<string, string> } {
  const { name, namespace = '', labels = {}, ownerReferences = [] } = pod.metadata;
  // A ReplicaSet is named after its Deployment and a hash.
  const owner = ownerReferences.find((reference) => reference.controller === true)?.name ?? name;
  return {
    targets: [`${pod.status?.podIP ?? ''}:${STATS_PORT}`],
    labels: {
      reporter: 'destination',
      destination_workload: owner.replace(/-[a-z0-9]+$/, ''),
      destination_workload_namespace: namespace,
      destination_service_namespace: namespace,
      destination_app: labels['app'] ?? 'unknown',
      destination_version: labels['version'] ?? 'unknown',
      source_workload: 'gateway',
      source_workload_namespace: 'unknown',
      request_protocol: 'http',
      response_flags: '-',
      connection_security_policy: 'none',
      namespace,
      pod: name,
    },
  };
}

/** As YAML takes JSON, no library is needed to write it. */
function configurationOf(targets: string): object {
  const inbound = (name: string) => ({
    source_labels: ['__name__', 'envoy_cluster_name'],
    separator: ';',
    regex: `${name};inbound\\|.*`,
    target_label: '__name__',
  });
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: 'envoy-stats',
        metrics_path: '/stats/prometheus',
        file_sd_configs: [{ files: [targets] }],
        metric_relabel_configs: [
          { source_labels: ['envoy_response_code'], regex: '(.+)', target_label: 'response_code' },
          { ...inbound('envoy_cluster_upstream_rq'), replacement: 'istio_requests_total' },
          {
            ...inbound('envoy_cluster_upstream_rq_time_(bucket|sum|count)'),
            replacement: 'istio_request_duration_milliseconds_$1',
          },
          { action: 'keep', source_labels: ['__name__'], regex: 'istio_.*' },
          { action: 'labeldrop', regex: 'envoy_.*' },
        ],
      },
    ],
  };
}
