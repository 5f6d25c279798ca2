import type { Clock } from './clock.ts';
import { type KubeObject, type ResourceType, keyOf } from './types.ts';

interface Expected {
  type: ResourceType;
  key: string;
  uid: string;
  /** The version that a write led to; undefined for a delete. */
  version: bigint | undefined;
  /** When it was written, by the monotonic clock (ms). */
  since: number;
}

/** An object that was made and at once deleted by someone else may never be shown: nobody waits longer than this. */
const LONGEST_WAIT_MS = 30_000;

/** Looks an object up in an informer's cache. */
export type CacheLookup = (type: ResourceType, key: string) => KubeObject | undefined;

/**
 * What this process wrote and its informers have not shown yet. A pass that decided from a cache older than its own last
 * write would undo or repeat it, so passes wait until nothing is pending.
 *
 * Compares resourceVersions by order, which Kubernetes promises for one resource since 1.35 (KEP-5504) and etcd has
 * always given. A delete, or a recreation under another uid, settles what was expected.
 */
export class OwnWrites {
  readonly #clock: Clock;
  readonly #expected = new Map<string, Map<string, Expected>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that `object` is what a write of this process led to; `owner` is the key whose passes must wait for it. */
  wrote(owner: string, type: ResourceType, object: KubeObject): void {
    const { uid, resourceVersion } = object.metadata;
    if (uid === undefined || resourceVersion === undefined) return;
    this.#note(owner, type, keyOf(object.metadata), uid, BigInt(resourceVersion));
  }

  /** Notes that the object with this uid was deleted, or marked for deletion. */
  deleted(owner: string, type: ResourceType, object: KubeObject): void {
    const { uid } = object.metadata;
    if (uid !== undefined) this.#note(owner, type, keyOf(object.metadata), uid, undefined);
  }

  /** True while the cache lags behind a write for `owner`. Forgets what has arrived. */
  pending(owner: string, lookup: CacheLookup): boolean {
    const writes = this.#expected.get(owner);
    if (writes === undefined) return false;
    const tooOld = this.#clock.monotonic() - LONGEST_WAIT_MS;
    for (const [id, expected] of writes) {
      if (expected.since < tooOld || arrived(lookup(expected.type, expected.key), expected))
        writes.delete(id);
    }
    if (writes.size === 0) this.#expected.delete(owner);
    return writes.size > 0;
  }

  /** How long the oldest write for `owner` that the caches have not shown is ago (ms). */
  waitedMs(owner: string): number {
    const since = [...(this.#expected.get(owner)?.values() ?? [])].map((expected) => expected.since);
    return since.length === 0 ? 0 : this.#clock.monotonic() - Math.min(...since);
  }

  /** Drops everything noted for `owner`: its object is gone, or the caches were filled anew. */
  forget(owner: string): void {
    this.#expected.delete(owner);
  }

  #note(owner: string, type: ResourceType, key: string, uid: string, version: bigint | undefined): void {
    const writes = this.#expected.get(owner) ?? new Map<string, Expected>();
    writes.set(`${type.plural}.${type.group}/${key}`, {
      type,
      key,
      uid,
      version,
      since: this.#clock.monotonic(),
    });
    this.#expected.set(owner, writes);
  }
}

function arrived(cached: KubeObject | undefined, { uid, version }: Expected): boolean {
  if (version === undefined) {
    return cached?.metadata.uid !== uid || cached.metadata.deletionTimestamp !== undefined;
  }
  // Not in the cache: either not yet there, or already gone again; only the informer can tell, by showing it or not.
  if (cached === undefined) return false;
  return cached.metadata.uid !== uid || BigInt(cached.metadata.resourceVersion ?? '0') >= version;
}
