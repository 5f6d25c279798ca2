import type { TelemetrySource } from '../analysis/telemetry.ts';
import { createHttp } from './http.ts';
import { observed } from './observer.ts';
import type { TelemetryObserver } from './observer.ts';
import { PrometheusSource } from './prometheus/source.ts';
import type { PrometheusOptions } from './prometheus/source.ts';
import { ProxiesSource } from './proxies/source.ts';
import type { ProxiesOptions } from './proxies/source.ts';
import { PrometheusEvents } from './values/events.ts';
import type { EventSource } from './values/events.ts';
import { createValueReader } from './values/reader.ts';
import type { ValueReader } from './values/reader.ts';

export type { EventSource, EventsQuery } from './values/events.ts';
export type { Found, ValueReader } from './values/reader.ts';
export type { TelemetryObserver, TelemetryRequest } from './observer.ts';

export interface SourcesOptions {
  readonly observer?: TelemetryObserver | undefined;
  readonly proxies?: ProxiesOptions | undefined;
  readonly prometheus?: PrometheusOptions | undefined;
}

export interface Sources {
  readonly proxies: TelemetrySource;
  readonly prometheus: TelemetrySource;
  /** Counts events by queries of releases. */
  readonly events: EventSource;
  /** Reads metrics that give a value. */
  readonly values: ValueReader;
  /** Closes the connections that are kept alive. */
  close(): Promise<void>;
}

/**
 * The telemetry sources of one operator process, by the names that `spec.analysis.source` has for them. Options have
 * sensible defaults; the observer is told of each request that a source makes.
 */
export function createSources(options: SourcesOptions = {}): Sources {
  const { http, close } = createHttp();
  return {
    proxies: new ProxiesSource(observed(http, 'proxies', options.observer), options.proxies),
    prometheus: new PrometheusSource(observed(http, 'prometheus', options.observer), options.prometheus),
    events: new PrometheusEvents(observed(http, 'prometheus', options.observer)),
    values: createValueReader({
      prometheus: observed(http, 'prometheus', options.observer),
      web: observed(http, 'web', options.observer),
    }),
    close,
  };
}
