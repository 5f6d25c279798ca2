import type { TelemetrySource } from '../analysis/telemetry.ts';
import { createHttp } from './http.ts';
import { observed } from './observer.ts';
import type { TelemetryObserver } from './observer.ts';
import { ProxiesSource } from './proxies/source.ts';
import type { ProxiesOptions } from './proxies/source.ts';

export type { TelemetryObserver, TelemetryRequest } from './observer.ts';

export interface SourcesOptions {
  readonly observer?: TelemetryObserver | undefined;
  readonly proxies?: ProxiesOptions | undefined;
}

export interface Sources {
  readonly proxies: TelemetrySource;
  /** Closes the connections that are kept alive. */
  close(): Promise<void>;
}

export function createSources(options: SourcesOptions = {}): Sources {
  const { http, close } = createHttp();
  return {
    proxies: new ProxiesSource(observed(http, 'proxies', options.observer), options.proxies),
    close,
  };
}
