import { pino } from 'pino';
import { parseFlags, USAGE, type Flags } from './controllers/flags.ts';
import { PlainServer } from './controllers/http-server.ts';
import { OperatorMetrics } from './controllers/metrics.ts';
import { SongbirdOperator } from './controllers/operator.ts';
import { PassReporter } from './controllers/reporter.ts';
import { HttpApiClient } from './kube/client.ts';
import { systemClock } from './kube/clock.ts';
import { createSources } from './telemetry/index.ts';

/** Wiring only: flags, servers, the operator, signals. */
async function main(flags: Flags): Promise<void> {
  const clock = systemClock;
  const log = pino({ level: flags.logLevel, timestamp: pino.stdTimeFunctions.isoTime });
  const metrics = new OperatorMetrics();
  const sources = createSources({
    observer: {
      request: ({ source, seconds }) => {
        metrics.telemetrySeconds.observe({ source }, seconds);
      },
    },
  });
  const operator = new SongbirdOperator({
    connect: (config) =>
      new HttpApiClient(config, {
        clock,
        onRequest: (info) => {
          metrics.requested(info);
        },
      }),
    clock,
    namespace: flags.namespace,
    workers: flags.workers,
    telemetry: {
      sources: { proxies: sources.proxies, prometheus: sources.prometheus },
      prometheusAddress: flags.prometheusAddress,
    },
    metrics,
    reporter: () => new PassReporter(log, { record: () => undefined }, metrics),
    onError: (error, where) => {
      log.error({ err: error }, `${where}: ${error instanceof Error ? error.message : String(error)}`);
    },
  });
  const metricsServer = new PlainServer({
    '/metrics': async () => ({ type: metrics.registry.contentType, body: await metrics.registry.metrics() }),
  });
  const healthServer = new PlainServer({
    '/healthz': async () => ({ body: 'ok\n' }),
    '/readyz': async () =>
      operator.ready
        ? { body: 'ok\n' }
        : { status: 503, body: 'waiting for the first list of what is watched\n' },
  });
  log.info({ metricsPort: await metricsServer.listen(flags.metricsAddress) }, 'serves /metrics');
  log.info({ healthPort: await healthServer.listen(flags.healthAddress) }, 'serves /healthz and /readyz');
  await operator.start();
  log.info('the caches are filled');
  operator.work();
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => {
      resolve();
    });
    process.once('SIGINT', () => {
      resolve();
    });
  });
  log.info('stops');
  await operator.shutdown();
  await Promise.all([metricsServer.close(), healthServer.close(), sources.close()]);
}

const flags = parseFlags(process.argv.slice(2));
if (flags === 'help') {
  process.stdout.write(USAGE);
} else if ('error' in flags) {
  process.stderr.write(`${flags.error}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  await main(flags);
}
