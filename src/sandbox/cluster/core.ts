import type { Clock } from '../../kube/clock.ts';
import type { Random } from './random.ts';
import type { Env, Resources } from './resource.ts';
import type { Store } from './store.ts';

/** What the parts of a cluster share. */
export interface Core {
  readonly store: Store;
  readonly resources: Resources;
  readonly clock: Clock;
  readonly random: Random;
}

/** RFC 3339 with whole seconds, as in creationTimestamp. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
}

export function envOf({ clock, random, store }: Core): Env {
  return { now: timestamp(clock), random, list: (table) => store.list(table) };
}
