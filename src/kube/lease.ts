import type { Clock } from './clock.ts';
import { deepEqual } from './json.ts';
import { isApiError } from './types.ts';
import type { ApiClient, KubeObject, ObjectRef } from './types.ts';
import { leases } from './well-known.ts';

/** `coordination.k8s.io/v1` Lease, as far as leader election knows it; other fields stay as they are. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

/** RFC 3339 with microseconds, as `MicroTime` fields want it. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/**
 * What came of an attempt: `held` with the monotonic time in ms before the write was sent, from which nobody else may
 * count the lease as expired; `other` when somebody else holds it; `lost race` when somebody wrote at the same time.
 */
export type Attempt = { outcome: 'held'; since: number } | { outcome: 'other' | 'lost race' };

export interface LeaseOptions {
  client: ApiClient;
  clock: Clock;
  ref: ObjectRef;
  identity: string;
  durationMs: number;
  /** True of a holder that certainly runs no more: its lease is taken without waiting for the end of it. */
  hasEnded?: ((holder: string) => boolean) | undefined;
}

/**
 * One Lease object, seen by one candidate. Whether somebody else's lease has expired is judged by the time since *we*
 * saw it change, so clocks of machines need not agree. Every write carries the resourceVersion that was read.
 */
export class LeaseRecord {
  readonly #options: LeaseOptions;
  /** As last read or written. */
  #lease: Lease | undefined;
  #changedAt = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Who holds the lease as far as we know; undefined before the first read and after a release. */
  get holder(): string | undefined {
    const holder = this.#lease?.spec?.holderIdentity;
    return holder === '' ? undefined : holder;
  }

  /** Takes the lease if it is free, expired or ours. Rejects with ApiError when the server does. */
  async acquire(): Promise<Attempt> {
    await this.#read();
    return this.#isOthers() ? { outcome: 'other' } : this.#write();
  }

  /** Takes the lease once more, if it is still ours. Rejects with ApiError when the server does. */
  async renew(): Promise<Attempt> {
    const renewed = await this.#write();
    if (renewed.outcome === 'held') return renewed;
    await this.#read();
    // Whoever took it, even if it is free again: somebody else may have led meanwhile.
    return this.holder === this.#options.identity ? this.#write() : { outcome: 'other' };
  }

  /** Gives the lease up, so that the next candidate need not wait for it to expire. */
  async release(): Promise<void> {
    const { client, clock, identity } = this.#options;
    const lease = this.#lease;
    if (lease === undefined || this.holder !== identity) return;
    const now = microTime(clock.now());
    const spec = {
      ...lease.spec,
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
    };
    this.#see(await client.update<Lease>(leases, { ...lease, spec }));
  }

  async #read(): Promise<void> {
    const { client, ref } = this.#options;
    try {
      this.#see(await client.get<Lease>(leases, ref));
    } catch (error) {
      if (!isApiError(error, 404)) throw error;
      this.#lease = undefined;
    }
  }

  #see(lease: Lease): void {
    if (!deepEqual(lease.spec, this.#lease?.spec)) this.#changedAt = this.#options.clock.monotonic();
    this.#lease = lease;
  }

  #isOthers(): boolean {
    const { clock, identity, durationMs, hasEnded } = this.#options;
    if (this.holder === undefined || this.holder === identity) return false;
    if (hasEnded?.(this.holder) === true) return false;
    const seconds = this.#lease?.spec?.leaseDurationSeconds;
    const duration = seconds === undefined ? durationMs : seconds * 1000;
    return clock.monotonic() < this.#changedAt + duration;
  }

  async #write(): Promise<Attempt> {
    const { client, clock, ref, identity, durationMs } = this.#options;
    const old = this.#lease?.spec;
    const now = microTime(clock.now());
    const ours = this.holder === identity;
    const spec = {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: ours ? (old?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: old === undefined ? 0 : (old.leaseTransitions ?? 0) + (ours ? 0 : 1),
    };
    const since = clock.monotonic();
    try {
      this.#see(
        this.#lease === undefined
          ? await client.create<Lease>(leases, {
              apiVersion: 'coordination.k8s.io/v1',
              kind: 'Lease',
              metadata: {
                name: ref.name,
                ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
              },
              spec,
            })
          : await client.update<Lease>(leases, { ...this.#lease, spec }),
      );
    } catch (error) {
      // Somebody wrote, or deleted the lease, since we read it: read again first.
      if (isApiError(error, 409) || isApiError(error, 404)) return { outcome: 'lost race' };
      throw error;
    }
    return { outcome: 'held', since };
  }
}
