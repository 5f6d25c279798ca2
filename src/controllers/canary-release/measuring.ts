import { measureOf } from '../../analysis/templates/render.ts';
import type { ResolvedMetric } from '../../analysis/templates/resolve.ts';
import type { Measurement } from '../../analysis/values/metric.ts';
import { type Overall, isScored, overallOf } from '../../analysis/values/overall.ts';
import { add, dueAt, judge, nextNumber, open, start } from '../../analysis/values/state.ts';
import type { ValueStatus } from '../../api/index.ts';
import { type Observed, ms } from '../../core/model.ts';
import { dwellMs } from '../../core/steps.ts';
import type { Clock } from '../../kube/clock.ts';
import { jobName, jobResult } from '../../workloads/index.ts';
import type { Gathered } from './observe.ts';
import { type Progress, type TelemetryAccess, prometheusFor } from './progress.ts';
import { Readings } from './readings.ts';

const NONE: ReadonlySet<string> = new Set();

/** Measures the metrics that give a value, of releases in progress. */
export class Measuring {
  readonly #access: TelemetryAccess;
  readonly #reads: Readings<Measurement>;

  constructor(access: TelemetryAccess, clock: Clock, wake: (key: string) => void) {
    this.#access = access;
    // A read comes to an error by itself, with its number; see #read.
    const failed = (error: unknown): Measurement => ({
      number: 0,
      at: 0,
      outcome: 'error',
      message: String(error),
    });
    this.#reads = new Readings({ clock, wake, failed });
  }

  /** The states of all metrics, with the measurements that are due begun. */
  begin(key: string, gathered: Gathered, progress: Progress, now: number): ValueStatus[] {
    const { metrics, observed } = gathered;
    if (metrics.problems.length > 0) return [...(progress.previous?.values ?? [])];
    const wanted = new Set<string>();
    const states = metrics.values.map((metric) => {
      const old = progress.previous?.values?.find(({ name }) => name === metric.name);
      const state = open(metric, old, progress.windowFrom);
      const scored = isScored(metric, observed.spec.analysis.score);
      const isDue = (dueAt(metric, state, now, scored) ?? Infinity) <= now;
      if (metric.spec.job !== undefined) return byJob(metric, state, isDue, gathered, progress, now);
      const id = readId(metric, state, progress);
      wanted.add(id);
      if (isDue) this.#reads.begin(key, id, () => this.#read(metric, state, gathered, progress, now));
      return state;
    });
    this.#reads.keep(key, wanted);
    return states;
  }

  settle(key: string): Promise<void> {
    return this.#reads.settle(key);
  }

  /**
   * The states with what was measured up to now, and what they say together; undefined where there is nothing to measure.
   * @param begun what {@link begin} gave
   */
  judge(
    key: string,
    { metrics, observed }: Gathered,
    progress: Progress,
    begun: readonly ValueStatus[],
    now: number,
  ): { states: readonly ValueStatus[]; overall: Overall } | undefined {
    const [problem] = metrics.problems;
    if (problem !== undefined) {
      return { states: begun, overall: { verdict: 'Inconclusive', messages: [problem.message] } };
    }
    if (metrics.values.length === 0) return undefined;
    const { score } = observed.spec.analysis;
    const states = metrics.values.map((metric, i) => {
      const state = begun[i] ?? open(metric, undefined, progress.windowFrom);
      const measurement = this.#reads.result(key, readId(metric, state, progress));
      const measured = measurement === undefined ? state : add(metric, state, measurement);
      return judge(metric, measured, isScored(metric, score));
    });
    return { states, overall: overallOf(metrics.values, states, score, stepIsOver(observed, progress, now)) };
  }

  /** Drops what is being read for a release that is not in progress. */
  drop(key: string): void {
    this.#reads.keep(key, NONE);
  }

  async #read(
    metric: ResolvedMetric,
    state: ValueStatus,
    { metrics }: Gathered,
    { windowFrom }: Progress,
    now: number,
  ): Promise<Measurement> {
    const begun = { number: nextNumber(state), at: now };
    const { values } = this.#access;
    try {
      const measure = measureOf(metric, metrics.facts, windowFrom === undefined ? 0 : now - ms(windowFrom));
      if (measure.kind === 'job') throw new Error(`${metric.name} is measured by a Job`);
      const found =
        measure.kind === 'web'
          ? await values.web(measure)
          : await values.prometheus(measure, prometheusFor(this.#access, metrics), now);
      return { ...begun, ...found };
    } catch (error) {
      return { ...begun, outcome: 'error', message: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** The state with a Job's result, or with the beginning of a Job: the effect that creates it follows the status. */
function byJob(
  metric: ResolvedMetric,
  state: ValueStatus,
  isDue: boolean,
  { jobs, release }: Gathered,
  progress: Progress,
  now: number,
): ValueStatus {
  const { running } = state;
  if (running === undefined) {
    return isDue
      ? start(state, jobName(release, { ...identity(metric, state, progress), startedAt: now }), now)
      : state;
  }
  const job = jobs[running.job];
  const ended = job === undefined ? undefined : jobResult(job);
  if (ended === undefined) return state;
  const { succeeded: result, message } = ended;
  const { number, startedAt } = running;
  return add(metric, state, { number, at: ms(startedAt), outcome: 'value', result, message });
}

function identity(metric: ResolvedMetric, state: ValueStatus, { attempt, candidate: revision }: Progress) {
  const { name, definition } = metric;
  return { attempt: attempt.number, revision, metric: name, definition, number: nextNumber(state) };
}

function readId(metric: ResolvedMetric, state: ValueStatus, progress: Progress): string {
  return JSON.stringify(identity(metric, state, progress));
}

function stepIsOver({ spec, status }: Observed, { windowFrom }: Progress, now: number): boolean {
  if (windowFrom === undefined || status.step === undefined) return false;
  return now >= ms(windowFrom) + dwellMs(spec, status.step.weight);
}
