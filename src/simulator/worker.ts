import { parentPort } from 'node:worker_threads';
import type { KubeObject } from '../kube/types.ts';
import { readCrds } from '../sandbox/demo/manifests.ts';
import { type Enumerated, enumerate } from './decide/enumerate.ts';
import { type Mode, type SeedResult, playSeed } from './seeds.ts';

/** What a thread is asked to do: to play so many seeds from the first one on, or to look at a part of the small worlds. */
export type Task = SeedTask | { readonly worlds: number };

export interface SeedTask {
  readonly mode: Mode;
  readonly first: number;
  readonly seeds: number;
}

let crds: Promise<readonly KubeObject[]> | undefined;

async function perform(task: Task): Promise<SeedResult[] | Enumerated> {
  if ('worlds' in task) return enumerate(task.worlds);
  const { mode, first, seeds } = task;
  const results: SeedResult[] = [];
  for (let seed = first; seed < first + seeds; seed++)
    results.push(await playSeed(seed, mode, await (crds ??= readCrds())));
  return results;
}

parentPort?.on('message', (task: Task) => {
  void perform(task).then((result) => {
    parentPort?.postMessage(result);
  });
});
