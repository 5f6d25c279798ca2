import { parentPort } from 'node:worker_threads';
import { readCrds } from '../sandbox/demo/manifests.ts';
import { type Mode, type SeedResult, playSeed } from './seeds.ts';

/** What a thread is asked to do: to play so many seeds, from the first one on. */
export interface SeedTask {
  readonly mode: Mode;
  readonly first: number;
  readonly seeds: number;
}

const crds = await readCrds();

async function play({ mode, first, seeds }: SeedTask): Promise<SeedResult[]> {
  const results: SeedResult[] = [];
  for (let seed = first; seed < first + seeds; seed++) results.push(await playSeed(seed, mode, crds));
  return results;
}

parentPort?.on('message', (task: SeedTask) => {
  void play(task).then((results) => {
    parentPort?.postMessage(results);
  });
});
