import { eventMetrics } from '../analysis/event-metric.ts';
import { type CanaryReleaseSpec, formatPercent } from '../api/index.ts';
import type { Dice } from '../simulator/dice.ts';
import { type Load, type Requests, Traffic } from '../simulator/traffic.ts';
import { DEFAULT_SCRAPE_MS } from '../simulator/life.ts';
import { adviceFor, doubtAbout } from './advice.ts';
import { type Outcomes, type Playable, notPlayed, notPlayedSentences, play, playable } from './forecast.ts';
import { type Latency, parseLatency, slowerThan } from './latency.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { commandOf } from './command.ts';
import { cumulative, curve } from './plot.ts';
import { pickFrom, readHistory, summaryOf } from './recording.ts';
import { often, rounded, stepText, time, undecidedText } from './text.ts';
import { UsageError, period, positive, share } from './usage.ts';

const HELP = `songbird simulate -f FILE [options]

Says before anyone applies a CanaryRelease how its releases will go: plays many of them, with the code
that decides in the cluster, for a version as good as the present one and for a bad one.

  -f, --file FILE      the manifest; - is standard input
  --release NAME       which CanaryRelease, where the file has several
  --rps N              requests a second to the service (default 50)
  --error-rate P       share that fails today (default 0.1%)
  --latency P50/P99    how long requests take today, such as 40ms/300ms; without it limits of latency
                       are not played
  --prometheus URL     takes requests, errors and latency from the last --since (default 1d) of the
                       service's Istio metrics instead
  --scrape PERIOD      how often Prometheus scrapes, where the manifest counts by it (default: as the
                       one of --prometheus does, or else 15s)
  --bad-ratio N        how many times as often requests of the bad version go wrong (default 10)
  --runs N             releases played of each version (default 200)
  --seed N             of the dice (default 1)
  --json               one JSON object

Pauses of steps count as resumed at once. Errors and latency are played; queries of metrics and
templates are not. Exit status 1: at this traffic the analysis cannot decide, as fewer than half of
the good versions go out or no bad one is found out, and the output says what would help.`;

/** The widest plot. */
const COLUMNS = 60;
const LEAST_COLUMNS = 10;
/** What stands beside the plot's columns. */
const MARGIN = 10;
const ROWS = 6;

interface Options {
  readonly perSecond: number;
  readonly errorRate: number;
  readonly latency: Latency | undefined;
  readonly badRatio: number;
  readonly scrapeMs: number | undefined;
  readonly runs: number;
  readonly seed: number;
}

export const simulate = commandOf(
  HELP,
  {
    options: {
      file: { type: 'string', short: 'f' },
      release: { type: 'string' },
      rps: { type: 'string', default: '50' },
      'error-rate': { type: 'string', default: '0.1%' },
      latency: { type: 'string' },
      prometheus: { type: 'string' },
      since: { type: 'string', default: '1d' },
      scrape: { type: 'string' },
      'bad-ratio': { type: 'string', default: '10' },
      runs: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  },
  async ({ values }, { output }) => {
    const { print, columns } = output;
    if (values.file === undefined)
      throw new UsageError('give the manifest: songbird simulate -f release.yaml');
    const options: Options = {
      perSecond: positive('rps', values.rps),
      errorRate: share('error-rate', values['error-rate']),
      latency: values.latency === undefined ? undefined : parseLatency(values.latency),
      badRatio: positive('bad-ratio', values['bad-ratio']),
      scrapeMs: values.scrape === undefined ? undefined : period('scrape', values.scrape),
      runs: Math.ceil(positive('runs', values.runs)),
      seed: Math.floor(positive('seed', values.seed)),
    };
    const manifest = await readManifest(values.file, values.release);
    const { prometheus } = values;
    const played = playable(manifest.spec, prometheus !== undefined || options.latency !== undefined);
    const world =
      prometheus === undefined
        ? imagined(played, options)
        : await recorded(manifest, prometheus, period('since', values.since));
    const report = forecast(manifest, played, world, options);
    const width = Math.min(COLUMNS, Math.max(LEAST_COLUMNS, (columns ?? Infinity) - MARGIN));
    if (values.json) print(JSON.stringify(report));
    else for (const line of describe(report, played, width)) print(line);
    return report.advice.length === 0 ? 0 : 1;
  },
);

/** What callers do, and how it was found out. */
interface World {
  /** In the mean. */
  readonly load: Load;
  /** How often a Prometheus scrapes; undefined where there is none to ask. */
  readonly scrapeMs?: number;
  requestsOf(badRatio: number, dice: Dice): Requests;
}

function imagined({ spec }: Playable, options: Options): World {
  const load = loadOf(spec, options);
  return { load, requestsOf: (badRatio) => new Traffic([load], badRatio) };
}

async function recorded(manifest: Manifest, address: string, sinceMs: number): Promise<World> {
  const { history, scrapeMs } = await readHistory(manifest, { address, now: Date.now(), sinceMs });
  const load: Load = { forMs: sinceMs, ...summaryOf(history) };
  const pick = pickFrom(history);
  return { load, scrapeMs, requestsOf: (badRatio, dice) => pick(dice, badRatio) };
}

interface Report {
  readonly release: string;
  readonly steps: CanaryReleaseSpec['steps'];
  readonly traffic: { readonly perSecond: number; readonly bad: Readonly<Record<string, number>> };
  /** Seconds between scrapes, where the manifest counts by Prometheus. */
  readonly scrapedEvery?: number;
  /** Parts of the analysis that are not played. */
  readonly notPlayed: readonly string[];
  readonly badRatio: number;
  readonly seed: number;
  readonly good: Outcomes;
  readonly bad: Outcomes;
  /** When the bad ones were taken back (seconds). */
  readonly rollbacks: readonly number[];
  readonly advice: readonly string[];
}

function forecast({ name, spec }: Manifest, played: Playable, world: World, options: Options): Report {
  const { load } = world;
  const { badRatio, runs, seed } = options;
  const scrapeMs = options.scrapeMs ?? world.scrapeMs ?? DEFAULT_SCRAPE_MS;
  const playAll = (ratio: number) =>
    play(played, (_, dice) => world.requestsOf(ratio, dice), { runs, seed, scrapeMs });
  const good = playAll(1).outcomes;
  const bad = playAll(badRatio);
  return {
    release: name,
    steps: spec.steps,
    traffic: { perSecond: load.perSecond, bad: load.bad },
    ...(spec.analysis.source === 'prometheus' ? { scrapedEvery: scrapeMs / 1000 } : {}),
    notPlayed: notPlayed(played),
    badRatio,
    seed,
    good,
    bad: bad.outcomes,
    rollbacks: bad.lives
      .filter(({ reason }) => reason === 'AnalysisFailed')
      .map(({ tookMs }) => tookMs / 1000),
    advice: adviceFor(played.spec, load, badRatio, good, bad.outcomes),
  };
}

function loadOf(spec: CanaryReleaseSpec, { perSecond, errorRate, latency }: Options): Load {
  const bad = eventMetrics(spec.analysis).flatMap((metric): [string, number][] => {
    if (metric.kind === 'errors') return [[metric.name, errorRate]];
    return latency === undefined ? [] : [[metric.name, slowerThan(metric.slowerThanMs, latency)]];
  });
  return { forMs: 3_600_000, perSecond, bad: Object.fromEntries(bad) };
}

function* describe(report: Report, played: Playable, width: number): Generator<string> {
  const { good, bad, traffic, scrapedEvery, badRatio } = report;
  const steps = report.steps.map(stepText).join(' → ');
  yield `${report.release}: ${steps}`;
  const shares = Object.entries(traffic.bad).map(([metric, rate]) => `${metric} ${formatPercent(rate)}`);
  const scraped = scrapedEvery === undefined ? '' : ` Prometheus scrapes every ${time(scrapedEvery)}.`;
  yield `${rounded(traffic.perSecond)} requests a second; today ${shares.join(', ')}.${scraped}`;
  yield `Releases played of each version: ${good.runs}, seed ${report.seed}. In brackets: the 95% interval.`;
  yield* notPlayedSentences(played);
  yield '';
  yield 'A version as good as the present one';
  for (const { weight, passed, passedAfter } of good.steps) {
    const some = passed === good.runs ? '' : `, in ${passed} of ${good.runs}`;
    const when = passedAfter === undefined ? 'never passed' : `passed after ${time(passedAfter)}${some}`;
    yield `  ${`${weight}%`.padStart(4)} has ${when}`;
  }
  yield `  promoted: ${often(good.promoted)}`;
  yield `  rolled back wrongly: ${often(good.rolledBack)}`;
  yield `  ${undecidedText(good)}`;
  yield '';
  yield badRatio === 1
    ? 'Another one that goes wrong as often'
    : `A version that goes wrong ${badRatio} times as often`;
  yield `  rolled back: ${often(bad.rolledBack)}`;
  yield `  ${undecidedText(bad)}`;
  yield `  promoted: ${often(bad.promoted)}`;
  const failed = Object.entries(bad.bad).map(([metric, count]) => `${rounded(count)} ${metricText(metric)}`);
  yield `  reaches ${rounded(bad.requests.mean)} requests in the mean, of which ${failed.join(', ')}`;
  yield* rollbacksOf(report, width);
  if (bad.example !== undefined) yield `  such as: ${bad.example}`;
  const doubt = doubtAbout(good);
  for (const sentence of [...(doubt === undefined ? [] : [doubt]), ...report.advice]) yield `\n${sentence}`;
}

/** Where half of them are few, the rest of the curve is chance. */
const LEAST_PLOTTED = 5;

function* rollbacksOf({ bad, rollbacks }: Report, width: number): Generator<string> {
  if (bad.rolledBackAfter === undefined) return;
  const { p50, p95 } = bad.rolledBackAfter;
  if (rollbacks.length < LEAST_PLOTTED) {
    yield `  is taken back after ${rollbacks.map(time).join(', ')}`;
    return;
  }
  yield `  is taken back after ${time(p50)} (half of those), ${time(p95)} (95%)`;
  yield '';
  yield '  share of all taken back by then';
  const span = Math.max(p95 * 1.25, 1);
  const values = cumulative(rollbacks, bad.runs, span, width);
  for (const line of curve(values, ROWS, '0s', time(span))) yield `  ${line}`;
}

function metricText(metric: string): string {
  return metric === 'errors' ? 'fail' : `are too slow (${metric})`;
}
