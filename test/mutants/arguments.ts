import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MUTANTS, QUICKEST } from './catalogue/index.ts';
import type { Mutant } from './mutant.ts';

export const HELP = `npm run simulate:mutants -- [options]

Plants bugs into the production code, one at a time, and plays whole lives of releases with each, as npm run simulate
does, until an invariant is broken that the code as it is keeps in the same life.

  --seeds N     the most seeds that are played with a bug (default 2000)
  --only NAME   this bug; may be given several times
  --some N      N bugs of those that are caught soonest, of all layers: always the same
  --from FILE   lines of earlier runs with --json: bugs that were caught there are not hunted again
  --write       all of them, into docs/planted-bugs.md
  --workers N   threads at the same time (default: one a processor)
  --json        one JSON object a bug, and one for all

Exit status 1: a bug was not caught.`;

/** What is wrong with the arguments, as a sentence. */
export class UsageError extends Error {}

export interface Options {
  readonly mutants: readonly Mutant[];
  readonly seeds: number;
  readonly workers: number;
  readonly json: boolean;
  /** Files with the lines of earlier runs. */
  readonly from: readonly string[];
  readonly write: boolean;
}

/**
 * @returns undefined when only help is asked for
 * @throws UsageError
 */
export function optionsOf(args: readonly string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const { only, some } = values;
  if ([only !== undefined, some !== undefined, values.write].filter(Boolean).length > 1)
    throw new UsageError('--only, --some and --write choose bugs: give one of them');
  return {
    mutants: only === undefined ? chosen(some) : only.map(named),
    seeds: whole('seeds', values.seeds),
    workers: whole('workers', values.workers ?? String(availableParallelism())),
    json: values.json,
    from: values.from ?? [],
    write: values.write,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string', default: '2000' },
        only: { type: 'string', multiple: true },
        some: { type: 'string' },
        workers: { type: 'string' },
        json: { type: 'boolean', default: false },
        from: { type: 'string', multiple: true },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function whole(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} must be a whole number above 0, not ${JSON.stringify(text)}`);
}

function named(name: string): Mutant {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined)
    throw new UsageError(
      `--only: there is no ${name}; there are ${MUTANTS.map((one) => one.name).join(', ')}`,
    );
  return mutant;
}

function chosen(some: string | undefined): readonly Mutant[] {
  if (some === undefined) return MUTANTS;
  const count = whole('some', some);
  if (count > QUICKEST.length) throw new UsageError(`--some: at most ${QUICKEST.length} of them are quick`);
  return QUICKEST.slice(0, count).map(named);
}
