import { systemClock } from '../kube/clock.ts';
import { redrawer, wantsColor } from './output.ts';
import { endWithReader } from './pipe.ts';
import { run } from './run.ts';

const { stdout, stderr } = process;
endWithReader(stdout, stderr);

const stopping = new AbortController();
process.once('SIGINT', () => {
  stopping.abort();
});

const isTerminal = stdout.isTTY;
process.exitCode = await run(process.argv.slice(2), {
  output: {
    print: (line) => {
      stdout.write(`${line}\n`);
    },
    complain: (line) => {
      stderr.write(`${line}\n`);
    },
    // A pipe or a file has none; a terminal may be made wider or narrower meanwhile.
    get columns() {
      return isTerminal ? stdout.columns : undefined;
    },
    color: isTerminal && wantsColor(process.env),
    redraw: isTerminal
      ? redrawer(
          (text) => {
            stdout.write(text);
          },
          () => stdout.rows,
        )
      : undefined,
  },
  // Loaded only where a cluster is asked: it takes longer than all that lint or explain do.
  connect: async (where) => (await import('./connect.ts')).connect(where),
  clock: systemClock,
  stopping: stopping.signal,
});
