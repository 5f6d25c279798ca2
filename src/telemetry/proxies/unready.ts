import type { Target, TargetPod } from '../../analysis/telemetry.ts';
import type { Statistics } from './statistics.ts';

/** A pod that did not answer is asked again after this time (ms), twice as long each time, … */
const FIRST_RETRY_MS = 1000;
/** … and at most this. */
const LAST_RETRY_MS = 30_000;
/** Most that are asked at a time: the ready ones come first, and they are many where a whole Deployment starts. */
const MOST_AT_ONCE = 64;

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
  /** When it was asked last. */
  askedAt: number;
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

  /** Asks those that are due, the longest unasked first. */
  ask(time: number, targets: readonly Target[]): void {
    const all = targets.flatMap(({ workload, pods }) => pods.map((pod) => ({ workload, pod })));
    const addresses = Map.groupBy(all, ({ pod }) => addressOf(pod));
    const due = all
      // Where two pods have one address, it is no longer that of the one that ends.
      .filter(({ pod }) => !pod.ready && addresses.get(addressOf(pod))?.length === 1)
      .map(({ workload, pod }) => ({ workload, pod, asked: this.#of(pod) }))
      .filter(({ asked }) => !asked.busy && time >= asked.retryAt)
      .sort((a, b) => a.asked.askedAt - b.asked.askedAt);
    const busy = [...this.#asked.values()].filter((asked) => asked.busy).length;
    for (const { workload, pod, asked } of due.slice(0, Math.max(0, MOST_AT_ONCE - busy))) {
      void this.#ask(asked, workload, pod, time);
    }
  }

  #of({ uid }: TargetPod): Asked {
    const known = this.#asked.get(uid);
    if (known !== undefined) return known;
    const asked = { busy: false, failures: 0, retryAt: 0, askedAt: 0 };
    this.#asked.set(uid, asked);
    return asked;
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
    asked.askedAt = time;
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
