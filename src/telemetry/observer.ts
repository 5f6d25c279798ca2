import { performance } from 'node:perf_hooks';
import { HttpFailure } from './http.ts';
import type { Http } from './http.ts';

/** One request of a source to a proxy, a Prometheus, or whom a web metric asks. */
export interface TelemetryRequest {
  readonly source: 'proxies' | 'prometheus' | 'web';
  /** `ok`, an HTTP status that is no success, or why there was no answer. */
  readonly outcome: string;
  readonly seconds: number;
}

/** Told of what the sources do, for the operator's own metrics. Must not throw. */
export interface TelemetryObserver {
  request(event: TelemetryRequest): void;
}

/** The same HTTP, with every exchange told to the observer. */
export function observed(http: Http, source: TelemetryRequest['source'], observer?: TelemetryObserver): Http {
  if (observer === undefined) return http;
  return async (request) => {
    const start = performance.now();
    const tell = (outcome: string) => {
      observer.request({ source, outcome, seconds: (performance.now() - start) / 1000 });
    };
    try {
      const answer = await http(request);
      tell(answer.status >= 200 && answer.status < 300 ? 'ok' : String(answer.status));
      return answer;
    } catch (error) {
      tell(error instanceof HttpFailure ? error.reason : 'error');
      throw error;
    }
  };
}
