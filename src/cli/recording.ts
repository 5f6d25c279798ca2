import { formatDuration } from '../api/index.ts';
import { eventMetrics } from '../analysis/event-metric.ts';
import type { Dice } from '../simulator/dice.ts';
import { type History, type PodHistory, Recorded, burstiness, trimmed } from '../simulator/history.ts';
import { type Http, createHttp } from '../telemetry/http.ts';
import { type Range, type Track, queryRange } from '../telemetry/prometheus/api.ts';
import { type Endpoint, endpointOf } from '../telemetry/prometheus/endpoint.ts';
import { quantile } from './forecast.ts';
import type { Manifest } from './manifest.ts';
import { UsageError } from './usage.ts';

const REQUESTS = 'istio_requests_total';
const MINUTE_MS = 60_000;
const BUCKETS = 'istio_request_duration_milliseconds_bucket';
const LIMITS = { timeoutMs: 60_000, maxBytes: 256 * 1024 * 1024 };
/** A Prometheus refuses more samples of one series in one answer (11,000). */
const MOST_STEPS = 10_000;
// What isServerFault of telemetry/series.ts says, as Prometheus selects it.
const FAILED = ['response_code=~"5.."', 'response_code!~"5..",grpc_response_status=~"2|4|12|13|14|15"'];

/** Counts of samples are asked for over so long. */
const PROBE_MS = 10 * MINUTE_MS;
/** Of the spans that are asked about, the part that may have fewer samples: pods that start, scrapes that fail. */
const SPARSE = 0.1;
/** A step must hold two samples even where one is late. */
const SCRAPES_IN_STEP = 2.5;
/** Edges of histograms are looked for at so many times. */
const LOOKS = 50;

/** Which requests of a Prometheus are meant, and when. */
export interface RecordingOptions {
  readonly address: string;
  /** The present, and how far back from it (ms). */
  readonly now: number;
  readonly sinceMs: number;
}

/** What a Prometheus holds of a service. */
export interface Recording {
  readonly history: History;
  /** How far apart its samples are, about (ms). */
  readonly scrapeMs: number;
}

/**
 * Reads what the pods behind the manifest's Service counted, from Istio's standard metrics as its destination proxies
 * report them: in steps of a minute, or longer ones where Prometheus scrapes less often.
 * @throws UsageError when Prometheus cannot be read, or has no requests of this service
 */
export async function readHistory(manifest: Manifest, options: RecordingOptions): Promise<Recording> {
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
  readonly #now: number;
  readonly #sinceMs: number;
  #range: Range;
  #steps = 0;
  #scrapeMs = 0;
  readonly #pods = new Map<string, Building>();

  constructor(http: Http, endpoint: Endpoint, { namespace, spec }: Manifest, options: RecordingOptions) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#spec = spec;
    this.#service = `destination_service_name=${JSON.stringify(spec.service.name)},destination_service_namespace=${JSON.stringify(namespace)},reporter="destination"`;
    this.#now = options.now;
    this.#sinceMs = options.sinceMs;
    this.#range = this.#rangeOf(MINUTE_MS);
  }

  async read(): Promise<Recording> {
    const scrapeMs = await this.#spacingMs();
    this.#scrapeMs = scrapeMs;
    const wanted = Math.ceil((SCRAPES_IN_STEP * scrapeMs) / MINUTE_MS) * MINUTE_MS;
    this.#range = this.#rangeOf(Math.max(wanted, Math.ceil(this.#sinceMs / MOST_STEPS / 1000) * 1000));
    const { fromMs, toMs, stepMs } = this.#range;
    if (fromMs >= toMs) {
      throw new UsageError(
        `Prometheus at ${this.#endpoint.shown} has samples ${formatDuration(scrapeMs)} apart, which are counted in steps of ${formatDuration(stepMs)}: give a longer --since`,
      );
    }
    this.#steps = Math.floor((toMs - fromMs) / stepMs) + 1;
    await this.#fill(this.#increase(REQUESTS), (pod, step, value) => {
      pod.all[step] = value;
    });
    if (this.#pods.size === 0) {
      throw new UsageError(
        `Prometheus at ${this.#endpoint.shown} counted no request with ${this.#service} in this time: give a longer --since`,
      );
    }
    for (const metric of eventMetrics(this.#spec.analysis)) {
      const query =
        metric.kind === 'errors'
          ? FAILED.map((outcome) => this.#increase(REQUESTS, outcome)).join(' or ')
          : await this.#slower(metric.slowerThanMs);
      await this.#fill(query, (pod, step, value) => {
        const counts = pod.bad[metric.name];
        if (counts !== undefined) counts[step] = value;
      });
    }
    const pods = [...this.#pods].map(([name, pod]) => ({ name, ...pod }));
    return { history: trimmed({ fromMs: fromMs - stepMs, stepMs, pods }), scrapeMs };
  }

  /** Steps of this length: the last one ends now. */
  #rangeOf(stepMs: number): Range {
    return { fromMs: this.#now - this.#sinceMs + stepMs, toMs: this.#now, stepMs };
  }

  /** How far apart samples are, at the most (ms): by how many there are in ten minutes. */
  async #spacingMs(): Promise<number> {
    const spanMs = Math.max(1000, Math.min(PROBE_MS, Math.floor(this.#sinceMs / 1000) * 1000));
    const stepMs = Math.max(spanMs / 2, Math.ceil(this.#sinceMs / MOST_STEPS));
    const query = `max(count_over_time(${REQUESTS}{${this.#service}}[${spanMs / 1000}s]))`;
    const [track] = await this.#ask(query, { ...this.#rangeOf(spanMs), stepMs });
    if (track === undefined) {
      throw new UsageError(
        `Prometheus at ${this.#endpoint.shown} has no ${REQUESTS} with ${this.#service} in this time: check the namespace and spec.service.name of the manifest`,
      );
    }
    const samples =
      quantile(
        track.samples.map(({ value }) => value),
        SPARSE,
      ) ?? 0;
    if (samples >= 2) return Math.max(1, Math.round(spanMs / samples / 1000)) * 1000;
    throw new UsageError(
      `Prometheus at ${this.#endpoint.shown} has ${REQUESTS} with ${this.#service}, but mostly one sample in ${formatDuration(spanMs)}: requests can be counted where it scrapes every ${formatDuration(PROBE_MS / 2)} or oftener, and over a --since that holds many scrapes`,
    );
  }

  async #ask(query: string, range: Range): Promise<readonly Track[]> {
    const answer = await queryRange(this.#http, this.#endpoint, query, range, LIMITS);
    if (!answer.ok) throw new UsageError(answer.message);
    return answer.tracks;
  }

  #zeros(): number[] {
    return new Array<number>(this.#steps).fill(0);
  }

  /**
   * What was counted in a step. Between the first and the last sample of a window a scrape is missing, in whose place
   * Prometheus puts a fraction that rounding would lose: over a window longer by one scrape the samples span the step.
   */
  #increase(metric: string, matchers = ''): string {
    const all = [this.#service, ...(matchers === '' ? [] : [matchers])].join(',');
    const step = this.#range.stepMs / 1000;
    const window = step + this.#scrapeMs / 1000;
    return `increase(${metric}{${all}}[${window}s]) * ${step} / ${window}`;
  }

  async #slower(boundMs: number): Promise<string> {
    const edge = await this.#edgeAt(boundMs);
    const upTo = (le: string) => `sum by (instance) (${this.#increase(BUCKETS, `le=${JSON.stringify(le)}`)})`;
    return `${upTo('+Inf')} - ${upTo(edge)}`;
  }

  /** The lowest edge of the histogram that is not below the bound: what lies between counts as fast. */
  async #edgeAt(boundMs: number): Promise<string> {
    // Not only now: the service may have had no pods for a while.
    const stepMs = Math.max(1000, Math.ceil(this.#sinceMs / LOOKS));
    const fromMs = this.#now - LOOKS * stepMs;
    const range = { fromMs, toMs: this.#now, stepMs };
    const edges = await this.#ask(`group by (le) (${BUCKETS}{${this.#service}})`, range);
    if (edges.length === 0) {
      throw new UsageError(
        `Prometheus at ${this.#endpoint.shown} has no ${BUCKETS} with ${this.#service} in this time: nobody knows how long requests took`,
      );
    }
    const [edge] = edges
      .map(({ labels }) => labels['le'] ?? '')
      .filter((le) => Number(le) >= boundMs)
      .sort((a, b) => Number(a) - Number(b));
    if (edge !== undefined) return edge;
    throw new UsageError(
      `the histogram ${BUCKETS} has no edge at or above ${boundMs} ms: Prometheus cannot tell which requests were slower`,
    );
  }

  /** Asks for a count by pod and step, and notes whole ones that are not 0; what rounding takes goes to the next. */
  async #fill(query: string, put: (pod: Building, step: number, value: number) => void): Promise<void> {
    const sum = `sum by (instance) (${query})`;
    for (const { labels, samples } of await this.#ask(sum, this.#range)) {
      let rest = 0;
      for (const { timeMs, value } of samples) {
        if (!Number.isFinite(value)) continue;
        const count = Math.round(value + rest);
        rest += value - count;
        if (count > 0) put(this.#podOf(labels['instance'] ?? ''), this.#stepAt(timeMs), count);
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
