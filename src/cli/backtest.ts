import { parseArgs } from 'node:util';
import { type CanaryReleaseSpec, formatPercent } from '../api/index.ts';
import { dwellMs } from '../core/steps.ts';
import { startsOf } from '../simulator/history.ts';
import { type Outcomes, notPlayed, notPlayedSentence, play, playable } from './forecast.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { STEP_MS, pickFrom, readHistory, summaryOf } from './recording.ts';
import { often, rounded } from './text.ts';
import { UsageError, period, positive } from './usage.ts';

const HELP = `songbird backtest -f FILE --prometheus URL [options]

Says how often the analysis of a CanaryRelease would have rolled back past weeks: plays releases of a
version that was as good as the others, at many times of the service's own history. Choose a time
without a bad release in it.

  -f, --file FILE      the manifest; - is standard input
  --release NAME       which CanaryRelease, where the file has several
  --prometheus URL     where Istio's standard metrics of the service are
  --since PERIOD       how far to look back (default 7d)
  --runs N             at most so many releases, evenly over the time (default 500)
  --seed N             of the dice (default 1)
  --json               one JSON object

The candidate has the rates of one pod, stable those of all; bad events come in bursts as they did.
Exit status 1: healthy versions would surely have been rolled back too often (above 1%).`;

/** What the analysis promises (0–1). */
const ALLOWED = 0.01;
const EXAMPLES = 5;

interface Report {
  readonly release: string;
  readonly from: string;
  readonly days: number;
  readonly pods: number;
  readonly traffic: { readonly perSecond: number; readonly bad: Readonly<Record<string, number>> };
  /** Parts of the analysis that are not played. */
  readonly notPlayed: readonly string[];
  readonly outcomes: Outcomes;
  /** Releases that would have been rolled back, and why. */
  readonly rollbacks: readonly { readonly at: string; readonly message: string }[];
}

/** @returns the exit status @throws UsageError */
export async function backtest(args: readonly string[], print: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string', short: 'f' },
      release: { type: 'string' },
      prometheus: { type: 'string' },
      since: { type: 'string', default: '7d' },
      runs: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  if (values.file === undefined || values.prometheus === undefined) {
    throw new UsageError(
      'give the manifest and the Prometheus: songbird backtest -f release.yaml --prometheus http://prometheus:9090',
    );
  }
  const manifest = await readManifest(values.file, values.release);
  const report = await replay(manifest, {
    address: values.prometheus,
    sinceMs: period('since', values.since),
    runs: Math.ceil(positive('runs', values.runs)),
    seed: Math.floor(positive('seed', values.seed)),
  });
  if (values.json) print(JSON.stringify(report));
  else for (const line of describe(report)) print(line);
  return isTooOften(report.outcomes) ? 1 : 0;
}

async function replay(
  manifest: Manifest,
  options: { address: string; sinceMs: number; runs: number; seed: number },
): Promise<Report> {
  const { address, sinceMs, runs, seed } = options;
  const missing = notPlayed(manifest.spec);
  const history = await readHistory(manifest, { address, now: Date.now(), sinceMs, stepMs: STEP_MS });
  const spec = playable(manifest.spec);
  const tookMs = shortestMs(spec);
  const possible = Math.max(1, startsOf(history, tookMs, history.stepMs).length);
  const starts = startsOf(history, tookMs, history.stepMs * Math.ceil(possible / runs));
  if (starts.length === 0) {
    throw new UsageError('a release takes longer than the time to look back: give a longer --since');
  }
  const pick = pickFrom(history);
  const { outcomes, lives } = play(spec, (run, dice) => pick(dice, 1, starts[run] ?? 0), starts.length, seed);
  return {
    release: manifest.name,
    from: new Date(history.fromMs).toISOString(),
    days: sinceMs / 86_400_000,
    pods: history.pods.length,
    traffic: summaryOf(history),
    notPlayed: missing,
    outcomes,
    rollbacks: lives.flatMap(({ outcome, message }, run) =>
      outcome === 'RolledBack'
        ? [{ at: new Date(history.fromMs + (starts[run] ?? 0)).toISOString(), message }]
        : [],
    ),
  };
}

/** A release that waits for nothing but its steps (ms). */
function shortestMs(spec: CanaryReleaseSpec): number {
  return spec.steps.reduce((sum, { weight }) => sum + dwellMs(spec, weight), 0);
}

/** Healthy versions that fail, or that no step lets pass until its deadline: both are taken back. */
function isTooOften({ rolledBack, undecided }: Outcomes): boolean {
  return rolledBack.low > ALLOWED || undecided.low > ALLOWED;
}

function* describe(report: Report): Generator<string> {
  const { outcomes, traffic, rollbacks } = report;
  yield `${report.release}: ${rounded(report.days)} days from ${report.from}, ${report.pods} pods`;
  const shares = Object.entries(traffic.bad).map(([metric, rate]) => `${metric} ${formatPercent(rate)}`);
  yield `${rounded(traffic.perSecond)} requests a second in the mean; ${shares.join(', ')}`;
  const missing = notPlayedSentence(report.notPlayed);
  if (missing !== undefined) yield missing;
  yield '';
  yield `${outcomes.runs} releases of a healthy version`;
  yield `  rolled back wrongly: ${often(outcomes.rolledBack)}`;
  yield `  undecided: ${often(outcomes.undecided)}`;
  yield `  promoted: ${often(outcomes.promoted)}`;
  for (const { at, message } of rollbacks.slice(0, EXAMPLES)) yield `  ${at}: ${message}`;
  if (rollbacks.length > EXAMPLES) yield `  and ${rollbacks.length - EXAMPLES} more`;
  if (isTooOften(outcomes)) {
    yield '';
    yield 'The limits are too near to what the service does by itself: set them higher, or look at what happened at these times.';
  }
}
