import type { Failure } from '../harness/load.ts';
import type { FailedRequest } from '../harness/mesh.ts';

/**
 * How long the news that a version has lost its pods may take to everybody who routes: until then whoever is sent to it is
 * lost by the version (ms).
 */
export const NEWS_MS = 1000;

/** A version lost all its ready pods, or the only one, by no doing of the operator. Times are ms since the epoch. */
export interface Blow {
  readonly revision: string;
  readonly at: number;
}

/** A part that every request needs was away, by no doing of the operator. */
export interface Outage {
  readonly what: string;
  readonly from: number;
  readonly until: number;
}

export interface Faults {
  readonly blows: readonly Blow[];
  readonly outages: readonly Outage[];
}

/** Failed requests, told apart by whose fault they are. */
export interface Losses {
  readonly lostByVersion: number;
  readonly lostByMachinery: number;
  /** By the part that was away: nothing between the callers and any version could have saved these. */
  readonly lostByOutage: Readonly<Record<string, number>>;
  /** Of {@link lostByVersion}: no answer of its code, but its pods had just died. */
  readonly lostByBlow: number;
  /** The longest time after a blow at which a request was lost by it (ms). */
  readonly newsMs: number;
  /** The first that the machinery lost, in words. */
  readonly samples: readonly string[];
}

const SAMPLES = 5;

/**
 * Whose fault each failed request is, by the first of these that is true:
 * 1. The version, when its code answered with an error: the answer names it.
 * 2. The version, when the gateway had chosen it and its pods had died at most {@link NEWS_MS} before.
 * 3. An outage that the scenario made, when the request was under way during it.
 * 4. The machinery, in every other case: refused, reset, too late, no endpoint, no route.
 * @param log what the gateway says of requests that it answered with 5xx
 */
export function tellApart(
  failures: readonly Failure[],
  log: readonly FailedRequest[],
  faults: Faults,
): Losses {
  const chosen = new Map(log.map((request) => [request.id, request]));
  const lostByOutage: Record<string, number> = {};
  const samples: string[] = [];
  const lost = { byVersion: 0, byBlow: 0, byMachinery: 0 };
  let newsMs = 0;
  for (const failure of failures) {
    const route = chosen.get(failure.id);
    const since = sinceBlow(failure, route?.subset, faults.blows);
    const outage = faults.outages.find(({ from, until }) => failure.at >= from && failure.sentAt <= until);
    if (failure.version !== '') {
      lost.byVersion += 1;
    } else if (since !== undefined) {
      lost.byVersion += 1;
      lost.byBlow += 1;
      newsMs = Math.max(newsMs, since);
    } else if (outage !== undefined) {
      lostByOutage[outage.what] = (lostByOutage[outage.what] ?? 0) + 1;
    } else {
      lost.byMachinery += 1;
      if (samples.length < SAMPLES) samples.push(inWords(failure, route));
    }
  }
  return {
    lostByVersion: lost.byVersion,
    lostByMachinery: lost.byMachinery,
    lostByOutage,
    lostByBlow: lost.byBlow,
    newsMs,
    samples,
  };
}

/** How long before the end of this request its version was struck (ms); undefined when it was not, or too long ago. */
function sinceBlow({ at }: Failure, subset: string | undefined, blows: readonly Blow[]): number | undefined {
  const last = blows.findLast((blow) => blow.revision === subset && blow.at <= at);
  return last === undefined || at - last.at > NEWS_MS ? undefined : at - last.at;
}

function inWords(failure: Failure, route: FailedRequest | undefined): string {
  const where =
    route === undefined
      ? 'the gateway knows nothing of it'
      : `${route.cluster} ${route.flags} ${route.upstream}`;
  return `${new Date(failure.at).toISOString()} ${failure.status} ${failure.said} (${where})`;
}
