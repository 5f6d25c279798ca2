import { readFile } from 'node:fs/promises';
import { endWithReader } from '../../src/cli/pipe.ts';
import { optionsOf, USAGE, UsageError } from './arguments.ts';
import type { Options } from './arguments.ts';
import { goalsOf, QUICK, WHOLE } from './goals.ts';
import type { CellResult } from './measure.ts';
import { cellLine, summaryLine, summaryLines } from './output.ts';
import { measureAll } from './pool.ts';
import { writeReport } from './report/write.ts';
import { jsonLine, parseLines } from './results.ts';
import { summarize } from './summary.ts';

/** Measures what was asked for, tells it, and returns the exit code: 1 where a goal is missed. */
async function run(options: Options): Promise<number> {
  const { json, quick, whole, write } = options;
  const results = await measureTasks(options, await readResults(options.from));
  const summary = summarize(results);
  const goals = goalsOf(summary, quick ? QUICK : { ...WHOLE, rivals: whole });
  const missed = goals.filter(({ met }) => !met);
  const first = results[0];
  if (json && first !== undefined) process.stdout.write(`${summaryLine(summary, first)}\n`);
  else process.stdout.write(`\n${summaryLines(summary).join('\n')}\n`);
  for (const { text } of missed) process.stderr.write(`Missed: ${text}.\n`);
  if (write) {
    for (const file of await writeReport(results)) process.stderr.write(`Written: ${file}\n`);
  }
  return missed.length === 0 ? 0 : 1;
}

/** Measures the tasks that are not known already; tells of all of them, those that are known first. */
async function measureTasks(
  { tasks, workers, json }: Options,
  known: readonly CellResult[],
): Promise<CellResult[]> {
  const started = performance.now();
  let count = 0;
  const tell = (result: CellResult) => {
    count++;
    process.stdout.write(`${json ? jsonLine(result) : cellLine(result)}\n`);
    const minutes = ((performance.now() - started) / 60_000).toFixed(1);
    process.stderr.write(`${count} of ${tasks.length} cells, ${minutes} min: ${result.cell.name}\n`);
  };
  const done = tasks.flatMap(
    ({ cell, seed, releases }) =>
      known.find((one) => one.cell.name === cell.name && one.seed === seed && one.releases === releases) ??
      [],
  );
  done.forEach(tell);
  const names = new Set(done.map(({ cell }) => cell.name));
  const rest = tasks.filter(({ cell }) => !names.has(cell.name));
  return [...done, ...(await measureAll(rest, workers, tell))];
}

async function readResults(files: readonly string[]): Promise<CellResult[]> {
  const lists = await Promise.all(
    files.map(async (file) => {
      try {
        return parseLines(await readFile(file, 'utf8'));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new UsageError(`${file} does not hold the lines of a run with --json: ${why}`);
      }
    }),
  );
  return lists.flat();
}

endWithReader(process.stdout, process.stderr);
try {
  process.exitCode = await run(optionsOf(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
