import type { Counts } from './telemetry.ts';

export const NONE: Counts = { all: 0, bad: 0 };

export function add(a: Counts, b: Counts): Counts {
  return { all: a.all + b.all, bad: a.bad + b.bad };
}

/** As many of `a` as there may be among `b`. */
export function within(a: Counts, b: Counts): Counts {
  return { all: Math.min(a.all, b.all), bad: Math.min(a.bad, b.bad) };
}
