import type { Reading } from '../../analysis/telemetry.ts';

/** All and bad events of a revision, over all intervals. */
export function sum(reading: Reading, revision: string, metric = 'errors'): [number, number] {
  if (!reading.ok) throw new Error(reading.message);
  const counts = reading.intervals.map((interval) => interval.counts[revision]?.[metric]);
  return [
    counts.reduce((total, count) => total + (count?.all ?? 0), 0),
    counts.reduce((total, count) => total + (count?.bad ?? 0), 0),
  ];
}

/** What a reading says to people, be it a warning or an error. */
export function warningOf(reading: Reading): string {
  return (reading.ok ? reading.warning : reading.message) ?? '';
}
