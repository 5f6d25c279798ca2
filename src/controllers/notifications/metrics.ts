import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ServiceName } from '../../api/index.ts';

/** How the sending of a message ended. */
export type Result = 'delivered' | 'failed' | 'refused' | 'dropped';

/** Metrics of notifications, in the operator's registry. */
export class NotificationMetrics {
  readonly #sent: Counter<'service' | 'result'>;
  readonly #seconds: Histogram<'service'>;
  readonly #waiting: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#sent = new Counter({
      name: 'songbird_notifications_total',
      help: 'Tries to deliver a message, and messages given up, by service and result',
      labelNames: ['service', 'result'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'songbird_notification_duration_seconds',
      help: 'Duration of one try to deliver a message',
      labelNames: ['service'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#waiting = new Gauge({
      name: 'songbird_notifications_waiting',
      help: 'Messages that wait to be delivered: of each release and target one at most',
      registers,
    });
  }

  tried(service: ServiceName, result: Result, seconds: number): void {
    this.#sent.inc({ service, result });
    this.#seconds.observe({ service }, seconds);
  }

  dropped(service: ServiceName): void {
    this.#sent.inc({ service, result: 'dropped' });
  }

  waiting(messages: number): void {
    this.#waiting.set(messages);
  }
}
