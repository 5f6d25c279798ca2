import { backtest } from './backtest.ts';
import type { Output } from './output.ts';
import { simulate } from './simulate.ts';
import { UsageError } from './usage.ts';

const HELP = `songbird COMMAND

  simulate   how releases of a manifest will go, before anyone applies it
  backtest   how often its analysis would have rolled back the weeks that are past

songbird COMMAND --help says more.`;

const COMMANDS: Readonly<Record<string, (args: readonly string[], output: Output) => Promise<number>>> = {
  simulate,
  backtest,
};

const EXIT = { usage: 2 };

/** Carries out one command line. @returns the exit status: 2 when the command line cannot be understood */
export async function run([name = 'help', ...args]: readonly string[], output: Output): Promise<number> {
  if (name === 'help' || name === '--help' || name === '-h') {
    output.print(HELP);
    return 0;
  }
  const command = COMMANDS[name];
  if (command === undefined) {
    output.complain(`there is no command ${name}\n\n${HELP}`);
    return EXIT.usage;
  }
  try {
    return await command(args, output);
  } catch (error) {
    if (!(error instanceof UsageError) && !isParseError(error)) throw error;
    output.complain(error.message);
    return EXIT.usage;
  }
}

/** What node:util's parseArgs throws for options that there aren't. */
function isParseError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
