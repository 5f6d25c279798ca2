import { inThreads } from '../../src/simulator/threads.ts';
import type { CellResult } from './measure.ts';
import type { Task } from './worker.ts';

/** Measures cells on several threads; see {@link inThreads}. */
export function measureAll(
  tasks: readonly Task[],
  workers: number,
  done: (result: CellResult) => void,
): Promise<CellResult[]> {
  return inThreads(new URL('./worker.ts', import.meta.url), tasks, workers, done);
}
