import { describe, expect, it } from 'vitest';
import { USAGE, parseFlags } from './flags.ts';

describe('the command line', () => {
  it('may be empty: every flag has a default', () => {
    expect(parseFlags([])).toEqual({
      metricsAddress: '0.0.0.0:8080',
      healthAddress: '0.0.0.0:8081',
      leaderElect: false,
      leaderElectionNamespace: 'songbird-system',
      prometheusAddress: undefined,
      dashboardAddress: undefined,
      tracing: false,
      namespace: undefined,
      workers: 8,
      writesPerSecond: 50,
      logLevel: 'info',
    });
  });

  it('sets each of them, with a space or an equals sign', () => {
    const args = [
      '--metrics-address=127.0.0.1:0',
      '--health-address',
      '[::1]:9000',
      '--leader-elect',
      '--leader-election-namespace=ops',
      '--prometheus-address=https://prometheus.example:9090/base',
      '--cluster-name=eu-1',
      '--dashboard-url=https://songbird.example.com',
      '--namespace',
      'shop',
      '--workers=3',
      '--writes-per-second=200',
      '--log-level=debug',
      '--dashboard=127.0.0.1:8082',
      '--tracing',
    ];
    expect(parseFlags(args)).toEqual({
      metricsAddress: '127.0.0.1:0',
      healthAddress: '[::1]:9000',
      leaderElect: true,
      leaderElectionNamespace: 'ops',
      prometheusAddress: 'https://prometheus.example:9090/base',
      dashboardAddress: '127.0.0.1:8082',
      tracing: true,
      clusterName: 'eu-1',
      dashboardUrl: 'https://songbird.example.com',
      namespace: 'shop',
      workers: 3,
      writesPerSecond: 200,
      logLevel: 'debug',
    });
  });

  it.each([['--help'], ['-h']])('asks for help by %s, whatever else it says', (flag) => {
    expect(parseFlags(['--workers=3', flag])).toBe('help');
  });

  it.each([
    [['--workers=0'], '--workers must be a whole number above 0, not 0'],
    [['--workers=many'], '--workers must be a whole number above 0, not many'],
    [['--writes-per-second=1.5'], '--writes-per-second must be a whole number above 0, not 1.5'],
    [['--log-level=loud'], '--log-level must be one of debug, info, warn, error'],
    [['--prometheus-address=prometheus:9090'], '--prometheus-address must be a URL with http:// or https://'],
    [['--dashboard-url=songbird.example.com'], '--dashboard-url must be a URL with http:// or https://'],
    [['--cluster-name='], '--cluster-name must not be empty'],
    [['--prometheus-address=http://'], '--prometheus-address must be a URL with http:// or https://'],
    [['--metrics-address=8080'], /^--metrics-address: "8080" is no address .* host:port/],
    [['--health-address=0.0.0.0:99999'], /^--health-address: "0\.0\.0\.0:99999" is no address/],
    [['--namespace='], '--namespace must not be empty: leave it out for all namespaces'],
    [['--leader-election-namespace='], '--leader-election-namespace must not be empty'],
    [['--unknown'], /--unknown/],
    [['positional'], /positional/],
    [['--workers'], /--workers/],
  ])('%j is refused with a sentence that names the flag', (args, sentence) => {
    const parsed = parseFlags(args);
    expect(parsed).toHaveProperty('error');
    const { error } = parsed as { error: string };
    if (typeof sentence === 'string') expect(error).toBe(sentence);
    else expect(error).toMatch(sentence);
  });

  it('and its usage name the same flags', () => {
    const inUsage = [...USAGE.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name);
    expect(inUsage).toHaveLength(13);
    for (const name of inUsage) {
      const parsed = parseFlags([`--${name ?? ''}=@`]);
      expect(JSON.stringify(parsed), name).not.toMatch(/Unknown option/);
    }
  });
});
