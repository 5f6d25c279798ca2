import { Worker } from 'node:worker_threads';

/**
 * Does tasks on several threads; gives the results in the order of the tasks. Rejects when a thread fails.
 *
 * @param script a module that answers each message, a task, with one message, its result
 * @param done called with each result as soon as it and all before it are there
 */
export async function inThreads<Result>(
  script: URL,
  tasks: readonly unknown[],
  threads: number,
  done: (result: Result) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  const finished = new Map<number, Result>();
  let next = 0;
  const run = async () => {
    const worker = new Worker(script);
    try {
      for (let task = tasks[next]; task !== undefined; task = tasks[next]) {
        const index = next++;
        finished.set(index, await ask<Result>(worker, task));
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
  await Promise.all(Array.from({ length: Math.min(threads, tasks.length) }, run));
  return results;
}

function ask<Result>(worker: Worker, task: unknown): Promise<Result> {
  return new Promise((resolve, reject) => {
    const answer = (result: Result) => {
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
