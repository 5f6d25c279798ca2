/**
 * Can the tests fail? `npm run simulate:mutants -- [options]` plants bugs into the production code, one at a time, and
 * shows that the simulator catches each. Exit status 0 only when every one was caught.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MUTANTS, QUICKEST } from './catalogue/index.ts';
import { type Result, hunt } from './hunt.ts';
import { type Mutant, mutated, sourceOf } from './mutant.ts';

const HELP = `npm run simulate:mutants -- [options]

Plants bugs into the production code, one at a time, and plays whole lives of releases with each, as npm run simulate
does, until an invariant is broken that the code as it is keeps in the same life.

  --seeds N     the most seeds that are played with a bug (default 2000)
  --only NAME   this bug; may be given several times
  --some N      N bugs of those that are caught soonest, of all layers: always the same
  --workers N   threads at the same time (default: one a processor)
  --json        one JSON object a bug, and one for all

Exit status 1: a bug was not caught.`;

class UsageError extends Error {}

interface Options {
  readonly mutants: readonly Mutant[];
  readonly seeds: number;
  readonly workers: number;
  readonly json: boolean;
}

function optionsOf(args: readonly string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const { only, some } = values;
  if (only !== undefined && some !== undefined)
    throw new UsageError('--only and --some are two choices: give one of them');
  return {
    mutants: only === undefined ? chosen(some) : only.map(named),
    seeds: whole('seeds', values.seeds),
    workers: whole('workers', values.workers ?? String(availableParallelism())),
    json: values.json,
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

/** Hunts them, so many at a time; tells of each in the order of the catalogue, as soon as that can be. */
async function huntAll({ mutants, seeds, workers, json }: Options): Promise<Result[]> {
  const hunts = mutants.map((mutant) => ({ mutant, ...Promise.withResolvers<Result>() }));
  const waiting = hunts.values();
  const hunter = async () => {
    for (const { mutant, resolve, reject } of waiting) await hunt(mutant, seeds).then(resolve, reject);
  };
  for (let i = 0; i < workers; i++) void hunter();
  const results: Result[] = [];
  for (const { promise } of hunts) {
    const result = await promise;
    results.push(result);
    print(json ? JSON.stringify(result) : rowOf(result));
  }
  return results;
}

async function run(options: Options): Promise<number> {
  // What is wrong with the catalogue is told before minutes are spent.
  for (const mutant of options.mutants) mutated(mutant, await sourceOf(mutant));
  if (!options.json) print(HEAD);
  const results = await huntAll(options);
  const uncaught = results.filter(({ caught }) => !caught).map(({ mutant }) => mutant);
  const sum = { planted: results.length, caught: results.length - uncaught.length, uncaught };
  const names = uncaught.length === 0 ? '' : `; not caught: ${uncaught.join(', ')}`;
  print(options.json ? JSON.stringify(sum) : `\n${sum.planted} planted, ${sum.caught} caught${names}`);
  return uncaught.length === 0 ? 0 : 1;
}

const HEAD = row('bug', 'caught by', 'seeds', 'seconds', 'what was seen');

function rowOf({ mutant, invariant, seeds, seconds, sentence }: Result): string {
  return row(mutant, invariant ?? 'NOTHING', String(seeds), String(seconds), sentence);
}

function row(mutant: string, invariant: string, seeds: string, seconds: string, sentence: string): string {
  return `${mutant.padEnd(40)} ${invariant.padEnd(20)} ${seeds.padStart(5)} ${seconds.padStart(8)}  ${sentence}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) print(HELP);
  else process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${HELP}\n`);
  process.exitCode = 2;
}
