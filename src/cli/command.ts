import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { EXIT, type Shell } from './shell.ts';

/** What one word of the command line does. */
export interface Command {
  readonly help: string;
  /** @returns the exit status @throws UsageError, ApiError, and what parseArgs throws */
  readonly run: (args: readonly string[], shell: Shell) => Promise<number>;
}

/** What a command line says after its command. */
type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true }>
>;

interface Config<T> {
  readonly options: T;
  /** Words that are no options are refused, unless it is true. */
  readonly allowPositionals?: boolean;
}

/**
 * A command with these options, and `--help` besides, which prints its help and does nothing else.
 *
 * @param act carries it out, and gives the exit status
 */
export function commandOf<const T extends ParseArgsOptionsConfig>(
  help: string,
  { options, allowPositionals = false }: Config<T>,
  act: (parsed: Parsed<T>, shell: Shell) => Promise<number>,
): Command {
  return {
    help,
    run: async (args, shell) => {
      const all: ParseArgsOptionsConfig = { ...options, help: { type: 'boolean', short: 'h' } };
      const parsed = parseArgs({ args: [...args], allowPositionals, options: all });
      if (parsed.values['help'] !== true) return act(parsed as Parsed<T>, shell);
      shell.output.print(help);
      return EXIT.done;
    },
  };
}
