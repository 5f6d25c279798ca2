import { evaluate } from '../../analysis/evaluate.ts';
import { type JudgedMetric, eventMetrics } from '../../analysis/event-metric.ts';
import { countedIn } from '../../analysis/memory.ts';
import type { Target, TelemetryQuery } from '../../analysis/telemetry.ts';
import { eventQueries } from '../../analysis/templates/render.ts';
import type { ResolvedMetric } from '../../analysis/templates/resolve.ts';
import {
  ANNOTATIONS,
  type AnalysisStatus,
  type Pod,
  type Problem,
  isBuiltIn,
  proportion,
  workloadName,
} from '../../api/index.ts';
import { baselineOf } from '../../core/baseline.ts';
import { nextLookMs } from '../../core/looks.ts';
import { heldShare } from '../../core/window.ts';
import { type Observed, type TelemetryState, ms, readyPods } from '../../core/model.ts';
import type { Clock } from '../../kube/clock.ts';
import { isReady, mayAnswer } from '../../workloads/index.ts';
import { type Count, CountReader, type Counted, NOTHING } from './counts.ts';
import type { Gathered } from './observe.ts';
import { type Progress, type TelemetryAccess, prometheusFor, worst } from './progress.ts';

/** Port of istio-proxy's own statistics. */
const ISTIO_STATS_PORT = 15_090;

/** Looks come by a clock and a little early or late; what is younger than this share of the time between them is shared. */
const SHARED = 0.8;

/** Under which ids the counts are read; none of the built-in metrics where nobody can be asked. */
interface Ids {
  readonly builtIn: string | undefined;
  readonly queried: string;
}

/** Counts the events of releases in progress: of the built-in metrics, and of those with queries of their own. */
export class Counting {
  readonly #access: TelemetryAccess;
  readonly #builtIn: CountReader;
  readonly #queried: CountReader;

  constructor(access: TelemetryAccess, clock: Clock, wake: (key: string) => void) {
    this.#access = access;
    this.#builtIn = new CountReader(clock, wake);
    this.#queried = new CountReader(clock, wake);
  }

  /** Begins to read what the release counts; see {@link settle} and {@link judge}. */
  begin(key: string, gathered: Gathered, progress: Progress, now: number): Ids {
    const { metrics, observed } = gathered;
    const { analysis: spec } = observed.spec;
    const id = (from: number) => [progress.attempt.number, progress.candidate, from].join('/');
    const [builtIn, queried] = [id(progress.from), id(progress.queriedFrom)];
    const query = this.#query(gathered, progress, now);
    const isAskable = spec.source === 'proxies' || query.prometheus !== undefined;
    if (query.metrics.length > 0 && isAskable) {
      this.#builtIn.begin(key, builtIn, () => this.#access.sources[spec.source].read(query));
    }
    if (metrics.problems.length === 0 && metrics.events.length > 0) {
      const asked = { key, ...queriesOf(gathered, progress), now, prometheus: query.prometheus };
      this.#queried.begin(key, queried, () => this.#access.events.read(asked));
    }
    return { builtIn: isAskable ? builtIn : undefined, queried };
  }

  async settle(key: string): Promise<void> {
    await Promise.all([this.#builtIn.settle(key), this.#queried.settle(key)]);
  }

  /** What was counted up to now, judged, and whether it could be read. */
  judge(
    key: string,
    { builtIn, queried }: Ids,
    gathered: Gathered,
    progress: Progress,
    now: number,
  ): { telemetry: TelemetryState; analysis: AnalysisStatus } {
    const { observed, metrics } = gathered;
    const limits = eventMetrics(observed.spec.analysis);
    const [problem] = metrics.problems;
    const own = problem === undefined ? metrics.events.map(queriedMetric) : knownMetrics(progress);
    const tests = limits.length + own.length;
    const parts: { analysis: AnalysisStatus; problem: Problem | undefined }[] = [];
    const judged = (all: readonly JudgedMetric[], count: Count, from: Progress) => {
      const isRead = 'reading' in count;
      const analysis = evaluated(observed, from, all, tests, isRead ? count.reading : NOTHING, now);
      parts.push({ analysis, problem: isRead ? undefined : count.problem });
      return analysis;
    };
    if (limits.length > 0) {
      const count = builtIn === undefined ? { problem: NO_ADDRESS } : this.#builtIn.take(key, builtIn);
      judged(limits, count, progress);
    }
    const first = parts[0]?.analysis ?? evaluated(observed, progress, [], 1, NOTHING, now);
    let analysis = first;
    if (own.length > 0) {
      const count = problem === undefined ? this.#queried.take(key, queried) : { reading: NOTHING };
      const second = judged(own, count, queriedProgress(progress));
      analysis =
        limits.length === 0
          ? { ...second, through: first.through, queriedThrough: second.through }
          : joined(first, second);
    }
    return {
      telemetry: telemetryOf(parts, progress, observed, now),
      analysis: unlessAmiss(analysis, problem),
    };
  }

  #query(gathered: Gathered, progress: Progress, now: number): TelemetryQuery {
    const { release, observed, metrics } = gathered;
    const { from, windowFrom } = progress;
    const age = windowFrom === undefined ? Infinity : now - ms(windowFrom);
    const prometheus = prometheusFor(this.#access, metrics);
    return {
      namespace: release.metadata.namespace ?? '',
      release: release.metadata.name,
      targets: targetsOf(gathered, progress),
      metrics: eventMetrics(observed.spec.analysis),
      from,
      now,
      maxAgeMs: SHARED * nextLookMs(age),
      ...(prometheus === undefined ? {} : { prometheus }),
    };
  }

  /** Drops what is being read for a release that is not in progress. */
  drop(key: string): void {
    this.#builtIn.forget(key);
    this.#queried.forget(key);
  }

  /** Drops all that is kept of a release whose candidate is gone. */
  forget(key: string): void {
    this.drop(key);
    const [namespace = '', name = ''] = key.split('/');
    for (const source of Object.values(this.#access.sources)) source.forget(namespace, name);
    this.#access.events.forget(key);
  }
}

function evaluated(
  { spec, status, traffic }: Observed,
  { candidate, stable, previous, from }: Progress,
  metrics: readonly JudgedMetric[],
  tests: number,
  reading: Counted,
  now: number,
): AnalysisStatus {
  const windowFrom = status.step?.observedAt;
  return evaluate({
    spec: spec.analysis,
    metrics,
    tests,
    candidate,
    stable,
    previous,
    windowFrom,
    alone: traffic.weights?.[candidate] === 100,
    held: heldShare({ spec, status }, now),
    reading,
    from,
  });
}

/** The same release, as metrics with queries of their own see it: they are counted up to another time. */
function queriedProgress(progress: Progress): Progress {
  const { previous, queriedFrom: from } = progress;
  const through = new Date(from).toISOString();
  return { ...progress, from, previous: previous === undefined ? undefined : { ...previous, through } };
}

function queriesOf({ metrics }: Gathered, { candidate, stable, queriedFrom: from }: Progress) {
  const queries = metrics.events.map((metric) => ({
    name: metric.name,
    candidate: eventQueries(metric, metrics.facts, 'candidate'),
    stable: eventQueries(metric, metrics.facts, 'stable'),
  }));
  return { candidate, stable, metrics: queries, from };
}

function queriedMetric({ name, spec, definition }: ResolvedMetric): JudgedMetric {
  const max = spec.events?.max;
  return { name, kind: 'queried', definition, ...(max === undefined ? {} : { limit: proportion(max) }) };
}

/**
 * The metrics with queries of the release that status knows. While they cannot be resolved (a template is gone, a Secret
 * cannot be read), nothing new is counted, and what was counted of them stays.
 */
function knownMetrics({ previous }: Progress): JudgedMetric[] {
  return (previous?.metrics ?? [])
    .filter(({ name }) => !isBuiltIn(name))
    .map(({ name, limit, state }) => ({ name, kind: 'queried', definition: countedIn(state), limit }));
}

/** Nothing passes by metrics alone that are not all that the release asks for. */
function unlessAmiss(analysis: AnalysisStatus, problem: Problem | undefined): AnalysisStatus {
  if (problem === undefined || analysis.verdict !== 'Pass') return analysis;
  return { ...analysis, verdict: 'Inconclusive', message: problem.message };
}

function earlier(field: string, a: string | undefined, b: string | undefined): Record<string, string> {
  return a === undefined || b === undefined ? {} : { [field]: ms(a) < ms(b) ? a : b };
}

/** What two sources counted, as one. */
function joined(builtIn: AnalysisStatus, queried: AnalysisStatus): AnalysisStatus {
  const { completeThrough, stableThrough, ...rest } = builtIn;
  const verdict = worst([builtIn.verdict, queried.verdict]);
  const messages = [builtIn, queried]
    .filter((part) => part.verdict === verdict)
    .map(({ message }) => message);
  return {
    ...rest,
    queriedThrough: queried.through,
    ...earlier('completeThrough', completeThrough, queried.completeThrough),
    ...earlier('stableThrough', stableThrough, queried.stableThrough),
    verdict,
    message: messages.join('; '),
    metrics: [...builtIn.metrics, ...queried.metrics],
  };
}

function telemetryOf(
  parts: readonly { analysis: AnalysisStatus; problem: Problem | undefined }[],
  { attempt, stable }: Progress,
  observed: Observed,
  now: number,
): TelemetryState {
  const problem = parts.find((part) => part.problem !== undefined)?.problem;
  if (problem !== undefined) return { state: 'failing', problem };
  const begun = ms(attempt.startedAt);
  // A beginning that lies ahead is from before the clock was set back: it tells nothing.
  // An empty answer is none where pods serve: that source may never tell of this release.
  const isTold = ({ stableThrough }: AnalysisStatus) =>
    stableThrough !== undefined || readyPods(observed, stable) === 0;
  const counted =
    begun > now || parts.every(({ analysis }) => ms(analysis.through) > begun && isTold(analysis));
  return { state: 'readable', counted };
}

const NO_ADDRESS: Problem = {
  reason: 'TelemetryUnreachable',
  message:
    'spec.analysis.source is prometheus, but no address is known: set spec.analysis.prometheus.address, or start the operator with --prometheus-address',
};

/** Whose requests are counted. A fresh baseline stands for stable, or nobody as long as it is not there. */
function targetsOf(
  { release: { metadata }, observed, pods, baselines }: Gathered,
  { candidate, stable }: Progress,
): Target[] {
  const nameOf = (revision: string) => workloadName(metadata.name, revision);
  const own = target(candidate, nameOf(candidate), true, pods[candidate] ?? []);
  const baseline = baselineOf(observed.status, observed);
  if (baseline === undefined) return [own, target(stable, nameOf(stable), false, pods[stable] ?? [])];
  const live = baselines[baseline.name];
  return live === undefined ? [own] : [own, target(stable, baseline.name, true, live.pods)];
}

function target(revision: string, workload: string, fresh: boolean, pods: readonly Pod[]): Target {
  return {
    revision,
    workload,
    fresh,
    pods: pods.filter(mayAnswer).flatMap((pod) =>
      pod.status?.podIP === undefined
        ? []
        : [
            {
              name: pod.metadata.name,
              uid: pod.metadata.uid ?? '',
              ip: pod.status.podIP,
              statsPort: Number(pod.metadata.annotations?.[ANNOTATIONS.statsPort] ?? ISTIO_STATS_PORT),
              ready: isReady(pod),
            },
          ],
    ),
  };
}
