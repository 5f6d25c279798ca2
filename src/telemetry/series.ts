import { addHistograms, histogramIncrease, sameBounds, totalOf } from './histogram.ts';
import type { Histogram } from './histogram.ts';

/** One series of a proxy at one time: a counter of requests that have one outcome, or a histogram of durations. */
export type Series =
  | {
      readonly kind: 'requests';
      readonly channel: string;
      readonly failed: boolean;
      readonly value: number;
    }
  | { readonly kind: 'durations'; readonly channel: string; readonly histogram: Histogram };

/**
 * All series that one proxy has at one time. A series that is absent was zero then: a proxy makes a counter when it
 * first counts.
 */
export interface ProxyReading {
  /** When the counters had these values (ms since the epoch). */
  readonly time: number;
  readonly series: ReadonlyMap<string, Series>;
}

/** What was counted of one channel in some span of time. */
export interface Tally {
  readonly requests: number;
  readonly failed: number;
  /** One histogram for each set of bucket edges: proxies may be configured differently. */
  readonly durations: readonly Histogram[];
}

export const nothing: Tally = { requests: 0, failed: 0, durations: [] };

export function addTallies(a: Tally, b: Tally): Tally {
  return {
    requests: a.requests + b.requests,
    failed: a.failed + b.failed,
    durations: b.durations.reduce(addDurations, a.durations),
  };
}

function addDurations(sum: readonly Histogram[], added: Histogram): readonly Histogram[] {
  const at = sum.findIndex((histogram) => sameBounds(histogram, added));
  const same = sum[at];
  return same === undefined ? [...sum, added] : sum.with(at, addHistograms(same, added));
}

/**
 * What one proxy counted between two readings, by channel. A series unknown before counts from zero, and so does one
 * that is lower than before, as after a restart of the proxy: at most what happened, never less than nothing. `before`
 * undefined means a proxy that had counted nothing.
 */
export function increase(before: ProxyReading | undefined, after: ProxyReading): ReadonlyMap<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const [key, series] of after.series) {
    const added = seriesIncrease(before?.series.get(key), series);
    if (added === undefined) continue;
    tallies.set(series.channel, addTallies(tallies.get(series.channel) ?? nothing, added));
  }
  return tallies;
}

function seriesIncrease(before: Series | undefined, after: Series): Tally | undefined {
  if (after.kind === 'durations') {
    const histogram = histogramIncrease(
      before?.kind === 'durations' ? before.histogram : undefined,
      after.histogram,
    );
    if (histogram === undefined || totalOf(histogram) === 0) return undefined;
    return { requests: 0, failed: 0, durations: [histogram] };
  }
  const earlier = before?.kind === 'requests' ? before.value : 0;
  const requests = after.value < earlier ? after.value : after.value - earlier;
  return requests === 0 ? undefined : { requests, failed: after.failed ? requests : 0, durations: [] };
}

// Unknown, DeadlineExceeded, Unimplemented, Internal, Unavailable, DataLoss. The others are the caller's doing, or the
// ordinary answer of a server that works.
const SERVER_FAULTS: ReadonlySet<string> = new Set(['2', '4', '12', '13', '14', '15']);

/** True for an answer that is the server's fault: HTTP 5xx, or a gRPC status that says so (empty where not gRPC). */
export function isServerFault(responseCode: string, grpcStatus: string): boolean {
  return /^5\d\d$/.test(responseCode) || SERVER_FAULTS.has(grpcStatus);
}
