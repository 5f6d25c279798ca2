import type { Target, TargetPod } from '../../analysis/telemetry.ts';
import type { Statistics } from './statistics.ts';

/** A pod that did not answer is asked again after this time (ms), twice as long each time, … */
const FIRST_RETRY_MS = 1000;
/** … and at most this. */
const LAST_RETRY_MS = 30_000;

/** What a pod that is not ready had counted when it was asked. */
export interface LateReading {
  readonly workload: string;
  readonly pod: TargetPod;
  /** When it was asked (ms since the epoch). */
  readonly time: number;
  readonly statistics: Statistics;
}

interface Asked {
  busy: boolean;
  /** How often in a row it did not answer. */
  failures: number;
  retryAt: number;
  answer?: LateReading;
}

/**
 * Reads the pods of a release that are not ready, beside the rounds: nobody waits for them, and who does not answer is
 * asked less and less often. Such a pod may be the bad one: what it answered before its probe failed, and what still
 * reaches it, counts. Why it does not answer is told once it is ready and has to.
 */
export class UnreadyPods {
  readonly #read: (pod: TargetPod) => Promise<Statistics | string>;
  /** By uid. */
  readonly #asked = new Map<string, Asked>();

  /** @param read the pod's statistics, or why there are none */
  constructor(read: (pod: TargetPod) => Promise<Statistics | string>) {
    this.#read = read;
  }

  /** Asks those that are due. */
  ask(time: number, targets: readonly Target[]): void {
    const addresses = Map.groupBy(
      targets.flatMap(({ pods }) => pods),
      addressOf,
    );
    for (const { workload, pods } of targets) {
      for (const pod of pods) {
        // Where two pods have one address, it is no longer that of the one that ends.
        if (pod.ready || addresses.get(addressOf(pod))?.length !== 1) continue;
        const asked = this.#asked.get(pod.uid) ?? { busy: false, failures: 0, retryAt: time };
        this.#asked.set(pod.uid, asked);
        if (!asked.busy && time >= asked.retryAt) void this.#ask(asked, workload, pod, time);
      }
    }
  }

  /**
   * What was answered since the last time, also by pods that have gone or become ready meanwhile. What they answer from
   * now on is nobody's concern here.
   */
  take(targets: readonly Target[]): LateReading[] {
    const unready = new Set(
      targets.flatMap(({ pods }) => pods.filter(({ ready }) => !ready).map(({ uid }) => uid)),
    );
    const taken: LateReading[] = [];
    for (const [uid, asked] of this.#asked) {
      if (asked.answer !== undefined) taken.push(asked.answer);
      delete asked.answer;
      if (!unready.has(uid)) this.#asked.delete(uid);
    }
    return taken;
  }

  async #ask(asked: Asked, workload: string, pod: TargetPod, time: number): Promise<void> {
    asked.busy = true;
    const statistics = await this.#read(pod).catch(() => undefined);
    asked.busy = false;
    if (typeof statistics === 'object') {
      asked.failures = 0;
      asked.answer = { workload, pod, time, statistics };
    } else {
      asked.retryAt = time + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** asked.failures);
      asked.failures += 1;
    }
  }
}

function addressOf({ ip, statsPort }: TargetPod): string {
  return `${ip} ${statsPort}`;
}
