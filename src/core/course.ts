import type { AnalysisStatus, CanaryReleaseStatus } from '../api/index.ts';
import { ms } from './model.ts';
import { unpackedPoints } from './packed-course.ts';

/** What had been counted of one metric at a time: sums since the release began, and the evidence (log10). */
export interface CourseCounts {
  readonly candidate: { readonly all: number; readonly bad: number };
  readonly stable: { readonly all: number; readonly bad: number };
  readonly evidence: number;
}

/** How a release stood at a time. */
export interface CoursePoint {
  /** ms since the epoch. */
  readonly at: number;
  /** What the routes gave the candidate (percent). */
  readonly weight: number;
  /** By the metric's name. */
  readonly metrics: Readonly<Record<string, CourseCounts>>;
}

/**
 * How a release went, in as many points as a picture can show: for a long one they lie further apart. JSON-safe, never changed
 * in place.
 */
export interface Course {
  readonly attempt: number;
  readonly revision: string;
  /** Points lie at least so far apart (ms), those apart at which the weight changed. */
  readonly everyMs: number;
  readonly points: readonly CoursePoint[];
}

/** A curve of more points looks the same. */
const MOST_POINTS = 240;
/** New counts are in status every 2 s. */
const EVERY_MS = 1000;

/**
 * The course with what status says now; undefined before the first release. That of a release that is over stays until the
 * next one begins. Who looks for the first time goes on from what status keeps of it.
 */
export function courseAfter(before: Course | undefined, status: CanaryReleaseStatus): Course | undefined {
  const { attempt, candidateRevision: revision, analysis, step } = status;
  if (attempt === undefined) return before;
  const isSame = before?.attempt === attempt.number;
  if (!isSame && revision === undefined) return before;
  const course = isSame ? before : { ...begun(attempt.number, revision ?? ''), ...keptIn(status) };
  if (analysis === undefined || analysis.revision !== course.revision) return course;
  const weight = revision === undefined ? 0 : (step?.observedWeight ?? 0);
  return withPoint(course, pointOf(analysis, weight), MOST_POINTS);
}

/** A course without points. */
export function begun(attempt: number, revision: string): Course {
  return { attempt, revision, everyMs: EVERY_MS, points: [] };
}

function keptIn({ course, attempt }: CanaryReleaseStatus): Partial<Course> {
  if (course === undefined || course.startedAt !== attempt?.startedAt) return {};
  return { everyMs: course.everyMs, points: unpackedPoints(course) };
}

/** What an analysis has counted, at a weight (percent). */
export function pointOf(analysis: AnalysisStatus, weight: number): CoursePoint {
  const metrics = analysis.metrics.map(
    ({ name, candidate, stable, evidence }) => [name, { candidate, stable, evidence }] as const,
  );
  return { at: ms(analysis.through), weight, metrics: Object.fromEntries(metrics) };
}

/**
 * The course with one more point, where the last one is far enough away. Once there are more than `most`, they lie further
 * apart.
 *
 * @param isNews the point is not left out, however near the last one is
 */
export function withPoint(course: Course, point: CoursePoint, most: number, isNews = false): Course {
  const last = course.points.at(-1);
  // A clock that was set back would draw the curve back over itself.
  if (last !== undefined && point.at < last.at) return course;
  const isNear = last !== undefined && point.weight === last.weight && point.at - last.at < course.everyMs;
  if (isNear && !isNews) return course;
  const points = [...course.points, point];
  return points.length <= most ? { ...course, points } : thinned({ ...course, points }, most);
}

/** Every second point, and those at which the weight changed: a step is as sharp as it was, unless there are too many. */
function thinned(course: Course, most: number): Course {
  const { points } = course;
  const everyMs = 2 * course.everyMs;
  const isEven = (_: CoursePoint, index: number) => index % 2 === 0;
  const kept = points.filter((point, index) => {
    const isEdge = point.weight !== points[index - 1]?.weight || point.weight !== points[index + 1]?.weight;
    return isEdge || index % 2 === 0;
  });
  return { ...course, everyMs, points: kept.length > most ? points.filter(isEven) : kept };
}

/** What happened between two points of one metric: shares of bad events (0–1), undefined where there were none. */
export function sharesBetween(
  before: CourseCounts | undefined,
  after: CourseCounts,
): { readonly candidate: number | undefined; readonly stable: number | undefined } {
  const share = (side: 'candidate' | 'stable') => {
    const all = after[side].all - (before?.[side].all ?? 0);
    return all <= 0 ? undefined : Math.max(0, after[side].bad - (before?.[side].bad ?? 0)) / all;
  };
  return { candidate: share('candidate'), stable: share('stable') };
}
