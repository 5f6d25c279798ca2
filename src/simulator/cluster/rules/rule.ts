import type { Decision } from '../../../core/model.ts';
import type { Gathered } from '../../../controllers/canary-release/observe.ts';
import type { Call } from '../process-client.ts';
import type { ProcessClock } from '../process-clock.ts';
import type { Simulation } from '../simulation.ts';
import type { Write } from '../true-cluster.ts';
import type { Memory } from './memory.ts';

/** The invariants of the design, and those that ARCHITECTURE.md adds. */
export const INVARIANTS = [
  'weights-sum',
  'no-empty-backend',
  'fresh-evidence',
  'fresh-baseline',
  'abort-first',
  'monotone-after-fail',
  'one-effect',
  'valid-lease',
  'foreign-fields',
  'quiet',
  'settles',
  'no-skip',
  'no-data-no-promotion',
  'bad-manifest',
  'paused',
  'commands',
  'finalizer',
  'kstatus',
  'status',
  'no-error',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

/** What a rule looks at: the cluster as it is, and what is remembered of it. */
export interface Scene {
  readonly simulation: Simulation;
  readonly memory: Memory;
  /** Tells that an invariant is broken at this moment. */
  broken(invariant: Invariant, sentence: string): void;
}

/** Something that must hold, looked at whenever something happens that may break it. */
export interface Rule {
  /** The API server accepted a write; the truth knows of it already. */
  wrote?(write: Write): void;
  /** A process sends a call. */
  sent?(call: Call, process: ProcessClock): void;
  /** A process decided; nothing of it is written yet. */
  decided?(process: ProcessClock, gathered: Gathered, decision: Decision): void;
  /** A second is over. */
  tick?(): void;
}
