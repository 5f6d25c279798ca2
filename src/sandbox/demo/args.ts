import { parseArgs as parse } from 'node:util';

export const HELP = `Usage: npm run demo -- [options]

Shows Songbird at work on this machine, in under 90 seconds and with nothing but Node: a small
cluster in memory, a demo mesh, 200 requests a second over real HTTP, and the operator as it runs
in production. A good version goes out step by step; then a bad one comes back by itself.

  --keep   Leave everything running afterwards, for kubectl and manifests of your own, until Ctrl-C
  --json   Print one JSON object a line; the last is the result (npm run --silent demo -- --json
           leaves npm's own lines out)
  --help   Print this and exit

The exit status is 0 only when the good version went out without a failed request and the bad one
was taken back. NO_COLOR=1 turns colours off.
`;

export interface Args {
  readonly keep: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

/**
 * Reads the demo's own arguments.
 * @throws Error with a sentence for the user
 */
export function parseArgs(argv: readonly string[]): Args {
  try {
    const { values } = parse({
      args: [...argv],
      options: {
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    throw new Error(`${why}. The options are --keep, --json and --help.`, { cause: error });
  }
}
