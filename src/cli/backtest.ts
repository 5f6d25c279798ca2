import { type CanaryReleaseSpec, formatDuration, formatPercent } from '../api/index.ts';
import { dwellMs } from '../core/steps.ts';
import type { Dice } from '../simulator/dice.ts';
import { lengthOf, startsOf } from '../simulator/history.ts';
import { isOverLimit, moreRequests, tightSteps } from './advice.ts';
import { type Outcomes, type Playable, notPlayed, notPlayedSentences, play, playable } from './forecast.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { commandOf } from './command.ts';
import { pickFrom, readHistory, summaryOf } from './recording.ts';
import { often, rounded, undecidedText } from './text.ts';
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
Delays are those of that Prometheus where the manifest counts by one. Exit status 1: healthy versions
would surely have been rolled back, or stayed undecided, too often (above 1%).`;

/** What the analysis promises (0–1). */
const ALLOWED = 0.01;
const EXAMPLES = 5;

interface Report {
  readonly release: string;
  readonly from: string;
  /** From the first request to the last one, as far as was looked back. */
  readonly days: number;
  readonly pods: number;
  readonly traffic: { readonly perSecond: number; readonly bad: Readonly<Record<string, number>> };
  /** Parts of the analysis that are not played. */
  readonly notPlayed: readonly string[];
  readonly outcomes: Outcomes;
  /** Releases that would have been rolled back or paused, and why. */
  readonly stopped: readonly { readonly at: string; readonly message: string }[];
  readonly advice: readonly string[];
}

export const backtest = commandOf(
  HELP,
  {
    options: {
      file: { type: 'string', short: 'f' },
      release: { type: 'string' },
      prometheus: { type: 'string' },
      since: { type: 'string', default: '7d' },
      runs: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  },
  async ({ values }, { output: { print } }) => {
    if (values.file === undefined || values.prometheus === undefined) {
      throw new UsageError(
        'give the manifest and the Prometheus: songbird backtest -f release.yaml --prometheus http://prometheus:9090',
      );
    }
    const manifest = await readManifest(values.file, values.release);
    const played = playable(manifest.spec, true);
    const report = await replay(manifest, played, {
      address: values.prometheus,
      sinceMs: period('since', values.since),
      runs: Math.ceil(positive('runs', values.runs)),
      seed: Math.floor(positive('seed', values.seed)),
    });
    if (values.json) print(JSON.stringify(report));
    else for (const line of describe(report, played)) print(line);
    return isTooOften(report.outcomes) ? 1 : 0;
  },
);

async function replay(
  manifest: Manifest,
  played: Playable,
  options: { address: string; sinceMs: number; runs: number; seed: number },
): Promise<Report> {
  const { address, sinceMs, runs, seed } = options;
  const { history, scrapeMs } = await readHistory(manifest, { address, now: Date.now(), sinceMs });
  const { spec } = played;
  const tookMs = shortestMs(spec);
  const possible = Math.max(1, startsOf(history, tookMs, history.stepMs).length);
  const starts = startsOf(history, tookMs, history.stepMs * Math.ceil(possible / runs));
  if (starts.length === 0) {
    throw new UsageError('a release takes longer than the time that is known: give a longer --since');
  }
  const pick = pickFrom(history);
  const requestsOf = (run: number, dice: Dice) => pick(dice, 1, starts[run] ?? 0);
  const { outcomes, lives } = play(played, requestsOf, { runs: starts.length, seed, scrapeMs });
  const traffic = summaryOf(history);
  return {
    release: manifest.name,
    from: new Date(history.fromMs).toISOString(),
    days: lengthOf(history) / DAY_MS,
    pods: history.pods.length,
    traffic,
    notPlayed: notPlayed(played),
    outcomes,
    stopped: lives.flatMap(({ outcome, message }, run) =>
      outcome === 'Promoted'
        ? []
        : [{ at: new Date(history.fromMs + (starts[run] ?? 0)).toISOString(), message }],
    ),
    advice: adviceFor(spec, traffic, outcomes),
  };
}

const DAY_MS = 86_400_000;

/** A release that waits for nothing but its steps (ms). */
function shortestMs(spec: CanaryReleaseSpec): number {
  return spec.steps.reduce((sum, { weight }) => sum + dwellMs(spec, weight), 0);
}

/** Healthy versions that fail, or that no step lets pass until its deadline: neither goes out. */
function isTooOften({ rolledBack, undecided }: Outcomes): boolean {
  return rolledBack.low > ALLOWED || undecided.low > ALLOWED;
}

function adviceFor(spec: CanaryReleaseSpec, traffic: Report['traffic'], outcomes: Outcomes): string[] {
  if (!isTooOften(outcomes)) return [];
  if (outcomes.rolledBack.low > ALLOWED || isOverLimit(spec, traffic)) {
    return [
      'The limits are too near to what the service does by itself: set them higher, or look at what happened at these times.',
    ];
  }
  const [tight] = tightSteps(spec, traffic);
  const requests = tight === undefined ? 'give the step more weight or a longer time' : moreRequests(tight);
  return [
    'Too many end without a verdict.',
    `Where requests were too few, ${requests}. Where counts were over a limit, set it above what the service does by itself.`,
  ];
}

function* describe(report: Report, played: Playable): Generator<string> {
  const { outcomes, traffic, stopped, pods } = report;
  yield `${report.release}: ${lengthText(report.days)} from ${report.from}, ${pods === 1 ? '1 pod' : `${pods} pods`}`;
  const shares = Object.entries(traffic.bad).map(([metric, rate]) => `${metric} ${formatPercent(rate)}`);
  yield `${rounded(traffic.perSecond)} requests a second in the mean; ${shares.join(', ')}`;
  yield* notPlayedSentences(played);
  yield '';
  yield `${outcomes.runs} releases of a healthy version (in brackets: the 95% interval)`;
  yield `  rolled back wrongly: ${often(outcomes.rolledBack)}`;
  yield `  ${undecidedText(outcomes)}`;
  yield `  promoted: ${often(outcomes.promoted)}`;
  for (const { at, message } of stopped.slice(0, EXAMPLES)) yield `  ${at}: ${message}`;
  if (stopped.length > EXAMPLES) yield `  and ${stopped.length - EXAMPLES} more`;
  for (const sentence of report.advice) yield `\n${sentence}`;
}

function lengthText(days: number): string {
  if (days >= 2) return `${rounded(days)} days`;
  return formatDuration(Math.round(days * 24 * 60) * 60_000);
}
