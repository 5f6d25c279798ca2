import type { ReleaseCourse } from '../api/index.ts';
import type { Course, CourseCounts, CoursePoint } from './course.ts';
import { ms } from './model.ts';

/** Times are kept in tenths of a second. */
const TICK_MS = 100;
/** Numbers of one metric at a point: events and bad ones of both sides, since the last point, and the evidence. */
const OF_METRIC = 5;

type Packed = Pick<ReleaseCourse, 'startedAt' | 'metrics' | 'everyMs' | 'points'>;

/**
 * A course as one short text: points apart by `;`, their numbers by `,`, each as the difference to the point before, the
 * weight and the evidence as they are. A metric without counts at a point has none of its numbers there.
 */
export function packed({ everyMs, points }: Course, startedAt: string): Packed {
  const metrics = [...new Set(points.flatMap((point) => Object.keys(point.metrics)))];
  const last = new Map<string, CourseCounts>();
  let ticks = 0;
  const rows = points.map((point) => {
    const at = Math.round((point.at - ms(startedAt)) / TICK_MS);
    const row = [String(at - ticks), String(point.weight)];
    ticks = at;
    for (const name of metrics) row.push(...numbersOf(point.metrics[name], name, last));
    return row.join(',');
  });
  return { startedAt, metrics, everyMs, points: rows.join(';') };
}

function numbersOf(
  counts: CourseCounts | undefined,
  name: string,
  last: Map<string, CourseCounts>,
): readonly string[] {
  if (counts === undefined) return Array.from({ length: OF_METRIC }, () => '');
  const before = last.get(name);
  last.set(name, counts);
  const differences = (['candidate', 'stable'] as const).flatMap((side) =>
    (['all', 'bad'] as const).map(
      (which) => tenths(counts[side][which]) - tenths(before?.[side][which] ?? 0),
    ),
  );
  return [...differences.map((difference) => short(difference / 10)), short(counts.evidence)];
}

/** Counts that were excused or weighed are no whole numbers. */
function tenths(count: number): number {
  return Math.round(count * 10);
}

function short(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** The points of a packed course; those that cannot be read, as after a downgrade, are left out. */
export function unpackedPoints({ startedAt, metrics, points }: Packed): CoursePoint[] {
  let at = ms(startedAt);
  if (points === '' || !Number.isFinite(at)) return [];
  const sums = new Map<string, number[]>();
  return points.split(';').flatMap((row) => {
    const [ticks = NaN, weight = NaN, ...rest] = row.split(',').map(numberIn);
    if (!Number.isFinite(ticks) || !Number.isFinite(weight)) return [];
    at += ticks * TICK_MS;
    const found = metrics.flatMap((name, index) => {
      const own = rest.slice(index * OF_METRIC, (index + 1) * OF_METRIC);
      const evidence = own.at(-1) ?? NaN;
      if (own.length < OF_METRIC || own.some((one) => !Number.isFinite(one))) return [];
      const before = sums.get(name) ?? [0, 0, 0, 0];
      const now = before.map((sum, which) => Number((sum + (own[which] ?? 0)).toFixed(1)));
      sums.set(name, now);
      const [all = 0, bad = 0, stableAll = 0, stableBad = 0] = now;
      return [
        [name, { candidate: { all, bad }, stable: { all: stableAll, bad: stableBad }, evidence }] as const,
      ];
    });
    return [{ at, weight, metrics: Object.fromEntries(found) }];
  });
}

function numberIn(text: string): number {
  return text === '' ? NaN : Number(text);
}
