import type { CanaryReleaseObject, CanaryReleaseStatus } from '../../api/index.ts';
import { deepEqual } from '../../kube/json.ts';

interface Unwritten {
  readonly uid: string | undefined;
  /** What the object says instead. */
  readonly instead: unknown;
  readonly status: CanaryReleaseStatus;
}

/**
 * Statuses that were decided on and that the API server did not take, by key. While a webhook, a lost permission or a full
 * disk keeps them from being written, passes go on from them: what was measured is not measured again, and a verdict that
 * fell stays. A restart loses them, and decides afresh.
 */
export class UnwrittenStatuses {
  readonly #byKey = new Map<string, Unwritten>();

  keep(key: string, { metadata, status: instead }: CanaryReleaseObject, status: CanaryReleaseStatus): void {
    this.#byKey.set(key, { uid: metadata.uid, instead, status });
  }

  /** The object with the status that it should have. Once it has another than it had, that one counts. */
  over(key: string, object: CanaryReleaseObject): CanaryReleaseObject {
    const unwritten = this.#byKey.get(key);
    if (unwritten === undefined) return object;
    if (object.metadata.uid === unwritten.uid && deepEqual(object.status, unwritten.instead))
      return { ...object, status: unwritten.status };
    this.#byKey.delete(key);
    return object;
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
