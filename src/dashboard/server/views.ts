import { type CanaryReleaseSpec, type CanaryReleaseStatus, durationMs } from '../../api/index.ts';
import { type Course, sharesBetween } from '../../core/course.ts';
import { dwellMs } from '../../core/steps.ts';
import type { SeenRelease, SeenSpec } from './seen.ts';
import type { CurvePoint, Curves, Detail, Ended, StepView, Summary } from '../wire.ts';

/** A release as the list shows it. */
export function summaryOf({ metadata, status }: SeenRelease): Summary {
  const { phase, step, message = 'the operator has not seen it yet', conditions = [] } = status;
  return {
    key: `${metadata.namespace ?? ''}/${metadata.name}`,
    phase,
    step: step === undefined ? undefined : { index: step.index, of: step.of },
    weight: step?.observedWeight ?? 0,
    message,
    stalled: conditions.some(({ type, status: is }) => type === 'Stalled' && is === 'True'),
  };
}

/** A release as whoever chose it sees it. */
export function detailOf(object: SeenRelease, course: Course | undefined): Detail {
  const { status, spec, problems } = object;
  const { analysis, step } = status;
  return {
    ...summaryOf(object),
    stable: status.stableRevision,
    candidate: status.candidateRevision,
    rejected: status.rejected?.revision,
    retired: (status.retired ?? []).map(({ revision }) => revision),
    paused: status.paused !== undefined,
    steps: (spec?.steps ?? []).map(stepView),
    progress: step,
    deadline: spec === undefined ? undefined : deadlineOf(spec, status),
    ended: endedOf(status, course),
    metrics: (analysis?.metrics ?? []).map((metric) => ({ ...metric, bad: badOf(metric.name, spec) })),
    values: (analysis?.values ?? []).map(({ name, verdict, message, dryRun }) => ({
      name,
      verdict,
      message,
      ...(dryRun === undefined ? {} : { dryRun }),
    })),
    history: status.history ?? [],
    curves: curvesOf(course),
    problems,
  };
}

/** What the events of a metric are that it counts as bad. */
function badOf(metric: string, spec: SeenSpec | undefined): string {
  const quantile = /^latency-(p\d+)$/.exec(metric)?.[1];
  const bound = Object.entries(spec?.latency ?? {}).find(([name]) => name === quantile)?.[1];
  if (bound !== undefined) return `slower than ${bound}`;
  return metric === 'errors' ? 'failed' : 'bad';
}

/** How the release ended that the course is of. */
function endedOf(
  { ending, rejected, history = [], candidateRevision }: CanaryReleaseStatus,
  course: Course | undefined,
): Ended | undefined {
  if (ending !== undefined) return { at: Date.parse(ending.at), outcome: ending.outcome };
  if (rejected !== undefined && rejected.revision === course?.revision && candidateRevision === undefined)
    return { at: Date.parse(rejected.at), outcome: 'RolledBack' };
  const last = history[0];
  if (candidateRevision !== undefined || last === undefined || last.revision !== course?.revision)
    return undefined;
  return { at: Date.parse(last.finishedAt), outcome: last.outcome };
}

function curvesOf(course: Course | undefined): Curves {
  const points = course?.points ?? [];
  const names = new Set(points.flatMap(({ metrics }) => Object.keys(metrics)));
  return {
    weight: points
      .filter(({ weight }, index) => index === points.length - 1 || weight !== points[index - 1]?.weight)
      .map(({ at, weight }) => [at, weight]),
    metrics: Object.fromEntries([...names].map((name) => [name, curveOf(points, name)])),
  };
}

function curveOf(points: Course['points'], name: string): CurvePoint[] {
  return points.flatMap(({ at, metrics }, index) => {
    const now = metrics[name];
    if (now === undefined) return [];
    const { candidate, stable } = sharesBetween(points[index - 1]?.metrics[name], now);
    return [[at, candidate ?? null, stable ?? null, now.evidence]];
  });
}

function stepView({ weight, for: dwell, pause }: CanaryReleaseSpec['steps'][number]): StepView {
  return { weight, forMs: dwell === undefined ? 0 : durationMs(dwell), pause: pause === true };
}

function deadlineOf(spec: SeenSpec, { step, paused, ending }: CanaryReleaseStatus): number | undefined {
  if (step === undefined || paused !== undefined || ending !== undefined) return undefined;
  const dwell = step.observedAt === undefined ? 0 : dwellMs(spec, step.weight);
  return Date.parse(step.progressAt) + dwell + durationMs(spec.progressDeadline);
}
