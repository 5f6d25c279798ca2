import type { Clock } from '../kube/clock.ts';
import { systemClock } from '../kube/clock.ts';
import type { ApiClient } from '../kube/types.ts';
import { run } from './run.ts';
import type { Shell } from './shell.ts';
import { UsageError } from './usage.ts';

export interface ShellOptions {
  /** Undefined where there is no cluster. */
  readonly client?: ApiClient | undefined;
  readonly clock?: Clock;
  /** How wide the terminal is; without it lines go to a pipe. */
  readonly columns?: number | undefined;
  readonly stopping?: AbortSignal;
}

/** What a command line came to. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly errors: string;
  /** The pictures that a terminal showed one after the other. */
  readonly drawn: readonly string[];
}

/** Runs a command line as a person does, in the namespace `shop`. */
export async function songbird(options: ShellOptions, ...args: string[]): Promise<Ran> {
  const { client, clock = systemClock, columns, stopping = new AbortController().signal } = options;
  const out: string[] = [];
  const errors: string[] = [];
  const drawn: string[] = [];
  const shell: Shell = {
    output: {
      print: (line) => out.push(line),
      complain: (line) => errors.push(line),
      columns,
      redraw: columns === undefined ? undefined : (lines) => drawn.push(lines.join('\n')),
    },
    connect: async ({ namespace = 'shop' }) => {
      if (client === undefined) throw new UsageError('no cluster is chosen');
      return { client, namespace };
    },
    clock,
    stopping,
  };
  const status = await run(args, shell);
  return { status, out: out.join('\n'), errors: errors.join('\n'), drawn };
}
