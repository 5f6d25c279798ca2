import type { Counts } from './telemetry.ts';

export const NONE: Counts = { all: 0, bad: 0 };

export function add(a: Counts, b: Counts): Counts {
  return { all: a.all + b.all, bad: a.bad + b.bad };
}
