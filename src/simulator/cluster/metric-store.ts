interface Stored {
  readonly labels: Readonly<Record<string, string>>;
  /** Newest last; undefined is a staleness marker. */
  readonly samples: { readonly time: number; readonly value: number | undefined }[];
}

/** One element of an answer. */
export interface Element {
  readonly labels: Record<string, string>;
  value: number;
}

const LOOKBACK_MS = 300_000;

/**
 * As much of a Prometheus as the source of counts asks for, with its rules for instant queries: the newest sample within
 * five minutes, unless the target vanished since. Times in ms since the epoch.
 */
export class MetricStore {
  readonly #series = new Map<string, Stored>();

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
    for (const [key, { samples }] of this.#series) {
      const isGone = key.startsWith(prefix) && !seen.has(key) && samples.at(-1)?.value !== undefined;
      if (isGone) samples.push({ time, value: undefined });
    }
  }

  /** When a workload was first found by a scrape. */
  firstSample(workload: string): number | undefined {
    const times = [...this.#series.values()]
      .filter(({ labels }) => labels['destination_workload'] === workload)
      .flatMap(({ samples }) => samples[0]?.time ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** @throws Error for an expression that is none of the source's */
  query(promql: string, time: number): Element[] {
    const form = /^(sum|max) by \(([^)]*)\) \((timestamp\()?(\w+)\{(.*)\}\)?\)$/.exec(promql);
    if (form === null) throw new Error(`the store does not know ${promql}`);
    const [, operation, by = '', timestamp, name, matchers = ''] = form;
    const tests = [...matchers.matchAll(/(\w+)=~("(?:[^"\\]|\\.)*")/g)].map(([, label = '', text = '']) => ({
      label,
      pattern: new RegExp(`^(?:${String(JSON.parse(text))})$`),
    }));
    const groups = new Map<string, Element>();
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
export function requestsSeries(
  workload: string,
  code: number,
  more: { reporter?: string; grpc?: string; namespace?: string } = {},
): string {
  const { reporter = 'destination', grpc = '', namespace = 'bookinfo' } = more;
  return `istio_requests_total{reporter="${reporter}",destination_workload="${workload}",destination_workload_namespace="${namespace}",response_code="${code}",grpc_response_status="${grpc}"}`;
}

/** What a Prometheus answers a query with, as JSON. */
export function answerOf(elements: readonly Element[], time: number, more: object = {}): string {
  const result = elements.map(({ labels, value }) => ({
    metric: labels,
    value: [time / 1000, String(value)],
  }));
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result }, ...more });
}
