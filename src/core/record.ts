import {
  type CanaryReleaseStatus,
  type GivenOrder,
  type HistoryEntry,
  MOST_TOLD,
  type ReleaseCourse,
  type ReleaseReport,
} from '../api/index.ts';
import { type Course, begun, pointOf, withPoint } from './course.ts';
import { type Effect, type Observed, type ReleaseEvent, iso, ms } from './model.ts';
import { packed, unpackedPoints } from './packed-course.ts';

/** Points of a course in status: it is written every few seconds, and what is written stays small. */
const MOST_POINTS = 48;
/** Of the events that a course keeps, so many are the first ones. */
const FIRST_EVENTS = 8;
/** So long (ms) after a release it is tried to keep its report: what cannot be written must not be tried for ever. */
const KEEP_WITHIN_MS = 60_000;

/**
 * Keeps the record of a release: its course while it goes, and its report once it is over, until that is kept with the
 * Deployment of its revision. The course changes only together with something else in status, and is never by itself the
 * reason of a write (`quiet`).
 *
 * @param before the status that this pass began with
 * @param after what it decided, all but the record
 * @param events what people are told of
 */
export function recorded(
  before: CanaryReleaseStatus,
  after: CanaryReleaseStatus,
  events: readonly ReleaseEvent[],
  observed: Observed,
  now: number,
): CanaryReleaseStatus {
  const { course: _, ...rest } = withoutKept(after, observed);
  const orders = ordersBetween(before, after, observed);
  const old = courseIn(before);
  const finished = finishedBy(before, after);
  const isOver = finished !== undefined && old !== undefined;
  const isNew =
    before.candidateRevision === undefined || before.attempt?.startedAt !== after.attempt?.startedAt;
  const next = old === undefined ? undefined : continued(old, before, after, events, orders, now);
  const status =
    isOver && next !== undefined ? { ...rest, report: reportOf(next, finished, before, after) } : rest;
  // Of the first revision there is nothing to tell: it is compared with none.
  if (after.candidateRevision === undefined || after.stableRevision === undefined) return status;
  // What happens in the pass that ends one release and begins the next is the end of the first.
  const course = isNew ? opened(after, isOver ? [] : events, isOver ? [] : orders, now) : next;
  return course === undefined ? status : { ...status, course };
}

/**
 * Writes the report of a release that is over to the Deployment of its revision, while there is one. Not while the next
 * candidate has traffic: whoever must be able to take that back at once has no time for a write that may hang.
 */
export function keepReport(
  { report, candidateRevision: candidate = '' }: CanaryReleaseStatus,
  observed: Observed,
  now: number,
): Effect | undefined {
  if (report === undefined || observed.problems.length > 0) return undefined;
  if ((observed.traffic.weights?.[candidate] ?? 0) > 0) return undefined;
  const { revision, finishedAt } = report.release;
  if (observed.workloads[revision] === undefined || now >= ms(finishedAt) + KEEP_WITHIN_MS) return undefined;
  return { kind: 'keepReport', revision, report };
}

function withoutKept(status: CanaryReleaseStatus, { workloads }: Observed): CanaryReleaseStatus {
  const { report, ...rest } = status;
  if (report === undefined) return status;
  const { revision, startedAt } = report.release;
  return workloads[revision]?.report === startedAt ? rest : status;
}

/** The course of the release that a status is in; undefined where it has none, as one of an older version. */
function courseIn({ course, candidateRevision, attempt }: CanaryReleaseStatus): ReleaseCourse | undefined {
  return candidateRevision !== undefined && course?.startedAt === attempt?.startedAt ? course : undefined;
}

function finishedBy(before: CanaryReleaseStatus, after: CanaryReleaseStatus): HistoryEntry | undefined {
  const [entry] = after.history ?? [];
  return entry?.finishedAt === before.history?.[0]?.finishedAt ? undefined : entry;
}

function opened(
  status: CanaryReleaseStatus,
  events: readonly ReleaseEvent[],
  orders: readonly GivenOrder[],
  now: number,
): ReleaseCourse {
  const { candidateRevision: revision = '', stableRevision: stable = '', attempt } = status;
  const startedAt = attempt?.startedAt ?? iso(now);
  return {
    revision,
    stable,
    ...packed(begun(attempt?.number ?? 0, revision), startedAt),
    events: toldAt(events, now),
    orders: orders.slice(-MOST_TOLD.orders),
  };
}

function continued(
  course: ReleaseCourse,
  before: CanaryReleaseStatus,
  after: CanaryReleaseStatus,
  events: readonly ReleaseEvent[],
  orders: readonly GivenOrder[],
  now: number,
): ReleaseCourse {
  const points = pointsAfter(course, before, after);
  // As in most passes: who compares the status with the last one finds the very same course.
  if (points === undefined && events.length === 0 && orders.length === 0) return course;
  return {
    ...course,
    ...points,
    events: shortened([...course.events, ...toldAt(events, now)]),
    orders: [...course.orders, ...orders].slice(-MOST_TOLD.orders),
  };
}

/** With a point for each time that counts entered status, as far apart as there is room; undefined where none is added. */
function pointsAfter(
  course: ReleaseCourse,
  before: CanaryReleaseStatus,
  after: CanaryReleaseStatus,
): Partial<ReleaseCourse> | undefined {
  const { analysis } = after;
  if (analysis === undefined || analysis === before.analysis || analysis.revision !== course.revision)
    return undefined;
  const { step } = after.step === undefined ? before : after;
  const isNews =
    analysis.verdict !== before.analysis?.verdict ||
    after.ending !== before.ending ||
    after.candidateRevision !== before.candidateRevision;
  const told = { ...analysis, metrics: analysis.metrics.slice(0, MOST_TOLD.metrics) };
  const known: Course = {
    ...begun(0, course.revision),
    everyMs: course.everyMs,
    points: unpackedPoints(course),
  };
  const next = withPoint(known, pointOf(told, step?.observedWeight ?? 0), MOST_POINTS, isNews);
  return next === known ? undefined : packed(next, course.startedAt);
}

function toldAt(events: readonly ReleaseEvent[], now: number): ReleaseCourse['events'] {
  return events.map(({ reason, message }) => ({ at: iso(now), reason, message: cut(message) }));
}

/** The first events and the last ones: a release that goes round in circles must not fill its status. */
function shortened(events: ReleaseCourse['events']): ReleaseCourse['events'] {
  if (events.length <= MOST_TOLD.events) return events;
  return [...events.slice(0, FIRST_EVENTS), ...events.slice(FIRST_EVENTS - MOST_TOLD.events)];
}

function cut(text: string): string {
  return text.length <= MOST_TOLD.letters ? text : `${text.slice(0, MOST_TOLD.letters - 1)}…`;
}

/** Commands that this pass handled. */
function ordersBetween(
  before: CanaryReleaseStatus,
  after: CanaryReleaseStatus,
  { commands }: Observed,
): GivenOrder[] {
  const known = new Set(before.commands?.map(({ uid }) => uid));
  return (after.commands ?? [])
    .filter(({ uid }) => !known.has(uid))
    .flatMap(({ uid, name, phase, message, at }) => {
      const spec = commands.find((command) => command.uid === uid)?.spec;
      if (spec === undefined) return [];
      const { action, by } = spec;
      return [
        { at, command: name, action, ...(by === undefined ? {} : { by }), phase, message: cut(message) },
      ];
    });
}

function reportOf(
  course: ReleaseCourse,
  release: HistoryEntry,
  before: CanaryReleaseStatus,
  after: CanaryReleaseStatus,
): ReleaseReport {
  const analysis = [after.analysis, before.analysis].find((one) => one?.revision === release.revision);
  const metrics = (analysis?.metrics ?? []).slice(0, MOST_TOLD.metrics);
  const values = (analysis?.values ?? []).slice(0, MOST_TOLD.values);
  return {
    release: { ...release, message: cut(release.message) },
    course,
    metrics: metrics.map(({ name, limit, verdict, message, candidate, stable, evidence, needed }) => ({
      name,
      ...(limit === undefined ? {} : { limit }),
      verdict,
      message: cut(message),
      candidate,
      stable,
      evidence,
      ...(needed === undefined ? {} : { needed }),
    })),
    values: values.map(({ name, verdict, message, dryRun }) => ({
      name,
      verdict,
      message: cut(message),
      ...(dryRun === undefined ? {} : { dryRun }),
    })),
  };
}
