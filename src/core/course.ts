import type { CanaryReleaseStatus } from '../api/index.ts';
import { ms } from './model.ts';

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
 * next one begins.
 */
export function courseAfter(before: Course | undefined, status: CanaryReleaseStatus): Course | undefined {
  const { attempt, candidateRevision: revision, analysis, step } = status;
  if (attempt === undefined) return before;
  const isSame = before?.attempt === attempt.number;
  if (!isSame && revision === undefined) return before;
  const course = isSame
    ? before
    : { attempt: attempt.number, revision: revision ?? '', everyMs: EVERY_MS, points: [] };
  if (analysis === undefined || analysis.revision !== course.revision) return course;
  const point = {
    at: ms(analysis.through),
    weight: revision === undefined ? 0 : (step?.observedWeight ?? 0),
    metrics: Object.fromEntries(
      analysis.metrics.map(({ name, candidate, stable, evidence }) => [
        name,
        { candidate, stable, evidence },
      ]),
    ),
  };
  return added(course, point);
}

function added(course: Course, point: CoursePoint): Course {
  const last = course.points.at(-1);
  // A clock that was set back would draw the curve back over itself.
  if (last !== undefined && point.at < last.at) return course;
  if (last !== undefined && point.weight === last.weight && point.at - last.at < course.everyMs)
    return course;
  const points = [...course.points, point];
  return points.length <= MOST_POINTS ? { ...course, points } : thinned({ ...course, points });
}

/** Every second point, and those at which the weight changed: a step is as sharp as it was. */
function thinned(course: Course): Course {
  const { points } = course;
  const everyMs = 2 * course.everyMs;
  const kept = points.filter((point, index) => {
    const isEdge = point.weight !== points[index - 1]?.weight || point.weight !== points[index + 1]?.weight;
    return isEdge || index % 2 === 0;
  });
  return { ...course, everyMs, points: kept };
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
