import type { Mutant } from '../mutant.ts';
import { ABORT } from './abort.ts';
import { EVIDENCE } from './evidence.ts';
import { LEADER } from './leader.ts';
import { STEPS } from './steps.ts';
import { TRAFFIC } from './traffic.ts';
import { WATCH } from './watch.ts';
import { WRITES } from './writes.ts';

/** Bugs, each of which the simulator must catch. */
export const MUTANTS: readonly Mutant[] = [
  ...ABORT,
  ...STEPS,
  ...EVIDENCE,
  ...TRAFFIC,
  ...WRITES,
  ...LEADER,
  ...WATCH,
];

/** Names of those that are caught soonest, of all layers. */
export const QUICKEST: readonly string[] = [
  'transition-time-rewritten',
  'subset-removed-first',
  'no-data-pass',
  'apply-without-version',
  'lease-never-given-back',
  'gone-is-not-relisted',
  'dwell-from-order',
  'deadline-never-fires',
  'retry-by-itself',
  'failure-ignored',
];
