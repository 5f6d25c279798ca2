import type { Target, TelemetryQuery } from '../../analysis/telemetry.ts';
import type { Http, HttpAnswer, HttpRequest } from '../http.ts';
import { PrometheusSource } from '../prometheus/source.ts';
import type { PrometheusOptions } from '../prometheus/source.ts';
import { fakeHttp } from './http.ts';

interface Stored {
  readonly labels: Readonly<Record<string, string>>;
  /** Newest last; undefined is a staleness marker. */
  readonly samples: { readonly time: number; readonly value: number | undefined }[];
}

const LOOKBACK_MS = 300_000;

/**
 * As much of a Prometheus as the source asks for, with its rules for instant queries: the newest sample within five
 * minutes, unless the target vanished since.
 */
export class FakePrometheus {
  readonly #series = new Map<string, Stored>();
  readonly queries: { readonly promql: string; readonly time: number }[] = [];
  /** Set to answer differently. */
  respond: ((request: HttpRequest) => Partial<HttpAnswer> | undefined) | undefined;
  /** Added to each answer. */
  warnings: string[] = [];
  readonly http: Http = fakeHttp((request) => (this.respond ?? ((it) => this.#answer(it)))(request));

  /** One scrape of one target: all series it has, as label text in the text format, by value. */
  scrape(
    time: number,
    target: { job?: string; instance: string },
    series: ReadonlyMap<string, number>,
  ): void {
    const prefix = `${JSON.stringify([target.job ?? 'pods', target.instance])} `;
    const seen = new Set<string>();
    for (const [text, value] of series) {
      const key = prefix + text;
      seen.add(key);
      const stored = this.#series.get(key) ?? { labels: labelsOf(text, target), samples: [] };
      stored.samples.push({ time, value });
      this.#series.set(key, stored);
    }
    for (const [key, stored] of this.#series) {
      if (key.startsWith(prefix) && !seen.has(key)) stored.samples.push({ time, value: undefined });
    }
  }

  /** When a workload was first found by a scrape. */
  firstSample(workload: string): number | undefined {
    const times = [...this.#series.values()]
      .filter(({ labels }) => labels['destination_workload'] === workload)
      .flatMap(({ samples }) => samples[0]?.time ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #answer(request: HttpRequest): Partial<HttpAnswer> {
    const form = new URLSearchParams(request.body);
    const promql = form.get('query') ?? '';
    const time = Math.round(Number(form.get('time')) * 1000);
    this.queries.push({ promql, time });
    const result = this.#evaluate(promql, time).map(({ labels, value }) => ({
      metric: labels,
      value: [time / 1000, String(value)],
    }));
    const data = { resultType: 'vector', result };
    const warnings = this.warnings.length === 0 ? {} : { warnings: this.warnings };
    return {
      contentType: 'application/json',
      body: JSON.stringify({ status: 'success', data, ...warnings }),
    };
  }

  #evaluate(promql: string, time: number): { labels: Record<string, string>; value: number }[] {
    const form = /^(sum|max) by \(([^)]*)\) \((timestamp\()?(\w+)\{(.*)\}\)?\)$/.exec(promql);
    if (form === null) throw new Error(`the fake does not know ${promql}`);
    const [, operation, by = '', timestamp, name, matchers = ''] = form;
    const tests = [...matchers.matchAll(/(\w+)=~("(?:[^"\\]|\\.)*")/g)].map(([, label = '', text = '']) => ({
      label,
      pattern: new RegExp(`^(?:${String(JSON.parse(text))})$`),
    }));
    const groups = new Map<string, { labels: Record<string, string>; value: number }>();
    for (const { labels, samples } of this.#series.values()) {
      if (labels['__name__'] !== name) continue;
      if (!tests.every(({ label, pattern }) => pattern.test(labels[label] ?? ''))) continue;
      const sample = samples.findLast((one) => one.time <= time && one.time > time - LOOKBACK_MS);
      if (sample?.value === undefined) continue;
      const kept = by.split(', ').flatMap((label) => (labels[label] ? [[label, labels[label]]] : []));
      const key = JSON.stringify(kept);
      const value = timestamp === undefined ? sample.value : sample.time / 1000;
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, { labels: Object.fromEntries(kept) as Record<string, string>, value });
      } else group.value = operation === 'sum' ? group.value + value : Math.max(group.value, value);
    }
    return [...groups.values()];
  }
}

function labelsOf(text: string, target: { job?: string; instance: string }): Record<string, string> {
  const labels: Record<string, string> = { job: target.job ?? 'pods', instance: target.instance };
  labels['__name__'] = text.slice(0, text.indexOf('{'));
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)="([^"]*)"/g)) labels[name] = value;
  return labels;
}

/** The text of a series of `istio_requests_total`. */
export function requests(
  workload: string,
  code: number,
  more: { reporter?: string; grpc?: string; namespace?: string } = {},
): string {
  const { reporter = 'destination', grpc = '', namespace = 'bookinfo' } = more;
  return `istio_requests_total{reporter="${reporter}",destination_workload="${workload}",destination_workload_namespace="${namespace}",response_code="${code}",grpc_response_status="${grpc}"}`;
}

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
