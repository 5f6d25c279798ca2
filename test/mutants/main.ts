/**
 * Can the tests fail? `npm run simulate:mutants -- [options]` plants bugs into the production code, one at a time, and
 * shows that the simulator catches each. Exit status 0 only when every one was caught.
 */
import { HELP, type Options, UsageError, optionsOf } from './arguments.ts';
import { type Result, hunt } from './hunt.ts';
import { mutated, sourceOf } from './mutant.ts';

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
