import type { Flags } from './flags.ts';
import { PlainServer } from './http-server.ts';
import type { OperatorMetrics } from './metrics.ts';

export interface ServeOptions {
  readonly flags: Pick<Flags, 'metricsAddress' | 'healthAddress'>;
  readonly metrics: OperatorMetrics;
  /** True once the operator knows what the cluster holds. */
  readonly ready: () => boolean;
  /** Told of each address once it is served. */
  readonly listening: (port: number, paths: string) => void;
}

/**
 * Serves metrics and probes. Readiness is not leadership: a replica that stands by is ready.
 * @returns the way to end that
 * @throws Error when an address is taken or none at all
 */
export async function serve(options: ServeOptions): Promise<() => Promise<void>> {
  const { flags, metrics, ready, listening } = options;
  const { registry } = metrics;
  const metricsServer = new PlainServer({
    '/metrics': async () => ({ type: registry.contentType, body: await registry.metrics() }),
  });
  const healthServer = new PlainServer({
    '/healthz': async () => ({ body: 'ok\n' }),
    '/readyz': async () =>
      ready() ? { body: 'ok\n' } : { status: 503, body: 'waiting for the first list of what is watched\n' },
  });
  listening(await metricsServer.listen(flags.metricsAddress), '/metrics');
  try {
    listening(await healthServer.listen(flags.healthAddress), '/healthz and /readyz');
  } catch (error) {
    await metricsServer.close();
    throw error;
  }
  return async () => {
    await Promise.all([metricsServer.close(), healthServer.close()]);
  };
}
