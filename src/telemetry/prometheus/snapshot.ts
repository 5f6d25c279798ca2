import { histogramOf } from '../histogram.ts';
import { isServerFault } from '../series.ts';
import type { Series } from '../series.ts';
import type { Row } from './api.ts';
import { workloadKey } from './promql.ts';

/** The counters of one workload as one scrape of one proxy found them. */
export interface Scrape {
  /** The scrape target: job and instance. */
  readonly target: string;
  /** The host of the instance: two targets with one host are one proxy scraped twice. */
  readonly host: string;
  /**
   * When they were scraped (ms since the epoch). Undefined where an answer came between two scrapes in part: such a
   * scrape can't be used, but says that the proxy has counted.
   */
  readonly time: number | undefined;
  readonly series: ReadonlyMap<string, Series>;
}

/** What a Prometheus knew at one time, by {@link workloadKey}. */
export interface Snapshot {
  readonly time: number;
  readonly scrapes: ReadonlyMap<string, readonly Scrape[]>;
  /** Sentences about workloads whose series can't be used. */
  readonly unusable: ReadonlyMap<string, string>;
}

interface Building {
  readonly target: string;
  readonly host: string;
  time: number | undefined;
  readonly series: Map<string, Series>;
  readonly buckets: Map<string, Map<number, number>>;
}

/** Puts the answers to the three queries of {@link promql.ts} together. */
export function snapshotOf(
  time: number,
  rows: {
    readonly timestamps: readonly Row[];
    readonly requests: readonly Row[];
    readonly durations: readonly Row[];
  },
): Snapshot {
  const builder = new SnapshotBuilder();
  for (const row of rows.timestamps) builder.addTimestamp(row);
  for (const row of rows.requests) builder.addRequests(row);
  for (const row of rows.durations) builder.addBucket(row);
  return { time, ...builder.build() };
}

class SnapshotBuilder {
  readonly #workloads = new Map<string, Map<string, Building>>();
  readonly #unusable = new Map<string, string>();

  addTimestamp(row: Row): void {
    const scrape = this.#scrapeOf(row);
    if (Number.isFinite(row.value)) scrape.time = Math.round(row.value * 1000);
  }

  addRequests(row: Row): void {
    const scrape = this.#scrapeOf(row);
    if (!this.#isCount(row)) return;
    const { reporter = '', response_code: code = '', grpc_response_status: status = '' } = row.labels;
    scrape.series.set(`requests ${reporter} ${code} ${status}`, {
      kind: 'requests',
      channel: reporter,
      failed: isServerFault(code, status),
      value: row.value,
    });
  }

  addBucket(row: Row): void {
    const scrape = this.#scrapeOf(row);
    if (!this.#isCount(row)) return;
    const { reporter = '', le = 'NaN' } = row.labels;
    const buckets = scrape.buckets.get(reporter) ?? new Map<number, number>();
    buckets.set(le === '+Inf' ? Infinity : Number(le), row.value);
    scrape.buckets.set(reporter, buckets);
  }

  build(): Pick<Snapshot, 'scrapes' | 'unusable'> {
    const scrapes = new Map<string, Scrape[]>();
    for (const [workload, byTarget] of this.#workloads) {
      const built = [...byTarget.values()].map((scrape) => this.#finish(workload, scrape));
      scrapes.set(workload, built);
    }
    return { scrapes, unusable: this.#unusable };
  }

  #scrapeOf({ labels }: Row): Building {
    const workload = keyOfRow(labels);
    const { job = '', instance = '' } = labels;
    if (instance === '') {
      this.#unusable.set(
        workload,
        `Its series of ${workload} have no label "instance", so the counters of several proxies can't be told apart: keep that label when scraping or federating.`,
      );
    }
    const byTarget = this.#workloads.get(workload) ?? new Map<string, Building>();
    this.#workloads.set(workload, byTarget);
    const target = JSON.stringify([job, instance]);
    const scrape = byTarget.get(target) ?? {
      target,
      host: instance.replace(/:\d+$/, ''),
      time: undefined,
      series: new Map<string, Series>(),
      buckets: new Map<string, Map<number, number>>(),
    };
    byTarget.set(target, scrape);
    return scrape;
  }

  #isCount({ labels, value }: Row): boolean {
    if (Number.isFinite(value) && value >= 0) return true;
    const workload = keyOfRow(labels);
    this.#unusable.set(
      workload,
      `Its counters of ${workload} hold ${value}, which is no count: see what ${labels['instance'] ?? 'the proxy'} exports.`,
    );
    return false;
  }

  #finish(workload: string, scrape: Building): Scrape {
    const series = new Map(scrape.series);
    for (const [reporter, buckets] of scrape.buckets) {
      const histogram = histogramOf(buckets);
      if (histogram === undefined) {
        this.#unusable.set(
          workload,
          `Its histogram of the durations of ${workload} has no bucket le="+Inf": is it dropped when scraping?`,
        );
        continue;
      }
      series.set(`durations ${reporter}`, { kind: 'durations', channel: reporter, histogram });
    }
    const whole = scrape.series.size > 0;
    return { target: scrape.target, host: scrape.host, time: whole ? scrape.time : undefined, series };
  }
}

function keyOfRow(labels: Readonly<Record<string, string>>): string {
  return workloadKey(labels['destination_workload_namespace'] ?? '', labels['destination_workload'] ?? '');
}
