import { parseArgs } from 'node:util';
import { parseAddress } from './http-server.ts';

/** The operator's settings, as flags give them. */
export interface Flags {
  readonly metricsAddress: string;
  readonly healthAddress: string;
  readonly leaderElect: boolean;
  readonly leaderElectionNamespace: string;
  readonly prometheusAddress: string | undefined;
  /** Where the dashboard is served; undefined for nowhere. */
  readonly dashboardAddress: string | undefined;
  /** Sends traces by OpenTelemetry, to where its own environment variables say. */
  readonly tracing: boolean;
  /** What messages call this cluster. */
  readonly clusterName: string | undefined;
  /** Where people find the dashboard, for links in messages. */
  readonly dashboardUrl: string | undefined;
  readonly namespace: string | undefined;
  readonly workers: number;
  /** Most writes a second to the API server, on average. */
  readonly writesPerSecond: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export const USAGE = `Songbird, an operator for progressive delivery

  node src/main.ts [flags]

  --metrics-address HOST:PORT        where /metrics is served (0.0.0.0:8080; port 0 takes any free one)
  --health-address HOST:PORT         where /healthz and /readyz are served (0.0.0.0:8081)
  --leader-elect                     several replicas: only the one that holds the lease works
  --leader-election-namespace NS     namespace of the lease (songbird-system)
  --dashboard HOST:PORT              serves the dashboard, for people with a token of the cluster (off)
  --tracing                          sends traces by OTLP/HTTP to OTEL_EXPORTER_OTLP_ENDPOINT (off)
  --cluster-name NAME                what notifications call this cluster
  --dashboard-url URL                where people find the dashboard, for links in notifications
  --prometheus-address URL           Prometheus for releases that name none themselves
  --namespace NS                     only this namespace (all)
  --workers N                        releases worked on at the same time (8)
  --writes-per-second N              most writes to the API server, on average (50)
  --log-level LEVEL                  ${LOG_LEVELS.join(', ')} (info)

The cluster is that of KUBECONFIG, or of ~/.kube/config, or the one that the operator runs in.
`;

/**
 * Reads the command line.
 * @returns the flags, 'help', or what is wrong with them, as a sentence
 */
export function parseFlags(args: readonly string[]): Flags | 'help' | { error: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        'metrics-address': { type: 'string', default: '0.0.0.0:8080' },
        'health-address': { type: 'string', default: '0.0.0.0:8081' },
        'leader-elect': { type: 'boolean', default: false },
        'leader-election-namespace': { type: 'string', default: 'songbird-system' },
        'prometheus-address': { type: 'string' },
        dashboard: { type: 'string' },
        tracing: { type: 'boolean', default: false },
        'cluster-name': { type: 'string' },
        'dashboard-url': { type: 'string' },
        namespace: { type: 'string' },
        workers: { type: 'string', default: '8' },
        'writes-per-second': { type: 'string', default: '50' },
        'log-level': { type: 'string', default: 'info' },
      },
    });
    if (values.help) return 'help';
    const logLevel = LOG_LEVELS.find((level) => level === values['log-level']);
    if (logLevel === undefined) return { error: `--log-level must be one of ${LOG_LEVELS.join(', ')}` };
    const prometheus = values['prometheus-address'];
    if (prometheus !== undefined && !/^https?:\/\/[^/ ]+/.test(prometheus)) {
      return { error: '--prometheus-address must be a URL with http:// or https://' };
    }
    const dashboardUrl = values['dashboard-url'];
    if (dashboardUrl !== undefined && !/^https?:\/\/[^/ ]+/.test(dashboardUrl)) {
      return { error: '--dashboard-url must be a URL with http:// or https://' };
    }
    return {
      metricsAddress: address('--metrics-address', values['metrics-address']),
      healthAddress: address('--health-address', values['health-address']),
      leaderElect: values['leader-elect'],
      leaderElectionNamespace: filled('--leader-election-namespace', values['leader-election-namespace']),
      prometheusAddress: prometheus,
      dashboardAddress: values.dashboard === undefined ? undefined : address('--dashboard', values.dashboard),
      tracing: values.tracing,
      clusterName:
        values['cluster-name'] === undefined ? undefined : filled('--cluster-name', values['cluster-name']),
      dashboardUrl,
      namespace:
        values.namespace === undefined
          ? undefined
          : filled('--namespace', values.namespace, ': leave it out for all namespaces'),
      workers: positive('--workers', values.workers),
      writesPerSecond: positive('--writes-per-second', values['writes-per-second']),
      logLevel,
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${flag} must be a whole number above 0, not ${text}`);
  return value;
}

function filled(flag: string, text: string, mend = ''): string {
  if (text === '') throw new Error(`${flag} must not be empty${mend}`);
  return text;
}

function address(flag: string, text: string): string {
  const parsed = parseAddress(text);
  if ('error' in parsed) throw new Error(`${flag}: ${parsed.error}`);
  return text;
}
