import type { Mutant } from './mutant.ts';
import { play } from './play.ts';

/** What came of one mutant. */
export interface Result {
  readonly mutant: string;
  readonly peer?: string;
  readonly caught: boolean;
  /** By which it was caught; null where it was not. */
  readonly invariant: string | null;
  /** Played until it was caught, that one included; or all that were played. */
  readonly seeds: number;
  readonly seconds: number;
  /** What was seen; where nothing was caught, why. */
  readonly sentence: string;
}

/**
 * Plays seeds with the mutant until it breaks an invariant that the code as it is keeps in the very same life.
 *
 * @param seeds so many at most
 */
export async function hunt(mutant: Mutant, seeds: number): Promise<Result> {
  const startedAt = performance.now();
  const name = { mutant: mutant.name, ...(mutant.peer === undefined ? {} : { peer: mutant.peer }) };
  const end = (caught: boolean, invariant: string | null, played: number, sentence: string): Result => {
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
    return { ...name, caught, invariant, seeds: played, seconds, sentence };
  };
  const doubts: string[] = [];
  let played = 0;
  while (played < seeds) {
    const ended = await play({ mutant, first: 1 + played, seeds: seeds - played, life: undefined });
    if (ended.kind === 'failed') return end(false, null, played, ended.message);
    played += ended.seeds;
    if (ended.kind === 'none') break;
    const { invariant, sentence, life } = ended;
    const sound = await play({ mutant: undefined, first: played, seeds: 1, life });
    if (sound.kind === 'none') return end(true, invariant, played, sentence);
    const without = sound.kind === 'failed' ? sound.message : `${sound.invariant}: ${sound.sentence}`;
    doubts.push(`seed ${played} goes wrong without the mutant, too: ${without}`);
  }
  return end(false, null, played, ['no invariant was broken', ...doubts].join('; '));
}
