import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CanaryReleaseStatus, Phase, Verdict } from '../api/index.ts';
import type { RequestInfo } from '../kube/client.ts';
import { refOf } from '../kube/types.ts';
import { EvidenceMetrics } from './evidence-metrics.ts';
import { NotificationMetrics } from './notifications/metrics.ts';

const WRITES = new Set<RequestInfo['verb']>(['create', 'update', 'patch', 'apply', 'delete']);

/** The operator's own metrics, as `/metrics` serves them. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #phase = this.#gauge('songbird_release_phase', '1 for the phase that a release is in', [
    'namespace',
    'release',
    'phase',
  ]);
  readonly #weight = this.#gauge(
    'songbird_release_weight_percent',
    "The candidate's observed share of the traffic",
    ['namespace', 'release'],
  );
  readonly #step = this.#gauge('songbird_release_step', 'The present step, counted from 1; 0 at rest', [
    'namespace',
    'release',
  ]);
  readonly #outcomes = this.#counter('songbird_releases_total', 'Finished releases by outcome and reason', [
    'outcome',
    'reason',
  ]);
  readonly #verdicts = this.#counter('songbird_verdicts_total', 'Changes of a metric to this verdict', [
    'metric',
    'verdict',
  ]);
  readonly passSeconds = new Histogram({
    name: 'songbird_pass_duration_seconds',
    help: 'Duration of one pass over a release',
    labelNames: ['result'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  readonly queueDepth = this.#gauge('songbird_queue_depth', 'Releases waiting for a pass', []);
  readonly #writes = this.#counter(
    'songbird_api_writes_total',
    'Writes to the API server by kind and answer',
    ['verb', 'resource', 'code'],
  );
  readonly #reads = this.#counter(
    'songbird_api_reads_total',
    'Reads from the API server by kind and answer',
    ['verb', 'resource', 'code'],
  );
  readonly #telemetryErrors = this.#counter(
    'songbird_telemetry_errors_total',
    'Failed readings of a source',
    ['source', 'reason'],
  );
  readonly #telemetrySeconds = new Histogram({
    name: 'songbird_telemetry_duration_seconds',
    help: 'Duration of one request to a source of telemetry',
    labelNames: ['source'],
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.registry],
  });
  readonly leader = this.#gauge('songbird_leader', '1 while this process holds the lease', []);
  readonly notifications = new NotificationMetrics(this.registry);
  readonly #evidence = new EvidenceMetrics(this.registry);
  readonly #phases = new Map<string, Phase>();

  /** Notes a request to the API server. */
  requested({ verb, resource, code }: RequestInfo): void {
    (WRITES.has(verb) ? this.#writes : this.#reads).inc({ verb, resource, code: String(code) });
  }

  /** Notes a request of a telemetry source; `outcome` is `ok`, an HTTP status, or why there was no answer. */
  asked(source: string, outcome: string, seconds: number): void {
    this.#telemetrySeconds.observe({ source }, seconds);
    if (outcome !== 'ok') this.telemetryFailed(source, outcome);
  }

  telemetryFailed(source: string, reason: string): void {
    this.#telemetryErrors.inc({ source, reason });
  }

  /** Notes what a pass decided for the release with this key. */
  decided(key: string, before: CanaryReleaseStatus, after: CanaryReleaseStatus): void {
    const labels = labelsOf(key);
    const old = this.#phases.get(key);
    if (after.phase !== undefined && after.phase !== old) {
      if (old !== undefined) this.#phase.remove({ ...labels, phase: old });
      this.#phase.set({ ...labels, phase: after.phase }, 1);
      this.#phases.set(key, after.phase);
    }
    this.#weight.set(labels, after.step?.observedWeight ?? 0);
    this.#step.set(labels, after.step?.index ?? 0);
    this.#evidence.show(key, labels, after);
    const [finished] = after.history ?? [];
    if (finished !== undefined && finished.finishedAt !== before.history?.[0]?.finishedAt) {
      this.#outcomes.inc({ outcome: finished.outcome, reason: finished.reason });
    }
    const known = verdictsIn(before);
    for (const [metric, verdict] of verdictsIn(after)) {
      if (known.get(metric) !== verdict) this.#verdicts.inc({ metric, verdict });
    }
  }

  /** Drops the series of a release that is gone. */
  forget(key: string): void {
    const labels = labelsOf(key);
    const phase = this.#phases.get(key);
    if (phase !== undefined) this.#phase.remove({ ...labels, phase });
    this.#phases.delete(key);
    this.#weight.remove(labels);
    this.#step.remove(labels);
    this.#evidence.forget(key, labels);
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}

function verdictsIn({ analysis }: CanaryReleaseStatus): Map<string, Verdict> {
  const all = [...(analysis?.metrics ?? []), ...(analysis?.values ?? [])];
  return new Map(all.map(({ name, verdict }) => [name, verdict]));
}

function labelsOf(key: string): { namespace: string; release: string } {
  const { namespace = '', name } = refOf(key);
  return { namespace, release: name };
}
