/** The edges of Istio's request duration histogram (ms). */
export const DURATION_BUCKETS_MS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
] as const;

/** Whose requests are counted: what istio-proxy knows of the pod that it stands beside. */
export interface Destination {
  readonly pod: string;
  readonly namespace: string;
  readonly workload: string;
  readonly app: string;
  readonly version: string;
}

/** One answered request. `code` is 0 when the caller hung up, `flags` are Envoy's response flags. */
export interface Answered {
  readonly service: string;
  readonly code: number;
  readonly flags: string;
  readonly durationMs: number;
}

interface Series {
  readonly labels: string;
  count: number;
  sumMs: number;
  /** Not cumulative; the last one is beyond every edge. */
  readonly buckets: number[];
}

/**
 * The counters of one pod, in the words and labels of Istio's standard metrics, as its proxy reports them
 * (`reporter="destination"`).
 */
export class PodStats {
  readonly #destination: Destination;
  readonly #series = new Map<string, Series>();

  constructor(destination: Destination) {
    this.#destination = destination;
  }

  record({ service, code, flags, durationMs }: Answered): void {
    const key = `${service}|${code}|${flags}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = {
        labels: this.#labels(service, code, flags),
        count: 0,
        sumMs: 0,
        buckets: new Array<number>(DURATION_BUCKETS_MS.length + 1).fill(0),
      };
      this.#series.set(key, series);
    }
    series.count += 1;
    series.sumMs += durationMs;
    const edge = DURATION_BUCKETS_MS.findIndex((bucket) => durationMs <= bucket);
    const bucket = edge < 0 ? DURATION_BUCKETS_MS.length : edge;
    series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
  }

  /** The Prometheus text format, as `GET /stats/prometheus` of istio-proxy. */
  render(): string {
    const all = [...this.#series.values()];
    // As istio-proxy: its build is there from the first moment, the other series from their first request on.
    const lines = ['# TYPE istio_build gauge', 'istio_build{component="proxy",tag="demo-mesh"} 1'];
    lines.push('', '# TYPE istio_requests_total counter');
    for (const { labels, count } of all) lines.push(`istio_requests_total{${labels}} ${count}`);
    lines.push('', '# TYPE istio_request_duration_milliseconds histogram');
    const name = 'istio_request_duration_milliseconds';
    for (const { labels, count, sumMs, buckets } of all) {
      let below = 0;
      for (const [index, edge] of DURATION_BUCKETS_MS.entries()) {
        below += buckets[index] ?? 0;
        lines.push(`${name}_bucket{${labels},le="${edge}"} ${below}`);
      }
      lines.push(`${name}_bucket{${labels},le="+Inf"} ${count}`);
      lines.push(`${name}_sum{${labels}} ${Math.round(sumMs * 1000) / 1000}`);
      lines.push(`${name}_count{${labels}} ${count}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #labels(service: string, code: number, flags: string): string {
    const { namespace, workload, app, version } = this.#destination;
    const labels: Record<string, string> = {
      reporter: 'destination',
      source_workload: 'demo-mesh-front',
      source_workload_namespace: 'istio-system',
      source_app: 'demo-mesh-front',
      source_version: 'unknown',
      source_canonical_service: 'demo-mesh-front',
      source_canonical_revision: 'latest',
      destination_workload: workload,
      destination_workload_namespace: namespace,
      destination_app: app,
      destination_version: version,
      destination_canonical_service: app,
      destination_canonical_revision: version,
      destination_service: service,
      destination_service_name: service.split('.')[0] ?? service,
      destination_service_namespace: namespace,
      request_protocol: 'http',
      response_code: String(code),
      grpc_response_status: '',
      response_flags: flags,
      connection_security_policy: 'none',
    };
    return Object.entries(labels)
      .map(([key, value]) => `${key}="${escape(value)}"`)
      .join(',');
  }
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
