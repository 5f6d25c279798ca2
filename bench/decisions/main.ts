import { optionsOf, USAGE, UsageError } from './arguments.ts';
import type { Options } from './arguments.ts';
import { goalsOf, QUICK, WHOLE } from './goals.ts';
import type { CellResult } from './measure.ts';
import { measureAll } from './pool.ts';
import { summarize } from './summary.ts';
import { cellLine, jsonLine, summaryLine, summaryLines } from './output.ts';

/** Measures what was asked for, tells it, and returns the exit code: 1 where a goal is missed. */
async function run(options: Options): Promise<number> {
  const { cells, seed, releases, workers, json, quick } = options;
  const started = performance.now();
  let count = 0;
  const tell = (result: CellResult) => {
    count++;
    process.stdout.write(`${json ? jsonLine(result) : cellLine(result)}\n`);
    if (json || process.stderr.isTTY) {
      const minutes = ((performance.now() - started) / 60_000).toFixed(1);
      process.stderr.write(`${count} of ${cells.length} cells, ${minutes} min: ${result.cell.name}\n`);
    }
  };
  const results = await measureAll(
    cells.map((cell) => ({ cell, seed, releases })),
    workers,
    tell,
  );
  const summary = summarize(results);
  const goals = goalsOf(summary, quick ? QUICK : WHOLE);
  const missed = goals.filter(({ met }) => !met);
  process.stdout.write(
    json ? `${summaryLine(summary, options)}\n` : `\n${summaryLines(summary).join('\n')}\n`,
  );
  for (const { text } of missed) process.stderr.write(`Missed: ${text}.\n`);
  return missed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await run(optionsOf(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
