import type { Target, TargetPod } from '../../analysis/telemetry.ts';
import { Ledger } from '../ledger.ts';
import type { Part } from '../ledger.ts';
import { increase } from '../series.ts';
import type { ProxyReading } from '../series.ts';
import type { Flavour, Statistics } from './statistics.ts';
import type { LateReading } from './unready.ts';

type PodReading = ProxyReading & { readonly flavour: Flavour };

/** What is known of a pod's counters. */
interface PodState {
  /** A time when the pod did not serve yet, so that all it has counted came after; undefined when nobody knows. */
  readonly bornAfter: number | undefined;
  readonly last?: PodReading | undefined;
  /** The last time at which it was read without knowing what it had counted before. */
  readonly knownFrom?: number | undefined;
}

/**
 * The counters of a release's pods, folded round by round into a ledger.
 *
 * What a pod's counters held before they were first read is history of unknown age, and never counted. Only a pod of a
 * fresh revision that was not among the targets of an earlier round counts from zero: it was born since, so what it did
 * first, which is what tends to fail, is counted. A stable pod that appears may as well be one that was not ready for a
 * while and has served for years; of it, what it did before its first reading is left out.
 *
 * What pods count that are not ready is counted like that of any other. Only whether the data are complete is told
 * without them: some of them never answer.
 */
export class PodCounters {
  readonly ledger = new Ledger();
  readonly #pods = new Map<string, PodState>();
  readonly #completeThrough = new Map<string, number>();
  /** By revision: the last time at which a pod of it that is ready was read without knowing what it had counted before. */
  readonly #completeFrom = new Map<string, number>();
  /** The time of the last round. */
  #round: number | undefined;

  /**
   * Takes in one round of reading, begun at `time`: the statistics of each ready pod by uid, as far as it could be read,
   * and what others answered meanwhile. Rounds come in order of time.
   */
  fold(
    time: number,
    targets: readonly Target[],
    read: ReadonlyMap<string, Statistics>,
    late: readonly LateReading[] = [],
  ): void {
    const parts = targets.flatMap((target) => this.#foldTarget(time, target, read, late));
    if (read.size + late.length > 0) this.ledger.append(time, parts);
    this.#forgetReadings(targets);
    this.#round = time;
  }

  /**
   * Between these two times every request to the revision was counted; undefined while there are no such times. `through`
   * is the last round in which every ready pod was read. `from` moves on to each round that found a ready pod whose
   * counters hold an unknown share of what happened before: the first round of all, a pod that was not a target for a
   * while.
   */
  complete(revision: string): { readonly from: number; readonly through: number } | undefined {
    const through = this.#completeThrough.get(revision);
    const from = this.#completeFrom.get(revision) ?? -Infinity;
    return through === undefined || through < from ? undefined : { from, through };
  }

  #foldTarget(
    time: number,
    target: Target,
    read: ReadonlyMap<string, Statistics>,
    late: readonly LateReading[],
  ): Part[] {
    const { revision, workload, fresh } = target;
    const bornAfter = fresh ? this.#round : undefined;
    const own = new Map(late.filter((one) => one.workload === workload).map((one) => [one.pod.uid, one]));
    const listed = new Set(target.pods.map(({ uid }) => uid));
    const gone = [...own.values()].map(({ pod }) => pod).filter(({ uid }) => !listed.has(uid));
    const parts = [...target.pods, ...gone].flatMap((pod) => {
      const now = readingOf(time, read.get(pod.uid), own.get(pod.uid));
      if (now !== undefined) return this.#foldReading(revision, pod, bornAfter, now);
      this.#pods.set(pod.uid, this.#pods.get(pod.uid) ?? { bornAfter });
      return [];
    });
    const awaited = target.pods.filter(({ ready }) => ready);
    if (awaited.length > 0 && awaited.every(({ uid }) => read.has(uid))) {
      this.#completeThrough.set(revision, time);
    }
    return parts;
  }

  #foldReading(
    revision: string,
    { uid, name, ready }: TargetPod,
    bornAfter: number | undefined,
    now: PodReading,
  ): Part[] {
    const known = this.#pods.get(uid) ?? { bornAfter };
    const since = sinceOf(known, now);
    const knownFrom = since === undefined ? now.time : known.knownFrom;
    this.#pods.set(uid, { ...known, last: now, knownFrom });
    if (ready && knownFrom !== undefined) {
      this.#completeFrom.set(revision, Math.max(knownFrom, this.#completeFrom.get(revision) ?? -Infinity));
    }
    return since === undefined ? [] : partsOf(revision, name, known, now, since);
  }

  /** A pod that left stays known, so that it isn't taken for a new one when it comes back; its counters are dropped. */
  #forgetReadings(targets: readonly Target[]): void {
    const present = new Set(targets.flatMap((target) => target.pods.map((pod) => pod.uid)));
    for (const uid of this.#pods.keys()) {
      if (!present.has(uid)) this.#pods.set(uid, { bornAfter: undefined });
    }
  }
}

/** A pod's reading: the round's own, or else one that came beside the rounds. */
function readingOf(
  time: number,
  statistics: Statistics | undefined,
  late: LateReading | undefined,
): PodReading | undefined {
  if (statistics !== undefined) return { time, ...statistics };
  return late === undefined ? undefined : { time: late.time, ...late.statistics };
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
