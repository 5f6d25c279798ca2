import { evaluate, eventMetrics } from '../../analysis/evaluate.ts';
import type { Reading, Target, TelemetryQuery, TelemetrySource } from '../../analysis/telemetry.ts';
import { measureOf } from '../../analysis/templates/render.ts';
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
  workloadName,
} from '../../api/index.ts';
import { type Observed, type TelemetryState, ms } from '../../core/model.ts';
import { dwellMs } from '../../core/steps.ts';
import type { Clock } from '../../kube/clock.ts';
import type { ValueReader } from '../../telemetry/values/reader.ts';
import { isReady, jobName, jobResult } from '../../workloads/index.ts';
import type { Gathered } from './observe.ts';
import { Readings } from './readings.ts';

/** Port of istio-proxy's own statistics. */
const ISTIO_STATS_PORT = 15_090;

export interface TelemetryAccess {
  readonly sources: Readonly<Record<'proxies' | 'prometheus', TelemetrySource>>;
  readonly values: ValueReader;
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
  /** Where the counts go on (ms since the epoch). */
  readonly from: number;
}

const NONE: ReadonlySet<string> = new Set();
const EMPTY: Extract<Reading, { ok: true }> = { ok: true, intervals: [], completeThrough: {} };

/** Reads and measures what the candidate's requests experience, and judges it. No source, however slow, holds it up. */
export class Analyst {
  readonly #access: TelemetryAccess;
  readonly #counts: Readings<Reading>;
  readonly #values: Readings<Measurement>;
  /** By key: why the counts could not be read the last time. */
  readonly #troubles = new Map<string, Problem>();

  constructor(access: TelemetryAccess, clock: Clock, wake: (key: string) => void) {
    this.#access = access;
    this.#counts = new Readings({
      clock,
      wake,
      failed: (error) => ({
        ok: false,
        code: 'TelemetryInvalid',
        message: `Counts can't be read: ${String(error)}`,
      }),
    });
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
    const countsId = this.#count(key, gathered, progress, now);
    await Promise.all([this.#counts.settle(key), this.#values.settle(key)]);
    const counted = this.#counted(key, countsId, gathered, progress);
    const { states, overall } = this.#valued(key, gathered, progress, begun, now);
    const { telemetry, analysis } = counted;
    const observed: Observed = { ...gathered.observed, telemetry };
    if (states.length === 0 && overall === undefined) {
      return analysis === undefined ? observed : { ...observed, analysis };
    }
    const events = analysis ?? evaluated(gathered, progress, EMPTY);
    const trouble = telemetry.state === 'failing' ? telemetry.problem.message : undefined;
    return { ...observed, analysis: combined(events, states, overall, trouble) };
  }

  /** Drops what is kept of a release that is gone. */
  forget(key: string): void {
    this.#forgetReadings(key);
    const [namespace = '', name = ''] = key.split('/');
    for (const source of Object.values(this.#access.sources)) source.forget(namespace, name);
  }

  #forgetReadings(key: string): void {
    this.#counts.keep(key, NONE);
    this.#values.keep(key, NONE);
    this.#troubles.delete(key);
  }

  /** Begins to read the counts; undefined where nothing is counted, or nobody can be asked. */
  #count(key: string, gathered: Gathered, progress: Progress, now: number): string | undefined {
    const { spec } = gathered.observed;
    if (eventMetrics(spec.analysis).length === 0) return undefined;
    const query = this.#query(gathered, progress, now);
    if (spec.analysis.source === 'prometheus' && query.prometheus === undefined) return undefined;
    const id = [progress.attempt.number, progress.candidate, progress.from].join('/');
    // One at a time: a late answer about another time is waited for, and not used.
    if (!this.#counts.isBusy(key)) {
      this.#counts.begin(key, id, () => this.#access.sources[spec.analysis.source].read(query));
    }
    return id;
  }

  #counted(
    key: string,
    id: string | undefined,
    gathered: Gathered,
    progress: Progress,
  ): { telemetry: TelemetryState; analysis: AnalysisStatus | undefined } {
    if (id === undefined) {
      const counts = eventMetrics(gathered.observed.spec.analysis).length > 0;
      return counts
        ? { telemetry: { state: 'failing', problem: NO_ADDRESS }, analysis: undefined }
        : { telemetry: { state: 'readable', counted: true }, analysis: evaluated(gathered, progress, EMPTY) };
    }
    const reading = this.#counts.result(key, id);
    if (!this.#counts.isBusy(key)) this.#counts.keep(key, NONE);
    if (reading?.ok === false) this.#troubles.set(key, { reason: reading.code, message: reading.message });
    else if (reading !== undefined) this.#troubles.delete(key);
    const problem = this.#troubles.get(key);
    if (problem !== undefined) return { telemetry: { state: 'failing', problem }, analysis: undefined };
    const analysis = evaluated(gathered, progress, reading?.ok === true ? reading : EMPTY);
    const counted = ms(analysis.through) > ms(progress.attempt.startedAt);
    return { telemetry: { state: 'readable', counted }, analysis };
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
  };
}

function evaluated(
  { observed }: Gathered,
  { candidate, stable, previous, from }: Progress,
  reading: Extract<Reading, { ok: true }>,
): AnalysisStatus {
  const windowFrom = observed.status.step?.observedAt;
  return evaluate({ spec: observed.spec.analysis, candidate, stable, previous, windowFrom, reading, from });
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
  const verdicts = [counted, overall?.verdict ?? 'Pass'];
  const verdict = (['Fail', 'Inconclusive'] as const).find((one) => verdicts.includes(one)) ?? 'Pass';
  const messages = [
    ...(counted === verdict ? [said] : []),
    ...(overall?.verdict === verdict ? overall.messages : []),
  ].filter((sentence) => sentence !== '');
  return {
    ...events,
    verdict,
    message: messages.join('; '),
    values: [...states],
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
