import { parseArgs } from 'node:util';
import { eventMetrics } from '../analysis/event-metric.ts';
import { type CanaryReleaseSpec, formatPercent } from '../api/index.ts';
import type { Dice } from '../simulator/dice.ts';
import { type Load, type Requests, Traffic } from '../simulator/traffic.ts';
import { adviceFor } from './advice.ts';
import { type Outcomes, notPlayed, notPlayedSentence, play, playable } from './forecast.ts';
import { type Latency, parseLatency, slowerThan } from './latency.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { cumulative, curve } from './plot.ts';
import { STEP_MS, pickFrom, readHistory, summaryOf } from './recording.ts';
import { often, rounded, stepText, time } from './text.ts';
import { UsageError, period, positive, share } from './usage.ts';

const HELP = `songbird simulate -f FILE [options]

Says before anyone applies a CanaryRelease how its releases will go: plays many of them, with the code
that decides in the cluster, for a version as good as the present one and for a bad one.

  -f, --file FILE      the manifest; - is standard input
  --release NAME       which CanaryRelease, where the file has several
  --rps N              requests a second to the service (default 50)
  --error-rate P       share that fails today (default 0.1%)
  --latency P50/P99    how long requests take today, such as 40ms/300ms
  --prometheus URL     takes requests, errors and latency from the last --since (default 1d) of the
                       service's Istio metrics instead
  --scrape PERIOD      how often Prometheus scrapes, where the manifest counts by it (default 15s)
  --bad-ratio N        how many times as often requests of the bad version go wrong (default 10)
  --runs N             releases played of each version (default 200)
  --seed N             of the dice (default 1)
  --json               one JSON object

Pauses of steps count as resumed at once. Errors and latency are played, metrics of templates are
not. Exit status 1: at this traffic the analysis could never
decide, and the output says what would help.`;

/** Where nothing is known of a service's latency: slow requests are so much rarer than its limit allows. */
const ASSUMED_SLOW = 0.1;
const COLUMNS = 60;
const ROWS = 6;

interface Options {
  readonly perSecond: number;
  readonly errorRate: number;
  readonly latency: Latency | undefined;
  readonly badRatio: number;
  readonly scrapeMs: number;
  readonly runs: number;
  readonly seed: number;
}

/** @returns the exit status @throws UsageError */
export async function simulate(args: readonly string[], print: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string', short: 'f' },
      release: { type: 'string' },
      rps: { type: 'string', default: '50' },
      'error-rate': { type: 'string', default: '0.1%' },
      latency: { type: 'string' },
      prometheus: { type: 'string' },
      since: { type: 'string', default: '1d' },
      scrape: { type: 'string', default: '15s' },
      'bad-ratio': { type: 'string', default: '10' },
      runs: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  if (values.file === undefined) throw new UsageError('give the manifest: songbird simulate -f release.yaml');
  const options: Options = {
    perSecond: positive('rps', values.rps),
    errorRate: share('error-rate', values['error-rate']),
    latency: values.latency === undefined ? undefined : parseLatency(values.latency),
    badRatio: positive('bad-ratio', values['bad-ratio']),
    scrapeMs: period('scrape', values.scrape),
    runs: Math.ceil(positive('runs', values.runs)),
    seed: Math.floor(positive('seed', values.seed)),
  };
  const manifest = await readManifest(values.file, values.release);
  const missing = notPlayed(manifest.spec);
  const world =
    values.prometheus === undefined
      ? imagined(manifest, options)
      : await recorded(manifest, values.prometheus, period('since', values.since));
  const report = { ...forecast(manifest, world, options), notPlayed: missing };
  if (values.json) print(JSON.stringify(report));
  else for (const line of describe(report, world, options)) print(line);
  return report.advice.length === 0 ? 0 : 1;
}

/** What callers do, and how it was found out. */
interface World {
  /** In the mean. */
  readonly load: Load;
  readonly origin: 'imagined' | 'recorded';
  requestsOf(badRatio: number, dice: Dice): Requests;
}

function imagined({ spec }: Manifest, options: Options): World {
  const load = loadOf(spec, options);
  return { load, origin: 'imagined', requestsOf: (badRatio) => new Traffic([load], badRatio) };
}

async function recorded(manifest: Manifest, address: string, sinceMs: number): Promise<World> {
  const history = await readHistory(manifest, { address, now: Date.now(), sinceMs, stepMs: STEP_MS });
  const load: Load = { forMs: sinceMs, ...summaryOf(history) };
  const pick = pickFrom(history);
  return { load, origin: 'recorded', requestsOf: (badRatio, dice) => pick(dice, badRatio) };
}

interface Report extends Forecast {
  /** Parts of the analysis that are not played. */
  readonly notPlayed: readonly string[];
}

interface Forecast {
  readonly release: string;
  readonly steps: CanaryReleaseSpec['steps'];
  readonly traffic: { readonly perSecond: number; readonly bad: Readonly<Record<string, number>> };
  readonly badRatio: number;
  readonly seed: number;
  readonly good: Outcomes;
  readonly bad: Outcomes;
  /** When the bad ones were taken back (seconds). */
  readonly rollbacks: readonly number[];
  readonly advice: readonly string[];
}

function forecast({ name, spec: manifest }: Manifest, world: World, options: Options): Forecast {
  const spec = playable(manifest);
  const { load } = world;
  const { badRatio, runs, seed, scrapeMs } = options;
  const good = play(spec, (_, dice) => world.requestsOf(1, dice), runs, seed, scrapeMs).outcomes;
  const bad = play(spec, (_, dice) => world.requestsOf(badRatio, dice), runs, seed, scrapeMs);
  return {
    release: name,
    steps: manifest.steps,
    traffic: { perSecond: load.perSecond, bad: load.bad },
    badRatio,
    seed,
    good,
    bad: bad.outcomes,
    rollbacks: bad.lives
      .filter(({ reason }) => reason === 'AnalysisFailed')
      .map(({ tookMs }) => tookMs / 1000),
    advice: adviceFor(spec, load, badRatio, good, bad.outcomes),
  };
}

function loadOf(spec: CanaryReleaseSpec, { perSecond, errorRate, latency }: Options): Load {
  const bad = eventMetrics(spec.analysis).map((metric): [string, number] => {
    if (metric.kind === 'errors') return [metric.name, errorRate];
    return [
      metric.name,
      latency === undefined ? metric.limit * ASSUMED_SLOW : slowerThan(metric.slowerThanMs, latency),
    ];
  });
  return { forMs: 3_600_000, perSecond, bad: Object.fromEntries(bad) };
}

function* describe(report: Report, { origin }: World, { latency }: Options): Generator<string> {
  const { good, bad, badRatio, traffic } = report;
  const steps = report.steps.map(stepText).join(' → ');
  yield `${report.release}: ${steps}`;
  const shares = Object.entries(traffic.bad).map(([metric, rate]) => `${metric} ${formatPercent(rate)}`);
  yield `${rounded(traffic.perSecond)} requests a second; today ${shares.join(', ')}. ${good.runs} releases each, seed ${report.seed}.`;
  if (
    origin === 'imagined' &&
    latency === undefined &&
    Object.keys(traffic.bad).some((metric) => metric.startsWith('latency'))
  ) {
    yield 'How long requests take is not known: give --latency P50/P99, such as --latency 40ms/300ms.';
  }
  const missing = notPlayedSentence(report.notPlayed);
  if (missing !== undefined) yield missing;
  yield '';
  yield 'A version as good as the present one';
  for (const { weight, passedAfter } of good.steps) {
    const when = passedAfter === undefined ? 'never' : `after ${time(passedAfter)}`;
    yield `  ${`${weight}%`.padStart(4)} has passed ${when}`;
  }
  yield `  promoted: ${often(good.promoted)}; rolled back wrongly: ${often(good.rolledBack)}; undecided: ${often(good.undecided)}`;
  yield '';
  yield `A version that goes wrong ${badRatio} times as often`;
  yield `  rolled back: ${often(bad.rolledBack)}; undecided: ${often(bad.undecided)}; promoted: ${often(bad.promoted)}`;
  const failed = Object.entries(bad.bad).map(([metric, count]) => `${rounded(count)} ${metricText(metric)}`);
  yield `  reaches ${rounded(bad.requests.mean)} requests in the mean, of which ${failed.join(', ')}`;
  if (bad.rolledBackAfter !== undefined) {
    const { p50, p95 } = bad.rolledBackAfter;
    yield `  is taken back after ${time(p50)} (half of them), ${time(p95)} (95%)`;
    yield '';
    yield '  share of them taken back by then';
    const span = Math.max(p95 * 1.25, 1);
    const values = cumulative(report.rollbacks, bad.runs, span, COLUMNS);
    for (const line of curve(values, ROWS, '0s', time(span))) yield `  ${line}`;
  }
  if (bad.example !== undefined) yield `  such as: ${bad.example}`;
  for (const advice of report.advice) yield `\n${advice}`;
}

function metricText(metric: string): string {
  return metric === 'errors' ? 'fail' : `are too slow (${metric})`;
}
