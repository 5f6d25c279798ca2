import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { KubeConfig } from '@kubernetes/client-node';
import { type Logger, pino } from 'pino';
import { type Flags, USAGE, parseFlags } from './controllers/flags.ts';
import { newIdentity } from './controllers/lead.ts';
import { OperatorMetrics } from './controllers/metrics.ts';
import type { About } from './controllers/operator.ts';
import { OperatorProcess } from './controllers/process.ts';
import { PassReporter } from './controllers/reporter.ts';
import { parseAddress } from './controllers/http-server.ts';
import { serve } from './controllers/serve.ts';
import { PassTraces } from './controllers/tracing/passes.ts';
import type { RunningDashboard } from './dashboard/index.ts';
import { HttpApiClient } from './kube/client.ts';
import { systemClock as clock } from './kube/clock.ts';
import { type ApiClient, isApiError } from './kube/types.ts';
import { createHttp } from './telemetry/http.ts';
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
  const tracing = flags.tracing ? await startTracing(log) : undefined;
  // Connections of their own: what targets do with theirs is nothing to telemetry.
  const notifications = createHttp();
  const config = new KubeConfig();
  config.loadFromDefault();
  const direct = new HttpApiClient(config, {
    clock,
    userAgent: 'songbird',
    onRequest: (info) => {
      metrics.requested(info);
      tracing?.passes.requested(info);
      if (info.code === 0) operator.doubtWatches();
    },
  });
  const operator = new OperatorProcess({
    flags,
    client: direct,
    clock,
    ...newIdentity(hostname(), process.env['POD_UID']),
    telemetry: {
      sources: { proxies: sources.proxies, prometheus: sources.prometheus },
      values: sources.values,
      events: sources.events,
      prometheusAddress: flags.prometheusAddress,
    },
    metrics,
    notifications: {
      http: notifications.http,
      clusterName: flags.clusterName,
      dashboardUrl: flags.dashboardUrl,
    },
    reporterOf: (events) => {
      const reporter = new PassReporter(log, events, metrics);
      return tracing?.passes.over(reporter) ?? reporter;
    },
    follow: tracing && ((key, pass) => tracing.passes.follow(key, pass)),
    onError,
    say: (level, sentence) => {
      log[level](sentence);
    },
  });

  const closeServers = await serve({
    flags,
    metrics,
    ready: () => operator.ready,
    listening: (port, paths) => {
      log.info({ port }, `serves ${paths}`);
    },
  });
  const dashboard = await dashboardOf(flags, config, direct, onError);
  if (dashboard !== undefined) log.info({ url: dashboard.url }, 'serves the dashboard');
  const outcome = await operator.run(stopping.signal);
  if (outcome === 'lost') {
    // Whoever leads now must not meet passes of ours: the process ends without waiting for anything, and its supervisor
    // starts a fresh one.
    log.error('the lease was lost: ends at once');
    process.exit(1);
  }
  await Promise.all([closeServers(), sources.close(), dashboard?.close()]);
  await operator.shutdown();
  await notifications.close();
  await tracing?.close();
}

/** Traces of passes, where a flag wants them. */
async function startTracing(log: Logger): Promise<{ passes: PassTraces; close: () => Promise<void> }> {
  // Loaded only where it is wanted.
  const { exportSpans } = await import('./controllers/tracing/export.ts');
  const { emit, close } = exportSpans(versionOf(), (sentence) => {
    log.warn(sentence);
  });
  return { passes: new PassTraces(clock, emit), close };
}

function versionOf(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The dashboard, where a flag wants it. It shows and does what each person could by kubectl. */
async function dashboardOf(
  { dashboardAddress, namespace }: Flags,
  config: KubeConfig,
  client: ApiClient,
  onError: (error: unknown, where: string) => void,
): Promise<RunningDashboard | undefined> {
  if (dashboardAddress === undefined) return undefined;
  const address = parseAddress(dashboardAddress);
  if ('error' in address) throw new Error(`--dashboard: ${address.error}`);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('no cluster is chosen');
  // Loaded only where it is wanted.
  const { Access, ClusterGate, startDashboard } = await import('./dashboard/index.ts');
  const clientOf = (token: string) => {
    const own = new KubeConfig();
    own.loadFromClusterAndUser(cluster, { name: 'visitor', token });
    return new HttpApiClient(own, { clock, userAgent: 'songbird-dashboard' });
  };
  return startDashboard({
    client,
    namespace,
    gate: new ClusterGate(new Access(client, clock), clock, clientOf),
    clock,
    ...address,
    onError: (error) => {
      onError(error, 'dashboard');
    },
  });
}

/** What an API server answers, or that it does not, explains itself; a stack is for faults of this program. */
function errorLogger(log: Logger): (error: unknown, where: string, about?: About) => void {
  return (error, where, about) => {
    const details = isApiError(error) ? { code: error.code, reason: error.reason } : { err: error };
    log.error(
      { ...about, ...details },
      `${where}: ${error instanceof Error ? error.message : String(error)}`,
    );
  };
}

const flags = parseFlags(process.argv.slice(2));
if (flags === 'help') {
  process.stdout.write(USAGE);
} else if ('error' in flags) {
  process.stderr.write(`${flags.error}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  try {
    await main(flags);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    pino({ timestamp: pino.stdTimeFunctions.isoTime }).fatal(`the operator cannot run: ${message}`);
    process.exit(1);
  }
}
