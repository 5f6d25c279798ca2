import { eventMetrics } from '../analysis/event-metric.ts';
import type { Dice } from '../simulator/dice.ts';
import { type History, type PodHistory, Recorded, burstiness } from '../simulator/history.ts';
import { type Http, createHttp } from '../telemetry/http.ts';
import { type Range, queryInstant, queryRange } from '../telemetry/prometheus/api.ts';
import { type Endpoint, endpointOf } from '../telemetry/prometheus/endpoint.ts';
import type { Manifest } from './manifest.ts';
import { UsageError } from './usage.ts';

/** As often as most Prometheuses scrape, or less. */
export const STEP_MS = 60_000;
const BUCKETS = 'istio_request_duration_milliseconds_bucket';
const LIMITS = { timeoutMs: 60_000, maxBytes: 256 * 1024 * 1024 };
/** A Prometheus refuses more samples of one series in one answer (11,000). */
const MOST_STEPS = 10_000;
// What isServerFault of telemetry/series.ts says, as Prometheus selects it.
const FAILED = ['response_code=~"5.."', 'response_code!~"5..",grpc_response_status=~"2|4|12|13|14|15"'];

/** Which requests of a Prometheus are meant, and when. */
export interface RecordingOptions {
  readonly address: string;
  /** The present, and how far back from it (ms). */
  readonly now: number;
  readonly sinceMs: number;
  readonly stepMs: number;
}

/**
 * Reads what the pods behind the manifest's Service counted, from Istio's standard metrics as its destination proxies
 * report them.
 * @throws UsageError when Prometheus cannot be read, or has no requests of this service
 */
export async function readHistory(manifest: Manifest, options: RecordingOptions): Promise<History> {
  const endpoint = endpointOf({ address: options.address });
  if (typeof endpoint === 'string') throw new UsageError(endpoint);
  const { http, close } = createHttp();
  try {
    return await new Recorder(http, endpoint, manifest, options).read();
  } finally {
    await close();
  }
}

interface Building {
  readonly all: number[];
  readonly bad: Readonly<Record<string, number[]>>;
}

class Recorder {
  readonly #http: Http;
  readonly #endpoint: Endpoint;
  readonly #spec: Manifest['spec'];
  /** Label matchers of the service's requests. */
  readonly #service: string;
  readonly #range: Range;
  readonly #steps: number;
  readonly #pods = new Map<string, Building>();

  constructor(http: Http, endpoint: Endpoint, { namespace, spec }: Manifest, options: RecordingOptions) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#spec = spec;
    this.#service = `destination_service_name=${JSON.stringify(spec.service.name)},destination_service_namespace=${JSON.stringify(namespace)},reporter="destination"`;
    const { now, sinceMs } = options;
    const stepMs = Math.max(options.stepMs, Math.ceil(sinceMs / MOST_STEPS / 1000) * 1000);
    this.#range = { fromMs: now - sinceMs + stepMs, toMs: now, stepMs };
    this.#steps = Math.floor((sinceMs - stepMs) / stepMs) + 1;
  }

  async read(): Promise<History> {
    const { fromMs, stepMs } = this.#range;
    await this.#fill(this.#increase('istio_requests_total'), (pod, step, value) => {
      pod.all[step] = value;
    });
    if (this.#pods.size === 0) {
      throw new UsageError(
        `Prometheus at ${this.#endpoint.shown} has no istio_requests_total with ${this.#service} in this time: check the namespace and spec.service.name of the manifest`,
      );
    }
    for (const metric of eventMetrics(this.#spec.analysis)) {
      const query =
        metric.kind === 'errors'
          ? FAILED.map((outcome) => this.#increase('istio_requests_total', outcome)).join(' or ')
          : await this.#slower(metric.slowerThanMs);
      await this.#fill(query, (pod, step, value) => {
        const counts = pod.bad[metric.name];
        if (counts !== undefined) counts[step] = value;
      });
    }
    const pods = [...this.#pods].map(([name, pod]) => ({ name, ...pod }));
    return { fromMs: fromMs - stepMs, stepMs, pods };
  }

  #zeros(): number[] {
    return new Array<number>(this.#steps).fill(0);
  }

  #increase(metric: string, matchers = ''): string {
    const all = [this.#service, ...(matchers === '' ? [] : [matchers])].join(',');
    return `increase(${metric}{${all}}[${this.#range.stepMs / 1000}s])`;
  }

  async #slower(boundMs: number): Promise<string> {
    const edge = await this.#edgeAt(boundMs);
    const upTo = (le: string) => `sum by (instance) (${this.#increase(BUCKETS, `le=${JSON.stringify(le)}`)})`;
    return `${upTo('+Inf')} - ${upTo(edge)}`;
  }

  /** The lowest edge of the histogram that is not below the bound: what lies between counts as fast. */
  async #edgeAt(boundMs: number): Promise<string> {
    const query = `group by (le) (${BUCKETS}{${this.#service}})`;
    const answer = await queryInstant(this.#http, this.#endpoint, query, this.#range.toMs, LIMITS);
    if (!answer.ok) throw new UsageError(answer.message);
    const [edge] = answer.rows
      .map(({ labels }) => labels['le'] ?? '')
      .filter((le) => Number(le) >= boundMs)
      .sort((a, b) => Number(a) - Number(b));
    if (edge !== undefined) return edge;
    throw new UsageError(
      `the histogram ${BUCKETS} has no edge at or above ${boundMs} ms: Prometheus cannot tell which requests were slower`,
    );
  }

  /** Asks for a count by pod and step, and notes those that are not 0. */
  async #fill(query: string, put: (pod: Building, step: number, value: number) => void): Promise<void> {
    const sum = `sum by (instance) (${query})`;
    const answer = await queryRange(this.#http, this.#endpoint, sum, this.#range, LIMITS);
    if (!answer.ok) throw new UsageError(answer.message);
    for (const { labels, samples } of answer.tracks) {
      for (const { timeMs, value } of samples) {
        const count = Math.round(value);
        if (!(count > 0)) continue;
        put(this.#podOf(labels['instance'] ?? ''), this.#stepAt(timeMs), count);
      }
    }
  }

  #stepAt(timeMs: number): number {
    return Math.round((timeMs - this.#range.fromMs) / this.#range.stepMs);
  }

  #podOf(name: string): Building {
    const known = this.#pods.get(name);
    if (known !== undefined) return known;
    const metrics = eventMetrics(this.#spec.analysis);
    const bad = Object.fromEntries(metrics.map((metric) => [metric.name, this.#zeros()]));
    const fresh: Building = { all: this.#zeros(), bad };
    this.#pods.set(name, fresh);
    return fresh;
  }
}

/** All requests and bad events of a history: requests a second, and shares (0–1) by metric. */
export function summaryOf({ pods, stepMs }: History): {
  perSecond: number;
  bad: Record<string, number>;
} {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const all = sum(pods.map((pod) => sum(pod.all)));
  const steps = Math.max(1, ...pods.map((pod) => pod.all.length));
  const metrics = new Set(pods.flatMap(({ bad }) => Object.keys(bad)));
  return {
    perSecond: all / ((steps * stepMs) / 1000),
    bad: Object.fromEntries(
      [...metrics].map((metric) => [
        metric,
        all === 0 ? 0 : sum(pods.map((pod) => sum(badOf(pod, metric)))) / all,
      ]),
    ),
  };
}

function badOf({ bad }: PodHistory, metric: string): readonly number[] {
  return bad[metric] ?? [];
}

/** Makes requests as they were: at a time and with a pod that the dice choose, or from a given time on (ms). */
export function pickFrom(history: History): (dice: Dice, badRatio: number, startMs?: number) => Recorded {
  const metrics = new Set(history.pods.flatMap(({ bad }) => Object.keys(bad)));
  const bursts = Object.fromEntries([...metrics].map((metric) => [metric, burstiness(history, metric)]));
  const steps = Math.max(1, ...history.pods.map(({ all }) => all.length));
  return (dice, badRatio, startMs = Math.floor(dice.next() * steps) * history.stepMs) => {
    const step = Math.floor(startMs / history.stepMs);
    // A pod that served then; which of them stands for the candidate is chance.
    const serving = history.pods.flatMap(({ all }, index) => ((all[step] ?? 0) > 0 ? [index] : []));
    const pod = serving[Math.floor(dice.next() * serving.length)] ?? 0;
    return new Recorded(history, startMs, pod, badRatio, bursts);
  };
}
