import type { Target } from '../../analysis/telemetry.ts';
import { Ledger } from '../ledger.ts';
import type { Part } from '../ledger.ts';
import { increase } from '../series.ts';
import type { ProxyReading } from '../series.ts';
import type { Flavour, Statistics } from './statistics.ts';

/** What is known of a pod's counters. */
interface PodState {
  /** A time when the pod did not serve yet, so that all it has counted came after; undefined when nobody knows. */
  readonly bornAfter: number | undefined;
  readonly last?: (ProxyReading & { readonly flavour: Flavour }) | undefined;
}

/**
 * The counters of a release's pods, folded round by round into a ledger.
 *
 * What a pod's counters held before they were first read is history of unknown age, and never counted. Only a pod of a
 * fresh revision that was not among the targets of an earlier round counts from zero: it was born since, so what it did
 * first, which is what tends to fail, is counted. A stable pod that appears may as well be one that was not ready for a
 * while and has served for years; of it, what it did before its first reading is left out.
 */
export class PodCounters {
  readonly ledger = new Ledger();
  readonly #pods = new Map<string, PodState>();
  readonly #completeThrough = new Map<string, number>();
  /** By revision: the last time at which a pod of it was read without knowing what it had counted before. */
  readonly #completeFrom = new Map<string, number>();
  /** The time of the last round. */
  #round: number | undefined;

  /**
   * Takes in one round of reading, begun at `time`: the statistics of each pod by uid, as far as it could be read.
   * Rounds come in order of time.
   */
  fold(time: number, targets: readonly Target[], read: ReadonlyMap<string, Statistics>): void {
    const parts = targets.flatMap((target) => this.#foldTarget(time, target, read));
    if (read.size > 0) this.ledger.append(time, parts);
    this.#forgetReadings(targets);
    this.#round = time;
  }

  /**
   * Between these two times every request to the revision was counted; undefined while there are no such times. `through`
   * is the last round in which every pod was read. `from` moves on to each round that found a pod whose counters hold an
   * unknown share of what happened before: the first round of all, a pod that was not a target for a while.
   */
  complete(revision: string): { readonly from: number; readonly through: number } | undefined {
    const through = this.#completeThrough.get(revision);
    const from = this.#completeFrom.get(revision) ?? -Infinity;
    return through === undefined || through < from ? undefined : { from, through };
  }

  #foldTarget(time: number, target: Target, read: ReadonlyMap<string, Statistics>): Part[] {
    const bornAfter = target.fresh ? this.#round : undefined;
    const parts: Part[] = [];
    for (const { uid, name } of target.pods) {
      const known = this.#pods.get(uid) ?? { bornAfter };
      const statistics = read.get(uid);
      const now = statistics === undefined ? undefined : { time, ...statistics };
      if (now !== undefined) {
        const since = sinceOf(known, now);
        if (since === undefined) this.#completeFrom.set(target.revision, time);
        else parts.push(...partsOf(target.revision, name, known, now, since));
      }
      this.#pods.set(uid, { ...known, last: now ?? known.last });
    }
    if (target.pods.length > 0 && target.pods.every((pod) => read.has(pod.uid))) {
      this.#completeThrough.set(target.revision, time);
    }
    return parts;
  }

  /** A pod that left stays known, so that it isn't taken for a new one when it comes back; its counters are dropped. */
  #forgetReadings(targets: readonly Target[]): void {
    const present = new Set(targets.flatMap((target) => target.pods.map((pod) => pod.uid)));
    for (const uid of this.#pods.keys()) {
      if (!present.has(uid)) this.#pods.set(uid, { bornAfter: undefined });
    }
  }
}

/** Since when what `now` has more was counted; undefined where nobody knows. */
function sinceOf({ last, bornAfter }: PodState, now: { flavour: Flavour }): number | undefined {
  // The two flavours count the same requests. Istio's metrics appear with the first request; where Envoy's had counted
  // before, a request could be in both.
  const switched = last !== undefined && last.flavour !== now.flavour && last.series.size > 0;
  return switched ? undefined : (last?.time ?? bornAfter);
}

function partsOf(
  revision: string,
  pod: string,
  { last }: PodState,
  now: ProxyReading,
  since: number,
): Part[] {
  return [...increase(last, now).values()].map((tally) => ({ revision, reporter: '', since, tally, pod }));
}
