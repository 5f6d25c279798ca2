import {
  type CanaryReleaseStatus,
  type GivenOrder,
  type HistoryEntry,
  type JudgedMetric,
  type JudgedValue,
  type MetricStatus,
  type Outcome,
  type ReleaseCourse,
  type ReleaseReport,
  type ReleaseEvent,
} from '../../api/index.ts';
import { type CoursePoint, sharesBetween } from '../../core/course.ts';
import { unpackedPoints } from '../../core/packed-course.ts';

/** What was counted between a point and the one before; shares of bad events (0–1), undefined where there were none. */
export interface CurvePoint {
  /** RFC 3339. */
  readonly at: string;
  readonly candidate: number | undefined;
  readonly stable: number | undefined;
  /** log10. */
  readonly evidence: number;
}

export interface MetricView extends JudgedMetric {
  readonly curve: readonly CurvePoint[];
}

/** All that a report tells, in the form that `-o json` prints. Times are RFC 3339. */
export interface ReportView {
  readonly name: string;
  readonly namespace: string;
  readonly revision: string;
  readonly version: string | undefined;
  /** The revision that it was compared with; undefined where nobody kept it. */
  readonly stable: string | undefined;
  readonly outcome: Outcome | 'InProgress';
  readonly reason: string | undefined;
  readonly message: string;
  readonly startedAt: string;
  /** When it was over; while it is not, up to when counts are known. */
  readonly until: string;
  /** When it was decided how it ends. */
  readonly verdictAt: string | undefined;
  readonly requests: number;
  readonly failed: number;
  /** The weight of the candidate (percent) from each of these times on. */
  readonly weights: readonly { readonly at: string; readonly weight: number }[];
  readonly events: readonly ReleaseEvent[];
  readonly orders: readonly GivenOrder[];
  readonly metrics: readonly MetricView[];
  readonly values: readonly JudgedValue[];
  /** Why there are no curves, where there are none. */
  readonly missing: string | undefined;
}

type Named = Pick<ReportView, 'name' | 'namespace'>;

/** The report of a release that is over, with the record that was kept of it. */
export function reportView(named: Named, { release, course, metrics, values }: ReleaseReport): ReportView {
  const view = bareView(named, release, undefined);
  const points = unpackedPoints(course);
  return {
    ...view,
    stable: course.stable,
    verdictAt: verdictOf(release, course),
    ...courseView(course, points, metrics),
    // Traffic is back from the moment at which it was over.
    weights: [
      ...weightsOf(points, release.startedAt),
      { at: release.finishedAt, weight: release.outcome === 'Promoted' ? 100 : 0 },
    ],
    values,
    missing: points.length === 0 ? 'nothing was counted while it went' : undefined,
  };
}

/** What history alone tells of a release. @param missing why nobody knows more */
export function bareView(named: Named, release: HistoryEntry, missing: string | undefined): ReportView {
  const { revision, version, outcome, reason, message, startedAt, finishedAt, requests, failed } = release;
  return {
    ...named,
    revision,
    version,
    stable: undefined,
    outcome,
    reason,
    message,
    startedAt,
    until: finishedAt,
    verdictAt: undefined,
    requests,
    failed,
    weights: [],
    events: [],
    orders: [],
    metrics: [],
    values: [],
    missing,
  };
}

/** The release in progress, up to now; undefined where there is none. */
export function liveView(named: Named, status: CanaryReleaseStatus): ReportView | undefined {
  const { candidateRevision: revision, attempt, message = '', stableRevision, ending } = status;
  if (revision === undefined || attempt === undefined) return undefined;
  const { startedAt } = attempt;
  const analysis = status.analysis?.revision === revision ? status.analysis : undefined;
  const metrics = analysis?.metrics ?? [];
  const course = status.course?.startedAt === startedAt ? status.course : NO_COURSE;
  const points = unpackedPoints(course);
  const counted = requestsOf(metrics);
  return {
    ...named,
    revision,
    version: undefined,
    stable: stableRevision,
    outcome: 'InProgress',
    reason: ending?.reason,
    message,
    startedAt,
    until: latestOf([startedAt, analysis?.through, status.step?.observedAt, course.events.at(-1)?.at]),
    verdictAt: ending?.at,
    requests: counted.all,
    failed: counted.bad,
    ...courseView(course, points, metrics.map(judgedOf)),
    weights: weightsOf(points, startedAt),
    values: (analysis?.values ?? []).map(({ name, verdict, message: why }) => ({
      name,
      verdict,
      message: why,
    })),
    missing: points.length === 0 ? 'nothing has been counted yet' : undefined,
  };
}

/** What history will say of its requests. */
function requestsOf(metrics: readonly MetricStatus[]): MetricStatus['candidate'] {
  return (metrics.find(({ name }) => name === 'errors') ?? metrics[0])?.candidate ?? { all: 0, bad: 0 };
}

/** Of a release that began under an older version of the operator. */
const NO_COURSE = { startedAt: '', metrics: [], everyMs: 0, points: '', events: [], orders: [] };

function judgedOf(metric: MetricStatus): JudgedMetric {
  const { name, limit, verdict, message, candidate, stable, evidence, needed } = metric;
  return { name, limit, verdict, message, candidate, stable, evidence, needed };
}

function courseView(
  { events, orders }: Pick<ReleaseCourse, 'events' | 'orders'>,
  points: readonly CoursePoint[],
  metrics: readonly JudgedMetric[],
): Pick<ReportView, 'events' | 'orders' | 'metrics'> {
  return {
    events,
    orders,
    metrics: metrics.map((metric) => ({ ...metric, curve: curveOf(points, metric.name) })),
  };
}

/** A point at which nothing new was counted is no gap yet, where it is so near the one before (ms). */
const GAP_MS = 10_000;

function curveOf(points: readonly CoursePoint[], name: string): CurvePoint[] {
  return points.flatMap(({ at, metrics }, index) => {
    const now = metrics[name];
    if (now === undefined) return [];
    const before = points[index - 1];
    const shares = sharesBetween(before?.metrics[name], now);
    const isEmpty = shares.candidate === undefined && shares.stable === undefined;
    if (isEmpty && before !== undefined && at - before.at < GAP_MS) return [];
    return [{ at: iso(at), ...shares, evidence: now.evidence }];
  });
}

function weightsOf(points: readonly CoursePoint[], startedAt: string): ReportView['weights'] {
  const changes = points
    .filter(({ weight }, index) => weight !== (points[index - 1]?.weight ?? 0))
    .map(({ at, weight }) => ({ at: iso(at), weight }));
  return [{ at: startedAt, weight: 0 }, ...changes];
}

/** When it was told why the release ends. */
function verdictOf({ reason, message, finishedAt }: HistoryEntry, { events }: ReleaseCourse): string {
  const told = events.find(
    (event) => event.reason === reason && event.message.startsWith(message.slice(0, 100)),
  );
  return told?.at ?? finishedAt;
}

function latestOf(times: readonly (string | undefined)[]): string {
  return times.reduce<string>((latest, time) => (time !== undefined && time > latest ? time : latest), '');
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
