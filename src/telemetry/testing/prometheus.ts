import type { Target, TelemetryQuery } from '../../analysis/telemetry.ts';
import type { Http, HttpAnswer, HttpRequest } from '../http.ts';
import { PrometheusSource } from '../prometheus/source.ts';
import type { PrometheusOptions } from '../prometheus/source.ts';
import { MetricStore, answerOf, requestsSeries } from '../../simulator/cluster/metric-store.ts';
import { fakeHttp } from './http.ts';

/** A Prometheus that answers what its store holds, or what a test wants. */
export class FakePrometheus {
  readonly #store = new MetricStore();
  readonly queries: { readonly promql: string; readonly time: number }[] = [];
  /** Set to answer differently. */
  respond: ((request: HttpRequest) => Partial<HttpAnswer> | undefined) | undefined;
  /** Added to each answer. */
  warnings: string[] = [];
  readonly http: Http = fakeHttp((request) => (this.respond ?? ((it) => this.#answer(it)))(request));
  readonly scrape = this.#store.scrape.bind(this.#store);
  readonly firstSample = this.#store.firstSample.bind(this.#store);

  #answer(request: HttpRequest): Partial<HttpAnswer> {
    const form = new URLSearchParams(request.body);
    const promql = form.get('query') ?? '';
    const time = Math.round(Number(form.get('time')) * 1000);
    this.queries.push({ promql, time });
    const warnings = this.warnings.length === 0 ? {} : { warnings: this.warnings };
    const body = answerOf(this.#store.query(promql, time), time, warnings);
    return { contentType: 'application/json', body };
  }
}

export { requestsSeries as requests };

/** The text of a bucket of `istio_request_duration_milliseconds`. */
export function bucket(workload: string, le: string, reporter = 'destination'): string {
  return `istio_request_duration_milliseconds_bucket{reporter="${reporter}",destination_workload="${workload}",destination_workload_namespace="bookinfo",le="${le}"}`;
}

export const OLD: Target = { revision: 'old', workload: 'reviews-old', fresh: false, pods: [] };
export const NEW: Target = { revision: 'new', workload: 'reviews-new', fresh: true, pods: [] };

/** A query about errors of both revisions, in a window that began at 10 s. */
export function prometheusQuery(now: number, more: Partial<TelemetryQuery> = {}): TelemetryQuery {
  return {
    namespace: 'bookinfo',
    release: 'reviews',
    targets: [OLD, NEW],
    metrics: [{ name: 'errors', kind: 'errors' }],
    from: 10_000,
    now,
    prometheus: { address: 'http://prometheus.istio-system:9090' },
    ...more,
  };
}

/** A source that waits for its answers however slow the machine is on which it is tested. */
export function patientSource(http: Http, options: PrometheusOptions = {}): PrometheusSource {
  return new PrometheusSource(http, { patienceMs: 60_000, ...options });
}
