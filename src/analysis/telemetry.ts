/**
 * The seam between telemetry sources and verdicts: what is asked of a source, and what it answers. Pure types; the
 * sources themselves live in src/telemetry/.
 */

/** Bad events among all events, in one span of time. Never NaN, never negative; `bad` ≤ `all`. */
export interface Counts {
  readonly all: number;
  readonly bad: number;
}

/**
 * An event metric: requests, of which some are bad. `errors` are HTTP 5xx answers and the gRPC statuses that are the
 * server's fault; `slow` are requests that took longer than `slowerThanMs`.
 */
export type EventMetric =
  | { readonly name: string; readonly kind: 'errors' }
  | { readonly name: string; readonly kind: 'slow'; readonly slowerThanMs: number };

/** One revision whose requests are to be counted. */
export interface Target {
  readonly revision: string;
  /** The name of its Deployment: `destination_workload` in Istio's metrics. */
  readonly workload: string;
  /**
   * True for a candidate and for a fresh baseline: counters that were unknown when its window began count from zero,
   * because nothing of this workload served before it. False for stable, whose unknown counters may hold years.
   */
  readonly fresh: boolean;
  /** Those that are ready, and those whose proxy may still answer. */
  readonly pods: readonly TargetPod[];
}

export interface TargetPod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  /** Port at which the pod's proxy serves its statistics (Istio's is 15090). */
  readonly statsPort: number;
  /**
   * False for a pod that is not ready, or on its way out: what its proxy has counted is of interest, but nobody waits for
   * it, and data are complete without it.
   */
  readonly ready: boolean;
}

export interface TelemetryQuery {
  readonly namespace: string;
  /** The CanaryRelease's name; with the namespace, the key under which a source may keep what it has seen. */
  readonly release: string;
  readonly targets: readonly Target[];
  readonly metrics: readonly EventMetric[];
  /** Only events after this time are asked for (ms since the epoch). */
  readonly from: number;
  /** The present (ms since the epoch). */
  readonly now: number;
  /** How old an answer may be (ms): several passes at nearly the same time share one read. A second when left out. */
  readonly maxAgeMs?: number | undefined;
  /** Base URL of the Prometheus to ask and how; only for the prometheus source. */
  readonly prometheus?: PrometheusAddress | undefined;
}

export interface PrometheusAddress {
  readonly address: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How its certificate is checked: against these authorities (PEM), or not at all. */
  readonly tls?: { readonly ca?: string | undefined; readonly insecure?: boolean | undefined } | undefined;
}

/** What was counted between two times (ms since the epoch), by revision and metric name. */
export interface Interval {
  readonly from: number;
  readonly to: number;
  /**
   * By revision: when its events may have happened at the earliest (ms since the epoch). Before `from` where a proxy was
   * last read or scraped before it; who counts for a step leaves out what may be older than the step.
   */
  readonly since: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, Readonly<Record<string, Counts>>>>;
  /** The same by revision, pod and metric name, where the source knows pods and the interval is young. */
  readonly pods?:
    Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Counts>>>>>> | undefined;
}

export type Reading =
  | {
      readonly ok: true;
      /** Disjoint, in order of time, none before the query's `from`. */
      readonly intervals: readonly Interval[];
      /**
       * Up to when the data are complete for each revision (ms since the epoch): every ready pod, or every series, that
       * should have answered did. It may lag behind the last interval when a part is missing; a revision with no complete data yet
       * is absent.
       */
      readonly completeThrough: Readonly<Record<string, number>>;
      /**
       * By revision: since when the data are complete (ms since the epoch), up to `completeThrough`, where the source had to
       * begin anew: of the time between what an asker has from an earlier process and this one nobody knows what happened.
       */
      readonly completeFrom?: Readonly<Record<string, number>> | undefined;
      /** What is missing, as a sentence, when something is. */
      readonly warning?: string | undefined;
    }
  | {
      readonly ok: false;
      /** A code of the error catalogue. */
      readonly code: 'TelemetryUnreachable' | 'TelemetryInvalid';
      /** What is wrong and what to do about it. */
      readonly message: string;
    };

export interface TelemetrySource {
  /** Reads what has been counted since `query.from`. Never throws for a fault of the source: that is `ok: false`. */
  read(query: TelemetryQuery): Promise<Reading>;
  /** Drops what is kept for a release that is no longer in progress. */
  forget(namespace: string, release: string): void;
}
