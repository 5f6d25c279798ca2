import type { Counts, Reading, TelemetryQuery, TelemetrySource } from '../../analysis/telemetry.ts';

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

/**
 * Reads on as the operator does: each read asks from where the last interval ended, and what it gets is added to what was
 * counted before. Starts at the query's `from`.
 */
export function reader(query: TelemetryQuery) {
  let from = query.from;
  const sums = new Map<string, Counts>();
  const read = async (source: TelemetrySource, now: number, more: Partial<TelemetryQuery> = {}) => {
    const reading = await source.read({ ...query, ...more, from, now });
    if (!reading.ok) return reading;
    for (const { to, counts } of reading.intervals) {
      from = to;
      for (const [revision, metrics] of Object.entries(counts)) {
        for (const [metric, { all, bad }] of Object.entries(metrics)) {
          const before = sums.get(`${revision} ${metric}`) ?? { all: 0, bad: 0 };
          sums.set(`${revision} ${metric}`, { all: before.all + all, bad: before.bad + bad });
        }
      }
    }
    return reading;
  };
  return Object.assign(read, {
    sum: (revision: string, metric = 'errors'): [number, number] => {
      const { all, bad } = sums.get(`${revision} ${metric}`) ?? { all: 0, bad: 0 };
      return [all, bad];
    },
  });
}
