import { decide } from '../../core/decide.ts';
import { ms } from '../../core/model.ts';
import { deepEqual, deepFreeze } from '../../kube/json.ts';
import { Invariants } from './invariants.ts';
import { weightOf } from './pass.ts';
import { AXES, type Place, placesWith, worldAt } from './small-worlds.ts';

/** What came of a part of the small worlds. */
export interface Enumerated {
  /** Worlds that can be: of the others nothing is asked. */
  readonly worlds: number;
  /** How often each effect was decided; `none` for nothing to do. */
  readonly effects: Readonly<Record<string, number>>;
  /** The first broken ones, and how many there are. */
  readonly broken: readonly { readonly place: Place; readonly sentence: string }[];
  readonly violations: number;
}

const MOST_TOLD = 5;
/** Every so manieth world is decided twice: the second decision must be the same. */
const TWICE = 50;

/** Into so many parts, one for each status, the small worlds are divided. */
export const PARTS = AXES.status.length;

/**
 * Decides in all small worlds of a part, and checks the invariants on each decision.
 *
 * @param part from 0 to {@link PARTS}, exclusive
 * @param every only each so manieth place; 1 for all
 */
export function enumerate(part: number, every = 1): Enumerated {
  const effects: Record<string, number> = {};
  const broken: { place: Place; sentence: string }[] = [];
  let [worlds, violations] = [0, 0];
  for (const place of placesWith(part, every)) {
    if (!canBe(place)) continue;
    worlds += 1;
    const { effect, sentence } = look(place, worlds % TWICE === 0);
    effects[effect] = (effects[effect] ?? 0) + 1;
    if (sentence === undefined) continue;
    violations += 1;
    if (broken.length < MOST_TOLD) broken.push({ place, sentence });
  }
  return { worlds, effects, broken, violations };
}

/** Places that say the same as another one, or contradict themselves, are left out. */
function canBe({ status, verdict, telemetry, weights, rest, manifest, command }: Place): boolean {
  const isGoing = !/^(nothing|at rest|the first)/.test(status);
  if (telemetry === 'not read' ? verdict !== 'none' : !isGoing) return false;
  if (rest === 'mesh not there yet' && weights === 'no route') return false;
  if (rest === 'being deleted') return telemetry === 'not read' && manifest === 'sound' && command === 'none';
  return manifest !== 'for no pods' || !verdict.startsWith('Pass ');
}

function look(place: Place, twice: boolean): { effect: string; sentence: string | undefined } {
  const { observed, now } = worldAt(place);
  deepFreeze(observed);
  try {
    const decision = decide(observed, now);
    const { candidateRevision, step, rejected } = observed.status;
    const since = step?.observedAt;
    const held =
      candidateRevision === undefined || since === undefined
        ? undefined
        : { revision: candidateRevision, weight: weightOf(observed, candidateRevision), since: ms(since) };
    new Invariants({ held, rejected: rejected?.revision }).check(observed, decision, now);
    if (twice && !deepEqual(decide(observed, now), decision))
      throw new Error('it decides otherwise the second time');
    return { effect: decision.effect?.kind ?? 'none', sentence: undefined };
  } catch (error) {
    return { effect: 'none', sentence: error instanceof Error ? error.message : String(error) };
  }
}
