import { type LimitedMetric, evaluate, eventMetrics } from '../../analysis/evaluate.ts';
import type { Target, TelemetryQuery, TelemetrySource } from '../../analysis/telemetry.ts';
import { eventQueries, measureOf } from '../../analysis/templates/render.ts';
import type { ResolvedMetric } from '../../analysis/templates/resolve.ts';
import type { Measurement } from '../../analysis/values/metric.ts';
import { type Overall, isScored, overallOf } from '../../analysis/values/overall.ts';
import { add, dueAt, judge, nextNumber, open, start } from '../../analysis/values/state.ts';
import {
  ANNOTATIONS,
  type AnalysisStatus,
  type CanaryRelease,
  type Pod,
  type Problem,
  type ValueStatus,
  type Verdict,
  proportion,
  workloadName,
} from '../../api/index.ts';
import { type Observed, type TelemetryState, ms } from '../../core/model.ts';
import { dwellMs } from '../../core/steps.ts';
import type { Clock } from '../../kube/clock.ts';
import type { EventSource } from '../../telemetry/values/events.ts';
import type { ValueReader } from '../../telemetry/values/reader.ts';
import { isReady, jobName, jobResult } from '../../workloads/index.ts';
import { type Count, CountReader, type Counted, NOTHING } from './counts.ts';
import type { Gathered } from './observe.ts';
import { Readings } from './readings.ts';

/** Port of istio-proxy's own statistics. */
const ISTIO_STATS_PORT = 15_090;

export interface TelemetryAccess {
  readonly sources: Readonly<Record<'proxies' | 'prometheus', TelemetrySource>>;
  readonly values: ValueReader;
  /** Counts events by queries of releases. */
  readonly events: EventSource;
  /** The operator's own setting, for releases that name no Prometheus. */
  readonly prometheusAddress: string | undefined;
}

/** What a release in progress is about. */
interface Progress {
  readonly candidate: string;
  readonly stable: string;
  readonly attempt: { readonly number: number; readonly startedAt: string };
  /** What status holds of this candidate. */
  readonly previous: AnalysisStatus | undefined;
  /** When the present weight was observed; undefined while it is not. */
  readonly windowFrom: string | undefined;
  /** Where the counts go on (ms since the epoch), and those by queries of the release. */
  readonly from: number;
  readonly queriedFrom: number;
}

/** Under which ids the counts are read; none of the built-in metrics where nobody can be asked. */
interface Counting {
  readonly builtIn: string | undefined;
  readonly queried: string;
}

const NONE: ReadonlySet<string> = new Set();

/** Reads and measures what the candidate's requests experience, and judges it. No source, however slow, holds it up. */
export class Analyst {
  readonly #access: TelemetryAccess;
  readonly #builtIn: CountReader;
  readonly #queried: CountReader;
  readonly #values: Readings<Measurement>;

  constructor(access: TelemetryAccess, clock: Clock, wake: (key: string) => void) {
    this.#access = access;
    this.#builtIn = new CountReader(clock, wake);
    this.#queried = new CountReader(clock, wake);
    this.#values = new Readings({
      clock,
      wake,
      // An outcome that is out of turn: the measurement is begun again.
      failed: (error) => ({ number: 0, at: 0, outcome: 'error', message: String(error) }),
    });
  }

  /** What was observed, with the analysis up to now, while a release is in progress. */
  async analyse(key: string, gathered: Gathered, now: number): Promise<Observed> {
    const progress = progressOf(gathered.observed);
    if (progress === undefined) {
      this.#forgetReadings(key);
      return gathered.observed;
    }
    const begun = this.#measure(key, gathered, progress, now);
    const counting = this.#count(key, gathered, progress, now);
    await Promise.all([this.#builtIn, this.#queried, this.#values].map((reads) => reads.settle(key)));
    const { telemetry, analysis } = this.#counted(key, counting, gathered, progress);
    const { states, overall } = this.#valued(key, gathered, progress, begun, now);
    const observed: Observed = { ...gathered.observed, telemetry };
    const trouble = telemetry.state === 'failing' ? telemetry.problem.message : undefined;
    return { ...observed, analysis: combined(analysis, states, overall, trouble) };
  }

  /** Drops what is kept of a release that is gone. */
  forget(key: string): void {
    this.#forgetReadings(key);
    const [namespace = '', name = ''] = key.split('/');
    for (const source of Object.values(this.#access.sources)) source.forget(namespace, name);
    this.#access.events.forget(key);
  }

  #forgetReadings(key: string): void {
    this.#builtIn.forget(key);
    this.#queried.forget(key);
    this.#values.keep(key, NONE);
  }

  /** Begins to read what the release counts; see {@link Counting}. */
  #count(key: string, gathered: Gathered, progress: Progress, now: number): Counting {
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

  /** What was counted, judged. */
  #counted(
    key: string,
    { builtIn, queried }: Counting,
    gathered: Gathered,
    progress: Progress,
  ): { telemetry: TelemetryState; analysis: AnalysisStatus } {
    const { observed, metrics } = gathered;
    const limits = eventMetrics(observed.spec.analysis);
    const own = metrics.problems.length === 0 ? metrics.events.map(limited) : [];
    const tests = limits.length + own.length;
    const parts: { analysis: AnalysisStatus; problem: Problem | undefined }[] = [];
    const judged = (all: readonly LimitedMetric[], count: Count, from: Progress) => {
      const isRead = 'reading' in count;
      const analysis = evaluated(observed, from, all, tests, isRead ? count.reading : NOTHING);
      parts.push({ analysis, problem: isRead ? undefined : count.problem });
      return analysis;
    };
    if (limits.length > 0) {
      const count = builtIn === undefined ? { problem: NO_ADDRESS } : this.#builtIn.take(key, builtIn);
      judged(limits, count, progress);
    }
    const first = parts[0]?.analysis ?? evaluated(observed, progress, [], 1, NOTHING);
    if (own.length === 0) return { telemetry: telemetryOf(parts, progress), analysis: first };
    const second = judged(own, this.#queried.take(key, queried), queriedProgress(progress));
    return {
      telemetry: telemetryOf(parts, progress),
      analysis:
        limits.length === 0
          ? { ...second, through: first.through, queriedThrough: second.through }
          : joined(first, second),
    };
  }

  #query({ release, observed, pods, metrics }: Gathered, progress: Progress, now: number): TelemetryQuery {
    const { candidate, stable, from } = progress;
    const prometheus = this.#prometheus(metrics);
    return {
      namespace: release.metadata.namespace ?? '',
      release: release.metadata.name,
      targets: [
        target(release, candidate, true, pods[candidate] ?? []),
        target(release, stable, false, pods[stable] ?? []),
      ],
      metrics: eventMetrics(observed.spec.analysis),
      from,
      now,
      ...(prometheus === undefined ? {} : { prometheus }),
    };
  }

  #prometheus({ prometheus }: Gathered['metrics']) {
    const { prometheusAddress: address } = this.#access;
    return prometheus ?? (address === undefined ? undefined : { address });
  }

  /** The states of all metrics that give a value, with the measurements that are due begun. */
  #measure(key: string, gathered: Gathered, progress: Progress, now: number): ValueStatus[] {
    const { metrics, jobs } = gathered;
    const { previous, windowFrom } = progress;
    if (metrics.problems.length > 0) return [...(previous?.values ?? [])];
    const wanted = new Set<string>();
    const states = metrics.values.map((metric) => {
      const old = previous?.values?.find(({ name }) => name === metric.name);
      const state = open(metric, old, windowFrom);
      const { running } = state;
      if (running !== undefined) {
        const job = jobs[running.job];
        const ended = job === undefined ? undefined : jobResult(job);
        if (ended === undefined) return state;
        const { succeeded: result, message } = ended;
        const { number, startedAt } = running;
        return add(metric, state, { number, at: ms(startedAt), outcome: 'value', result, message });
      }
      const isDue = (dueAt(metric, state, now) ?? Infinity) <= now;
      if (metric.spec.job !== undefined) {
        return isDue
          ? start(state, jobName(gathered.release, identity(metric, state, progress)), now)
          : state;
      }
      const id = valueId(metric, state, progress);
      wanted.add(id);
      if (isDue) this.#values.begin(key, id, () => this.#read(metric, state, gathered, progress, now));
      return state;
    });
    this.#values.keep(key, wanted);
    return states;
  }

  async #read(
    metric: ResolvedMetric,
    state: ValueStatus,
    { metrics }: Gathered,
    { windowFrom }: Progress,
    now: number,
  ): Promise<Measurement> {
    const measure = measureOf(metric, metrics.facts, windowFrom === undefined ? 0 : now - ms(windowFrom));
    const { values } = this.#access;
    if (measure.kind === 'job') throw new Error(`${metric.name} is measured by a Job`);
    const found =
      measure.kind === 'web'
        ? await values.web(measure)
        : await values.prometheus(measure, this.#prometheus(metrics), now);
    return { number: nextNumber(state), at: now, ...found };
  }

  #valued(
    key: string,
    { metrics, observed }: Gathered,
    progress: Progress,
    begun: readonly ValueStatus[],
    now: number,
  ): { states: ValueStatus[]; overall: Overall | undefined } {
    const [problem] = metrics.problems;
    if (problem !== undefined) {
      return { states: [...begun], overall: { verdict: 'Inconclusive', messages: [problem.message] } };
    }
    if (metrics.values.length === 0) return { states: [], overall: undefined };
    const { score } = observed.spec.analysis;
    const states = metrics.values.map((metric, i) => {
      const state = begun[i] ?? open(metric, undefined, progress.windowFrom);
      const measurement = this.#values.result(key, valueId(metric, state, progress));
      const measured = measurement === undefined ? state : add(metric, state, measurement);
      return judge(metric, measured, isScored(metric, score));
    });
    return { states, overall: overallOf(metrics.values, states, score, stepIsOver(observed, progress, now)) };
  }
}

function progressOf(observed: Observed): Progress | undefined {
  const {
    candidateRevision: candidate,
    stableRevision: stable,
    attempt,
    ending,
    analysis,
    step,
    promotion,
  } = observed.status;
  if (candidate === undefined || stable === undefined || attempt === undefined) return undefined;
  const served = (observed.workloads[candidate]?.ready ?? 0) > 0;
  if (!served || ending !== undefined || observed.deleting) return undefined;
  const previous = analysis?.revision === candidate ? analysis : undefined;
  return {
    candidate,
    stable,
    attempt,
    previous,
    // Nothing is measured for a release that goes to the end without analysis.
    windowFrom: promotion === 'full' ? undefined : step?.observedAt,
    from: ms(previous?.through ?? attempt.startedAt),
    queriedFrom: ms(previous?.queriedThrough ?? attempt.startedAt),
  };
}

function evaluated(
  { spec, status }: Observed,
  { candidate, stable, previous, from }: Progress,
  metrics: readonly LimitedMetric[],
  tests: number,
  reading: Counted,
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

function limited({ name, spec }: ResolvedMetric): LimitedMetric {
  return { name, kind: 'queried', limit: proportion(spec.events?.max ?? '0%') };
}

/** What two sources counted, as one. */
function joined(builtIn: AnalysisStatus, queried: AnalysisStatus): AnalysisStatus {
  const { completeThrough: a, ...rest } = builtIn;
  const { completeThrough: b } = queried;
  const verdict = worst([builtIn.verdict, queried.verdict]);
  const messages = [builtIn, queried]
    .filter((part) => part.verdict === verdict)
    .map(({ message }) => message);
  return {
    ...rest,
    queriedThrough: queried.through,
    ...(a === undefined || b === undefined ? {} : { completeThrough: ms(a) < ms(b) ? a : b }),
    verdict,
    message: messages.join('; '),
    metrics: [...builtIn.metrics, ...queried.metrics],
  };
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return (['Fail', 'Inconclusive'] as const).find((one) => verdicts.includes(one)) ?? 'Pass';
}

function telemetryOf(
  parts: readonly { analysis: AnalysisStatus; problem: Problem | undefined }[],
  { attempt }: Progress,
): TelemetryState {
  const problem = parts.find((part) => part.problem !== undefined)?.problem;
  if (problem !== undefined) return { state: 'failing', problem };
  const counted = parts.every(({ analysis }) => ms(analysis.through) > ms(attempt.startedAt));
  return { state: 'readable', counted };
}

/** What was counted and what was measured, as one analysis: one Fail fails, and all must pass. */
function combined(
  events: AnalysisStatus,
  states: readonly ValueStatus[],
  overall: Overall | undefined,
  trouble: string | undefined,
): AnalysisStatus {
  const counted: Verdict =
    trouble === undefined || events.verdict === 'Fail' ? events.verdict : 'Inconclusive';
  const said = trouble !== undefined && events.verdict !== 'Fail' ? trouble : events.message;
  const verdict = worst([counted, overall?.verdict ?? 'Pass']);
  const messages = [
    ...(counted === verdict ? [said] : []),
    ...(overall?.verdict === verdict ? overall.messages : []),
  ].filter((sentence) => sentence !== '');
  return {
    ...events,
    verdict,
    message: messages.join('; '),
    ...(overall === undefined ? {} : { values: [...states] }),
    ...(overall?.score === undefined ? {} : { score: overall.score }),
  };
}

function stepIsOver({ spec, status }: Observed, { windowFrom }: Progress, now: number): boolean {
  if (windowFrom === undefined || status.step === undefined) return false;
  return now >= ms(windowFrom) + dwellMs(spec, status.step.weight);
}

function identity(metric: ResolvedMetric, state: ValueStatus, { attempt, candidate }: Progress) {
  const { name, definition } = metric;
  return {
    attempt: attempt.number,
    revision: candidate,
    metric: name,
    definition,
    number: nextNumber(state),
  };
}

function valueId(metric: ResolvedMetric, state: ValueStatus, progress: Progress): string {
  return JSON.stringify(identity(metric, state, progress));
}

const NO_ADDRESS: Problem = {
  reason: 'TelemetryUnreachable',
  message:
    'spec.analysis.source is prometheus, but no address is known: set spec.analysis.prometheus.address, or start the operator with --prometheus-address',
};

function target(release: CanaryRelease, revision: string, fresh: boolean, pods: readonly Pod[]): Target {
  return {
    revision,
    workload: workloadName(release.metadata.name, revision),
    fresh,
    pods: pods.filter(isReady).flatMap((pod) =>
      pod.status?.podIP === undefined
        ? []
        : [
            {
              name: pod.metadata.name,
              uid: pod.metadata.uid ?? '',
              ip: pod.status.podIP,
              statsPort: Number(pod.metadata.annotations?.[ANNOTATIONS.statsPort] ?? ISTIO_STATS_PORT),
            },
          ],
    ),
  };
}
