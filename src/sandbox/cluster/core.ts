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

let lastSecond = NaN;
let lastText = '';

/** RFC 3339 with whole seconds, as in creationTimestamp. */
export function timestamp(clock: Clock): string {
  return secondText(clock.now());
}

/** A time in ms since the epoch as RFC 3339 with whole seconds. */
export function secondText(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
  }
  return lastText;
}

export function envOf({ clock, random, store }: Core): Env {
  return { now: timestamp(clock), random, list: (table) => store.list(table) };
}
