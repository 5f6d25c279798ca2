import type { Logger } from 'pino';
import type { Problem } from '../api/index.ts';
import type { Decision, ReleaseEvent } from '../core/model.ts';
import type { KubeObject } from '../kube/types.ts';
import type { PassObserver } from './canary-release/controller.ts';
import type { Gathered } from './canary-release/observe.ts';
import type { OperatorMetrics } from './metrics.ts';

/** Where Events about objects go; best effort, it never fails. */
export interface EventSink {
  record(
    object: KubeObject,
    event: { type: 'Normal' | 'Warning'; reason: string; note: string; action: string },
  ): void;
}

/** Tells people what passes do: log lines, Events on the object, metrics. */
export class PassReporter implements PassObserver {
  readonly #log: Logger;
  readonly #events: EventSink;
  readonly #metrics: OperatorMetrics;

  constructor(log: Logger, events: EventSink, metrics: OperatorMetrics) {
    this.#log = log;
    this.#events = events;
    this.#metrics = metrics;
  }

  decided(key: string, { observed }: Gathered, decision: Decision): void {
    this.#metrics.decided(key, observed.status, decision.status);
    const { telemetry } = observed;
    if (telemetry.state === 'failing') {
      this.#metrics.telemetryFailed(observed.spec.analysis.source, telemetry.problem.reason);
    }
    const { effect, status } = decision;
    const revision = status.candidateRevision ?? status.stableRevision;
    const line = { release: key, revision, phase: status.phase, weight: status.step?.observedWeight };
    if (effect !== undefined) this.#log.info({ ...line, effect }, `does ${effect.kind}`);
    else this.#log.debug(line, status.message);
  }

  event(release: KubeObject, { type, reason, message }: ReleaseEvent): void {
    const line = { release: keyOfRelease(release), revision: revisionIn(release), reason };
    if (type === 'Warning') this.#log.warn(line, message);
    else this.#log.info(line, message);
    this.#events.record(release, { type, reason, note: message, action: 'Reconcile' });
  }

  refused(release: KubeObject, { reason, message }: Problem): void {
    this.event(release, { type: 'Warning', reason, message });
  }

  forgotten(key: string): void {
    this.#metrics.forget(key);
  }
}

function keyOfRelease({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function revisionIn(release: KubeObject): string | undefined {
  const { status } = release as { status?: { candidateRevision?: string; stableRevision?: string } };
  return status?.candidateRevision ?? status?.stableRevision;
}
