import { parentPort } from 'node:worker_threads';
import type { Cell } from './cells.ts';
import { measure } from './measure.ts';

/** What a worker is asked to do. */
export interface Task {
  readonly cell: Cell;
  readonly seed: number;
  readonly releases: number;
}

parentPort?.on('message', ({ cell, seed, releases }: Task) => {
  parentPort?.postMessage(measure(cell, seed, releases));
});
