/**
 * Can the tests fail? `npm run simulate:mutants -- [options]` plants bugs into the production code, one at a time, and
 * shows that the simulator catches each. Exit status 0 only when every one was caught.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import { HELP, type Options, UsageError, optionsOf } from './arguments.ts';
import { type Result, hunt } from './hunt.ts';
import { mutated, sourceOf } from './mutant.ts';
import { pageOf } from './page.ts';

const PAGE = new URL('../../docs/planted-bugs.md', import.meta.url);

/** Hunts them, so many at a time; tells of each in the order of the catalogue, as soon as that can be. */
async function huntAll(
  { mutants, seeds, workers, json }: Options,
  known: ReadonlyMap<string, Result>,
): Promise<Result[]> {
  const hunts = mutants.map((mutant) => ({ mutant, ...Promise.withResolvers<Result>() }));
  const waiting = hunts.values();
  const hunter = async () => {
    for (const { mutant, resolve, reject } of waiting) {
      const found = known.get(mutant.name);
      if (found === undefined) await hunt(mutant, seeds).then(resolve, reject);
      else resolve(found);
    }
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
  const results = await huntAll(options, await caughtIn(options.from));
  const uncaught = results.filter(({ caught }) => !caught).map(({ mutant }) => mutant);
  const sum = { planted: results.length, caught: results.length - uncaught.length, uncaught };
  if (options.write) await write(pageOf(options.mutants, results));
  const names = uncaught.length === 0 ? '' : `; not caught: ${uncaught.join(', ')}`;
  print(options.json ? JSON.stringify(sum) : `\n${sum.planted} planted, ${sum.caught} caught${names}`);
  return uncaught.length === 0 ? 0 : 1;
}

async function write(page: string): Promise<void> {
  const settings = await prettier.resolveConfig(fileURLToPath(PAGE));
  await writeFile(PAGE, await prettier.format(page, { ...settings, parser: 'markdown' }));
}

/** What earlier runs caught, by the bug's name. */
async function caughtIn(files: readonly string[]): Promise<Map<string, Result>> {
  const caught = new Map<string, Result>();
  for (const file of files) {
    for (const line of (await readFile(file, 'utf8')).split('\n')) {
      if (line === '') continue;
      const result = JSON.parse(line) as Partial<Result>;
      if (result.mutant !== undefined && result.caught === true) caught.set(result.mutant, result as Result);
    }
  }
  return caught;
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
