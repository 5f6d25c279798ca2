import { Worker } from 'node:worker_threads';
import type { Plan } from '../../src/simulator/cluster/plan.ts';
import type { Mutant } from './mutant.ts';

/** One life: the same plan, watched at rest for the same time, gives the same outcome. */
export interface Life {
  readonly plan: Plan;
  /** As of `runPlan`; its default when undefined. */
  readonly quietMs: number | undefined;
}

/** What a thread is to play. */
export interface Task {
  /** The bug in what it plays; undefined for the code as it is. */
  readonly mutant: Mutant | undefined;
  /** The first seed. */
  readonly first: number;
  /** So many seeds at most. */
  readonly seeds: number;
  /** Only this one, and no seeds. */
  readonly life: Life | undefined;
}

/** An invariant was broken. */
export interface Catch {
  readonly kind: 'caught';
  /** Played until then, that one included. */
  readonly seeds: number;
  readonly invariant: string;
  readonly sentence: string;
  readonly life: Life;
}

/** What a thread tells: the seed that it begins, and at last what came of all. */
export type Told = { readonly kind: 'seed'; readonly seed: number } | End;

type End = Catch | { readonly kind: 'none'; readonly seeds: number };

/** How a thread ended. `failed`: it could not play on; nothing was found out. */
export type Ended = End | { readonly kind: 'failed'; readonly message: string };

/** The longest that a seed may take, on a busy machine, before its world is taken to stand still for ever (ms). */
const LONGEST_SEED_MS = 180_000;

/** Plays in a thread of its own, until an invariant is broken or nothing is left to play. Never rejects. */
export function play(task: Task): Promise<Ended> {
  return new Promise((resolve) => {
    const thread = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task });
    let seed = task.first;
    let timer: NodeJS.Timeout | undefined;
    const end = (ended: Ended) => {
      clearTimeout(timer);
      resolve(ended);
      void thread.terminate();
    };
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const message = `seed ${seed} does not end within ${LONGEST_SEED_MS / 1000} s`;
        end({ kind: 'failed', message });
      }, LONGEST_SEED_MS);
    };
    watch();
    thread.on('message', (told: Told) => {
      watch();
      if (told.kind === 'seed') seed = told.seed;
      else end(told);
    });
    thread.on('error', (error) => {
      const message = error instanceof Error ? error.message : String(error);
      end({ kind: 'failed', message: `seed ${seed}: ${message}` });
    });
    thread.on('exit', (code) => {
      end({ kind: 'failed', message: `seed ${seed}: the thread ended with ${code}` });
    });
  });
}
