import { Worker } from 'node:worker_threads';
import type { CellResult } from './measure.ts';
import type { Task } from './worker.ts';

/**
 * Measures cells on several threads; gives the results in the order of the tasks. Rejects when a thread fails.
 *
 * @param done called with each result as soon as it and all before it are there
 */
export async function measureAll(
  tasks: readonly Task[],
  workers: number,
  done: (result: CellResult) => void,
): Promise<CellResult[]> {
  const results: CellResult[] = [];
  const finished = new Map<number, CellResult>();
  let next = 0;
  const run = async () => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    try {
      for (let task = tasks[next]; task !== undefined; task = tasks[next]) {
        const index = next++;
        finished.set(index, await ask(worker, task));
        for (let result = finished.get(results.length); result !== undefined;) {
          finished.delete(results.length);
          results.push(result);
          done(result);
          result = finished.get(results.length);
        }
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, tasks.length) }, run));
  return results;
}

function ask(worker: Worker, task: Task): Promise<CellResult> {
  return new Promise((resolve, reject) => {
    const answer = (result: CellResult) => {
      worker.off('error', fail);
      resolve(result);
    };
    const fail = (error: unknown) => {
      worker.off('message', answer);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    worker.once('message', answer);
    worker.once('error', fail);
    worker.postMessage(task);
  });
}
