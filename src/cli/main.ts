import { endWithReader } from './pipe.ts';
import { run } from './run.ts';

endWithReader(process.stdout, process.stderr);
process.exitCode = await run(process.argv.slice(2), {
  print: (line) => {
    process.stdout.write(`${line}\n`);
  },
  complain: (line) => {
    process.stderr.write(`${line}\n`);
  },
  // A pipe or a file has none.
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
});
