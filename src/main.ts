import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { KubeConfig } from '@kubernetes/client-node';
import { type Logger, pino } from 'pino';
import { type Flags, USAGE, parseFlags } from './controllers/flags.ts';
import { PlainServer } from './controllers/http-server.ts';
import { lead } from './controllers/lead.ts';
import { OperatorMetrics } from './controllers/metrics.ts';
import { SongbirdOperator } from './controllers/operator.ts';
import { PassReporter } from './controllers/reporter.ts';
import { HttpApiClient } from './kube/client.ts';
import { systemClock as clock } from './kube/clock.ts';
import { EventRecorder } from './kube/events.ts';
import { type Rate, RateLimitedClient } from './kube/rate-limit.ts';
import { isApiError } from './kube/types.ts';
import { createSources } from './telemetry/index.ts';

/** Wiring only: flags, servers, the operator, leadership, signals. */
async function main(flags: Flags): Promise<void> {
  const log = pino({ level: flags.logLevel, timestamp: pino.stdTimeFunctions.isoTime });
  const onError = errorLogger(log);
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info(`${signal}: stops`);
      stopping.abort();
    });
  }

  const metrics = new OperatorMetrics();
  const sources = createSources({
    observer: {
      request: ({ source, outcome, seconds }) => {
        metrics.asked(source, outcome, seconds);
      },
    },
  });
  const config = new KubeConfig();
  config.loadFromDefault();
  const identity = `${hostname()}-${randomUUID()}`;
  const direct = new HttpApiClient(config, {
    clock,
    userAgent: 'songbird',
    onRequest: (info) => {
      metrics.requested(info);
      if (info.code === 0) operator.doubtWatches();
    },
  });
  const leadership = lead({ flags, client: direct, clock, identity, metrics, onError });
  const limited = (overall: Rate, perObject: Rate) =>
    new RateLimitedClient(direct, { clock, overall, perObject, beforeWrite: leadership.assertLeader });
  const perSecond = flags.writesPerSecond;
  const client = limited({ perSecond, burst: 2 * perSecond }, { perSecond: 5, burst: 20 });
  const events = new EventRecorder({
    // Beside the limits of the other writes: Events must not use up what a release needs.
    client: limited({ perSecond: 10, burst: 50 }, { perSecond: 1, burst: 5 }),
    clock,
    reportingController: 'songbird.dev/operator',
    reportingInstance: identity,
    onError: (error) => {
      onError(error, 'Event');
    },
  });
  const operator = new SongbirdOperator({
    client,
    clock,
    namespace: flags.namespace,
    workers: flags.workers,
    telemetry: {
      sources: { proxies: sources.proxies, prometheus: sources.prometheus },
      prometheusAddress: flags.prometheusAddress,
    },
    metrics,
    reporter: new PassReporter(log, events, metrics),
    onError,
    say: (level, sentence) => {
      log[level](sentence);
    },
  });

  const closeServers = await serve(flags, metrics, () => operator.ready, log);
  await operator.start();
  log.info('the caches are filled');
  const outcome = await leadership.run(stopping.signal, async (signal) => {
    log.info('works');
    operator.work();
    await aborted(signal);
    await operator.shutdown();
  });
  if (outcome === 'lost') {
    // Whoever leads now must not meet passes of ours: the process ends without waiting for anything, and its supervisor
    // starts a fresh one.
    log.error('the lease was lost: ends at once');
    process.exit(1);
  }
  await Promise.all([closeServers(), sources.close()]);
  await operator.shutdown();
}

/** What an API server answers, or that it does not, explains itself; a stack is for faults of this program. */
function errorLogger(log: Logger): (error: unknown, where: string) => void {
  return (error, where) => {
    const details = isApiError(error) ? { code: error.code, reason: error.reason } : { err: error };
    log.error(details, `${where}: ${error instanceof Error ? error.message : String(error)}`);
  };
}

/** Serves metrics and probes; resolves with the way to end that. */
async function serve(
  flags: Flags,
  metrics: OperatorMetrics,
  ready: () => boolean,
  log: Logger,
): Promise<() => Promise<unknown>> {
  const metricsServer = new PlainServer({
    '/metrics': async () => ({ type: metrics.registry.contentType, body: await metrics.registry.metrics() }),
  });
  const healthServer = new PlainServer({
    '/healthz': async () => ({ body: 'ok\n' }),
    '/readyz': async () =>
      ready() ? { body: 'ok\n' } : { status: 503, body: 'waiting for the first list of what is watched\n' },
  });
  log.info({ port: await metricsServer.listen(flags.metricsAddress) }, 'serves /metrics');
  log.info({ port: await healthServer.listen(flags.healthAddress) }, 'serves /healthz and /readyz');
  return () => Promise.all([metricsServer.close(), healthServer.close()]);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
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
