import {
  FIELD_MANAGER,
  type NotificationPolicyObject,
  type NotificationPolicySpec,
  type NotificationPolicyStatus,
  type Problem,
  parsePolicy,
} from '../../api/index.ts';
import { notificationPolicies } from '../../api/resources.ts';
import type { Clock } from '../../kube/clock.ts';
import { deepEqual } from '../../kube/json.ts';
import { type ApiClient, isApiError, keyOf } from '../../kube/types.ts';
import { type Ledger, afterChange, ledgerOf, statusOf } from '../../notifications/ledger.ts';

/** A policy as this process knows it. */
export interface Known {
  readonly key: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  /** As it was last read or written; its status is what the API server has. */
  readonly object: NotificationPolicyObject;
  /** Undefined where it breaks a rule. */
  readonly spec: NotificationPolicySpec | undefined;
  readonly invalid: Problem | undefined;
  /** What was told, written or not. */
  readonly ledger: Ledger;
}

/**
 * What is known of a policy now.
 * @param before what was known; its ledger is ahead of the object's status
 */
export function knownOf(object: NotificationPolicyObject, before: Known | undefined, now: number): Known {
  const { uid = '', namespace = '', generation = 0, creationTimestamp } = object.metadata;
  const parsed = parsePolicy(object);
  const { status } = parsed;
  const spec = parsed.ok ? parsed.spec : undefined;
  const createdAt = creationTimestamp === undefined ? now : Date.parse(creationTimestamp);
  const earlier = before?.uid === uid ? before : undefined;
  const stored: Ledger = { targets: status.targets ?? [], told: status.told ?? [] };
  const ledger =
    spec === undefined
      ? (earlier?.ledger ?? stored)
      : earlier === undefined
        ? ledgerOf({ spec, status, createdAt }, now)
        : afterChange(earlier.ledger, spec, now);
  const invalid = parsed.ok ? undefined : parsed.problems[0];
  return { key: keyOf(object.metadata), namespace, uid, generation, object, spec, invalid, ledger };
}

/** Reads and writes policies at the API server. */
export class PolicyStore {
  readonly #client: ApiClient;
  readonly #clock: Clock;

  constructor(client: ApiClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * The policy itself, not that of a cache: who has just taken the lease over must know what was told a moment ago.
   * @throws ApiError: 404 when it is gone
   */
  read(metadata: NotificationPolicyObject['metadata']): Promise<NotificationPolicyObject> {
    return this.#client.get<NotificationPolicyObject>(notificationPolicies, metadata);
  }

  /**
   * Writes the status, where it differs from what is there.
   * @returns the policy as it is then
   * @throws ApiError: 409 when it has changed meanwhile
   */
  async write(
    { object, ledger, generation }: Known,
    problem: Problem | undefined,
  ): Promise<NotificationPolicyObject> {
    const before = parsePolicy(object).status;
    const status = statusOf(ledger, generation, problem, before, this.#clock.now());
    if (deepEqual(status, object.status)) return object;
    const next: NotificationPolicyObject & { status: NotificationPolicyStatus } = { ...object, status };
    const options = { subresource: 'status', fieldManager: FIELD_MANAGER };
    return this.#client.update<NotificationPolicyObject>(notificationPolicies, next, options);
  }
}

/** True for the answer that the policy has changed, or is gone. */
export function isOutdated(error: unknown): boolean {
  return isApiError(error, 409) || isApiError(error, 404);
}
