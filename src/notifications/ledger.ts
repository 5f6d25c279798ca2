import type {
  Condition,
  NotificationPolicySpec,
  NotificationPolicyStatus,
  NotificationTarget,
  Problem,
  TargetStatus,
  Told,
} from '../api/index.ts';
import { iso, ms } from '../core/model.ts';
import { serviceOf } from './services/index.ts';
import type { Standing, Subject } from './standing.ts';
import { type Audience, bounded, isAbout, withTold } from './told.ts';

/** What a policy keeps of its targets: what was told, and how they stand. Its status is made of it, and it of that. */
export interface Ledger {
  readonly targets: readonly TargetStatus[];
  readonly told: readonly Told[];
}

/** A policy as the API server gives it. */
export interface Policy {
  readonly spec: Pick<NotificationPolicySpec, 'targets' | 'on'>;
  readonly status: NotificationPolicyStatus;
  /** When it was made (ms since the epoch). */
  readonly createdAt: number;
}

/**
 * The ledger that a policy goes on from, with its present targets. A new policy tells of what happened since it was made, a
 * target that came later of what happens from now on.
 */
export function ledgerOf({ spec, status, createdAt }: Policy, now: number): Ledger {
  const since = iso(status.observedGeneration === undefined ? createdAt : now);
  return adopted({ targets: status.targets ?? [], told: status.told ?? [] }, spec, since);
}

/** The same after the spec changed: it may have mended what failed. */
export function afterChange(ledger: Ledger, spec: Policy['spec'], now: number): Ledger {
  const { targets, told } = adopted(ledger, spec, iso(now));
  return { told, targets: targets.map(({ failure, ...rest }) => rest) };
}

function adopted({ targets, told }: Ledger, spec: Policy['spec'], since: string): Ledger {
  const names = new Set(spec.targets.map(({ name }) => name));
  return {
    targets: spec.targets.map(({ name }) => targets.find((known) => known.name === name) ?? { name, since }),
    told: told.filter(({ target }) => names.has(target)),
  };
}

/** To whom a target speaks. */
export function audienceOf(
  { targets }: Ledger,
  target: NotificationTarget,
  { on }: Pick<NotificationPolicySpec, 'on'>,
): Audience {
  const { since = iso(0) } = targets.find(({ name }) => name === target.name) ?? {};
  return { on: target.on ?? on, updates: serviceOf(target).service.updates, since: ms(since) };
}

/** What this target was told of this release. */
export function toldOf({ told }: Ledger, target: string, release: string): Told | undefined {
  return told.find((entry) => isAbout(entry, target, release));
}

/** A message was delivered; `message` where the service made one that can be updated. */
export function delivered(
  ledger: Ledger,
  target: string,
  subject: Subject,
  standing: Standing,
  message: Told['message'],
  now: number,
): Ledger {
  const { told, targets } = settled(ledger, target, subject, standing, message);
  return {
    told,
    targets: changed(targets, target, ({ failure, ...rest }) => ({ ...rest, deliveredAt: iso(now) })),
  };
}

/** Nobody will be told of this any more. */
export function settled(
  ledger: Ledger,
  target: string,
  subject: Subject,
  standing: Standing,
  message?: Told['message'],
): Ledger {
  const since = ms(ledger.targets.find(({ name }) => name === target)?.since ?? iso(0));
  const next = bounded(withTold(ledger.told, target, subject, standing, message), target, since);
  return {
    told: next.told,
    targets: changed(ledger.targets, target, (entry) => ({ ...entry, since: iso(next.since) })),
  };
}

/** The message that would be updated is gone: the next one is a new one. */
export function withoutMessage(ledger: Ledger, target: string, release: string): Ledger {
  const told = ledger.told.map((entry) => {
    const { message, ...rest } = entry;
    return isAbout(entry, target, release) ? rest : entry;
  });
  return { ...ledger, told };
}

/** A delivery failed. */
export function failed(ledger: Ledger, target: string, failure: Problem): Ledger {
  return { ...ledger, targets: changed(ledger.targets, target, (entry) => ({ ...entry, failure })) };
}

function changed(
  targets: readonly TargetStatus[],
  name: string,
  change: (target: TargetStatus) => TargetStatus,
): TargetStatus[] {
  return targets.map((target) => (target.name === name ? change(target) : target));
}

/**
 * The status of a policy.
 *
 * @param problem what a person must mend before anything can be sent
 * @param before the status that it had
 */
export function statusOf(
  ledger: Ledger,
  generation: number,
  problem: Problem | undefined,
  before: NotificationPolicyStatus,
  now: number,
): NotificationPolicyStatus {
  const { targets, told } = ledger;
  const failing = targets.find(({ failure }) => failure !== undefined);
  const failure =
    failing?.failure === undefined
      ? undefined
      : { ...failing.failure, message: `target ${failing.name}: ${failing.failure.message}` };
  const trouble = problem ?? failure;
  const message = trouble?.message ?? `messages go to ${targets.map(({ name }) => name).join(', ')}`;
  const reason = trouble?.reason ?? 'NotificationsReady';
  const last =
    targets
      .map(({ deliveredAt = '' }) => deliveredAt)
      .sort()
      .at(-1) ?? '';
  const of = (type: string, status: Condition['status']): Condition => {
    const old = before.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : iso(now);
    return { type, status, reason, message, lastTransitionTime, observedGeneration: generation };
  };
  // What is tried again by itself is under way for kstatus; the rest waits for a person.
  const more = trouble === undefined ? [] : [trouble.reason === 'DeliveryFailed' ? 'Reconciling' : 'Stalled'];
  return {
    observedGeneration: generation,
    message,
    ...(last === '' ? {} : { deliveredAt: last }),
    targets: [...targets],
    ...(told.length === 0 ? {} : { told: [...told] }),
    conditions: [
      of('Ready', trouble === undefined ? 'True' : 'False'),
      ...more.map((type) => of(type, 'True')),
    ],
  };
}
