import type { WarmUp } from './evidence.ts';
import { ALPHA } from './limit.ts';
import type { EventMetric } from './telemetry.ts';

/** How an event metric is judged. */
export interface EventSettings {
  /** Error budget of the release: the chance of rolling back a healthy version, over all metrics, looks and steps (0–1). */
  readonly alpha: number;
  /** How many metrics share it. */
  readonly tests: number;
  /** How much worse than stable the candidate may be, as a share of stable's bad rate: 0 not at all, 1 twice as bad. */
  readonly tolerance: number;
  /** The largest share of bad events allowed (0–1), whatever stable does; undefined where the release names none. */
  readonly limit?: number | undefined;
  readonly warmUp: WarmUp;
  /** Events of this kind are told at once for so many seconds, even where requests are told as they come; 0 where not. */
  readonly lump: number;
  /** Requests that the candidate must have served at its present weight before it passes. */
  readonly minRequests: number;
  /** A candidate so many times as bad as stable would be harmful; what is shown to be better than that is harmless. */
  readonly harmfulRatio: number;
  /** True where a step may end early for a candidate that is shown to be harmless: only then it is asked. */
  readonly early?: boolean | undefined;
  /**
   * Of the time for which a step may be held without a verdict, the share that is over (0–1). Early on, more is asked of a
   * candidate before it passes. Left out: all is over.
   */
  readonly held?: number | undefined;
}

/** How much a metric is judged by where nothing else is said. */
export function defaultSettings(kind: EventMetric['kind']): EventSettings {
  return {
    alpha: ALPHA,
    tests: 1,
    tolerance: 0,
    warmUp: WARM_UP[kind],
    lump: LUMP[kind],
    minRequests: 50,
    harmfulRatio: 3,
  };
}

/** Cold caches, compilers and connection pools make requests slow rather than fail. */
const WARM_UP: Readonly<Record<EventMetric['kind'], WarmUp>> = {
  errors: { ratio: 2, seconds: 10, chance: 0.25 },
  slow: { ratio: 3, seconds: 10, chance: 0.5 },
};

/** Envoy brings its histograms of durations up to date so often (ms): they are told in lumps, of each proxy at its own time. */
export const HISTOGRAMS_MS = 5000;

/** Proxies are read a little later than they bring their histograms up to date. */
const LUMP: Readonly<Record<EventMetric['kind'], number>> = { errors: 0, slow: HISTOGRAMS_MS / 1000 + 1 };

/**
 * Where a release names no limit, and all that can be said of stable is what it did before, as while the candidate has all
 * traffic: so large a share of bad events is too large for any version of a service whose own is less than half of it.
 */
export const IMPLIED_LIMIT = 0.01;
