import { hash } from 'node:crypto';
import { parseExposition } from '../exposition.ts';
import type { Sample, Wanted } from '../exposition.ts';
import { histogramOf } from '../histogram.ts';
import type { Series } from '../series.ts';
import { isServerFault } from '../series.ts';

/**
 * Which counters of a proxy were read. `istio` are the standard metrics of istio-proxy, `envoy` the statistics that any
 * Envoy keeps of its inbound clusters; the latter know HTTP codes only, a failed gRPC call is a 200 there.
 */
export type Flavour = 'istio' | 'envoy';

export interface Statistics {
  readonly flavour: Flavour;
  readonly series: ReadonlyMap<string, Series>;
}

const ISTIO_REQUESTS = 'istio_requests_total';
const ISTIO_DURATIONS = 'istio_request_duration_milliseconds_bucket';
const ENVOY_REQUESTS = 'envoy_cluster_upstream_rq';
const ENVOY_DURATIONS = 'envoy_cluster_upstream_rq_time_bucket';

// Istio's bootstrap configuration gives Envoy's own tags shorter names.
const WANTED: Wanted = {
  [ISTIO_REQUESTS]: ['reporter', 'response_code', 'grpc_response_status'],
  [ISTIO_DURATIONS]: ['reporter', 'le'],
  [ENVOY_REQUESTS]: ['envoy_cluster_name', 'cluster_name', 'envoy_response_code', 'response_code'],
  [ENVOY_DURATIONS]: ['envoy_cluster_name', 'cluster_name', 'le'],
};

const INBOUND = 'inbound|';

/** An answer that is no statistics of a proxy. */
export class StatisticsError extends Error {
  override readonly name = 'StatisticsError';
}

/**
 * The inbound requests in what a proxy prints at `/stats/prometheus`: Istio's metrics where it has them, else Envoy's.
 * A proxy that has served nothing yet has no series, but always some metric of itself: an empty answer says nothing, and
 * taken for a proxy that began anew it would have all counted twice that comes after. The proxy brings its histograms up to date only when it flushes its
 * statistics (`stats_flush_interval`, 5 s unless configured), so durations trail the counters by so much.
 *
 * @throws ExpositionError, StatisticsError
 */
export function parseStatistics(text: string): Statistics {
  if (!/^(?:envoy|istio)_/m.test(text)) {
    const what = /\S/.test(text) ? 'has no metric of a proxy' : 'is empty';
    throw new StatisticsError(`the answer ${what} (none begins with envoy_ or istio_)`);
  }
  const samples = parseExposition(text, WANTED);
  const istio = samples.filter((sample) => sample.labels['reporter'] === 'destination');
  return istio.length > 0
    ? { flavour: 'istio', series: seriesOf(istio) }
    : { flavour: 'envoy', series: seriesOf(samples.filter(isInboundCluster)) };
}

function isInboundCluster({ labels }: Sample): boolean {
  return (labels['envoy_cluster_name'] ?? labels['cluster_name'] ?? '').startsWith(INBOUND);
}

function seriesOf(samples: readonly Sample[]): ReadonlyMap<string, Series> {
  const series = new Map<string, Series>();
  const histograms = new Map<string, Map<number, number>>();
  let buckets = new Map<number, number>();
  let last: Sample | undefined;
  for (const sample of samples) {
    if (sample.name === ISTIO_REQUESTS || sample.name === ENVOY_REQUESTS) {
      addRequests(series, sample);
      continue;
    }
    // The buckets of a histogram stand together, so most of them need no look-up.
    if (last?.series !== sample.series) {
      buckets = histograms.get(sample.series) ?? new Map<number, number>();
      histograms.set(sample.series, buckets);
    }
    last = sample;
    buckets.set(bucketEdge(sample.labels['le']), sample.value);
  }
  for (const [labels, edges] of histograms) {
    const histogram = histogramOf(edges);
    if (histogram === undefined) throw new StatisticsError(`a histogram without an +Inf bucket: {${labels}}`);
    series.set(keyOf('d', labels), { kind: 'durations', channel: '', histogram });
  }
  return series;
}

function addRequests(series: Map<string, Series>, { series: labelText, labels, value }: Sample): void {
  if (!Number.isFinite(value) || value < 0) {
    throw new StatisticsError(`a counter that is no count: {${labelText}} ${value}`);
  }
  const code = labels['response_code'] ?? labels['envoy_response_code'] ?? '';
  const failed = isServerFault(code, labels['grpc_response_status'] ?? '');
  series.set(keyOf('r', labelText), { kind: 'requests', channel: '', failed, value });
}

function bucketEdge(le: string | undefined): number {
  return le === '+Inf' ? Infinity : Number(le);
}

/** A digest, because the label texts of one istio-proxy fill hundreds of kilobytes and stay from reading to reading. */
function keyOf(kind: string, labels: string): string {
  return kind + hash('sha1', labels, 'base64');
}
