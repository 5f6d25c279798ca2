import { isApiError } from '../kube/types.ts';
import type { Command } from './command.ts';
import { ORDERS, type OrderWord } from './orders.ts';
import { EXIT, type Shell } from './shell.ts';
import { UsageError } from './usage.ts';

/** One word of the command line; what it needs is loaded when it is given. */
interface Entry {
  readonly summary: string;
  /** The first word after it names a release. */
  readonly ofRelease?: true;
  readonly load: () => Promise<Command>;
}

const order = (word: OrderWord): Entry => ({
  summary: ORDERS[word],
  ofRelease: true,
  load: async () => (await import('./commands/order.ts')).ordering(word),
});

const COMMANDS: Readonly<Record<string, Entry>> = {
  get: {
    summary: 'lists releases: where each is, and why',
    ofRelease: true,
    load: async () => (await import('./commands/get.ts')).get,
  },
  status: {
    summary: 'one release at a glance; -w draws it as it goes, --wait is for pipelines',
    ofRelease: true,
    load: async () => (await import('./commands/status.ts')).status,
  },
  why: {
    summary: 'the verdict in numbers, what happened, and what to do',
    ofRelease: true,
    load: async () => (await import('./commands/why.ts')).why,
  },
  history: {
    summary: 'the last releases, and how each ended',
    ofRelease: true,
    load: async () => (await import('./commands/history.ts')).history,
  },
  report: {
    summary: 'how a release went, as a page: timeline, curves, verdicts, orders',
    ofRelease: true,
    load: async () => (await import('./commands/report.ts')).report,
  },
  pause: order('pause'),
  resume: order('resume'),
  promote: order('promote'),
  abort: order('abort'),
  retry: order('retry'),
  'rollback-to': order('rollback-to'),
  dashboard: {
    summary: 'a page with all releases, on this machine',
    load: async () => (await import('./commands/dashboard.ts')).dashboard,
  },
  doctor: {
    summary: 'what releases need: what is there, what is missing, how to mend it',
    ofRelease: true,
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  diff: {
    summary: 'what differs between the pod templates of two revisions',
    load: async () => (await import('./commands/diff.ts')).diff,
  },
  explain: {
    summary: 'what a manifest says, written out: steps, pods, times, defaults',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  lint: {
    summary: 'what a cluster would refuse of manifests; needs none',
    load: async () => (await import('./commands/lint.ts')).lint,
  },
  completion: {
    summary: 'completes command lines in bash, zsh, fish and kubectl',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  simulate: {
    summary: 'how releases of a manifest will go, before anyone applies it',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  backtest: {
    summary: 'how often its analysis would have rolled back the weeks that are past',
    load: async () => (await import('./backtest.ts')).backtest,
  },
};

const WIDEST = Math.max(...Object.keys(COMMANDS).map((name) => name.length));

const HELP = `kubectl songbird COMMAND

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(WIDEST)}   ${summary}`)
  .join('\n')}

kubectl songbird COMMAND --help says more.`;

/** Options that may stand before the command, as kubectl allows, and have a value. */
const WITH_VALUE = new Set(['-n', '--namespace', '--context', '--kubeconfig']);

/** The command of a command line, and all else. */
function split(argv: readonly string[]): { name: string | undefined; args: string[] } {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (WITH_VALUE.has(word)) at += 1;
    else if (!word.startsWith('-') || word === '-h' || word === '--help')
      return { name: word, args: [...argv.slice(0, at), ...argv.slice(at + 1)] };
  }
  return { name: undefined, args: [...argv] };
}

/** Carries out one command line. @returns the exit status: 2 when the command line cannot be understood */
export async function run(argv: readonly string[], shell: Shell): Promise<number> {
  const { output } = shell;
  const { name = 'help', args } = split(argv);
  if (name === 'help' || name === '--help' || name === '-h') {
    output.print(HELP);
    return EXIT.done;
  }
  if (name === '__complete') return completing(args, shell);
  const entry = COMMANDS[name];
  if (entry === undefined) {
    output.complain(`there is no command ${name}${meant(name)}\n\n${HELP}`);
    return EXIT.usage;
  }
  try {
    const command = await entry.load();
    return await command.run(args, shell);
  } catch (error) {
    if (isApiError(error)) {
      output.complain(error.message);
      return EXIT.failed;
    }
    if (!(error instanceof UsageError) && !isParseError(error)) throw error;
    output.complain(error.message);
    return EXIT.usage;
  }
}

/** Asked by shells, not by people. */
async function completing(words: readonly string[], shell: Shell): Promise<number> {
  const { complete } = await import('./commands/completion.ts');
  const commands = Object.entries(COMMANDS).map(([name, { ofRelease, load }]) => ({
    name,
    ofRelease: ofRelease === true,
    help: async () => (await load()).help,
  }));
  return complete(words, commands, shell);
}

/** The command that somebody who misspelt it may have meant. */
function meant(name: string): string {
  const near = Object.keys(COMMANDS).find((one) => one.startsWith(name) || name.startsWith(one));
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** What node:util's parseArgs throws for options that there aren't. */
function isParseError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
