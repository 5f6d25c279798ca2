import { Gauge, type Registry } from 'prom-client';
import type { CanaryReleaseStatus, MetricStatus } from '../api/index.ts';

const LABELS = ['namespace', 'release', 'metric'] as const;

interface ReleaseLabels {
  readonly namespace: string;
  readonly release: string;
}

/** What verdicts rest on, by release and event metric: the same numbers as in status. */
export class EvidenceMetrics {
  readonly #events: Gauge;
  readonly #ratio: Gauge;
  readonly #evidence: Gauge;
  readonly #needed: Gauge;
  /** By key: the names of the metrics that have series. */
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(registry: Registry) {
    const gauge = (name: string, help: string, more: readonly string[] = []) =>
      new Gauge({ name, help, labelNames: [...LABELS, ...more], registers: [registry] });
    this.#events = gauge('songbird_analysis_events', 'Events counted since the release began', [
      'side',
      'kind',
    ]);
    this.#ratio = gauge(
      'songbird_analysis_bad_ratio',
      "How many times as often the candidate's events are bad as stable's; interval valid at every look",
      ['bound'],
    );
    this.#evidence = gauge(
      'songbird_analysis_evidence_log10',
      'Evidence (log10) that the candidate is worse than stable, or over a limit',
    );
    this.#needed = gauge('songbird_analysis_evidence_needed_log10', 'Evidence (log10) at which it fails');
  }

  /** Shows what status says of the release with this key. */
  show(key: string, labels: ReleaseLabels, { analysis }: CanaryReleaseStatus): void {
    const metrics = analysis?.metrics ?? [];
    const names = new Set(metrics.map(({ name }) => name));
    for (const name of this.#known.get(key) ?? []) if (!names.has(name)) this.#drop(labels, name);
    for (const metric of metrics) this.#show(labels, metric);
    if (names.size > 0) this.#known.set(key, names);
    else this.#known.delete(key);
  }

  /** Drops the series of a release that is gone. */
  forget(key: string, labels: ReleaseLabels): void {
    this.show(key, labels, {});
  }

  #show(release: ReleaseLabels, metric: MetricStatus): void {
    const labels = { ...release, metric: metric.name };
    for (const side of ['candidate', 'stable'] as const) {
      for (const kind of ['all', 'bad'] as const)
        this.#events.set({ ...labels, side, kind }, metric[side][kind]);
    }
    for (const [bound, value] of boundsOf(metric)) {
      if (value === undefined) this.#ratio.remove({ ...labels, bound });
      else this.#ratio.set({ ...labels, bound }, value);
    }
    this.#evidence.set(labels, metric.evidence);
    if (metric.needed !== undefined) this.#needed.set(labels, metric.needed);
  }

  #drop(release: ReleaseLabels, metric: string): void {
    const labels = { ...release, metric };
    for (const side of ['candidate', 'stable']) {
      for (const kind of ['all', 'bad']) this.#events.remove({ ...labels, side, kind });
    }
    for (const bound of ['estimate', 'at_least', 'at_most']) this.#ratio.remove({ ...labels, bound });
    this.#evidence.remove(labels);
    this.#needed.remove(labels);
  }
}

function boundsOf({ ratio }: MetricStatus): [bound: string, value: number | undefined][] {
  return [
    ['estimate', ratio?.estimate],
    ['at_least', ratio?.atLeast],
    ['at_most', ratio?.atMost],
  ];
}
