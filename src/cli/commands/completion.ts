import type { CanaryReleaseObject, CanaryReleaseStatus } from '../../api/index.ts';
import { canaryReleases } from '../../api/resources.ts';
import { namespaces } from '../../kube/well-known.ts';
import { commandOf } from '../command.ts';
import { EXIT, type Shell } from '../shell.ts';
import { UsageError, oneOf } from '../usage.ts';
import { viewOf } from '../view/release.ts';

const HELP = `kubectl songbird completion SHELL

Prints what completes command lines: bash, zsh, fish, or kubectl.

  bash     source <(kubectl songbird completion bash)
  zsh      source <(kubectl songbird completion zsh)
  fish     kubectl songbird completion fish | source
  kubectl  kubectl songbird completion kubectl > ~/bin/kubectl_complete-songbird, and chmod +x it: kubectl's own
           completion asks it`;

const SCRIPTS = {
  bash: `_songbird() {
  mapfile -t COMPREPLY < <(kubectl songbird __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | sed '$d')
}
complete -F _songbird songbird kubectl-songbird`,
  zsh: `_songbird() {
  local -a found
  found=("\${(@f)$(kubectl songbird __complete "\${words[@]:1:$((CURRENT - 1))}" 2>/dev/null | sed '$d')}")
  compadd -a found
}
compdef _songbird songbird kubectl-songbird`,
  fish: `for name in songbird kubectl-songbird
  complete -c $name -f -a '(kubectl songbird __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | sed \\$d)'
end`,
  kubectl: `#!/bin/sh
exec kubectl songbird __complete "$@"`,
} as const;

export const completion = commandOf(
  HELP,
  { options: {}, allowPositionals: true },
  async ({ positionals: [shell] }, { output }) => {
    if (shell === undefined)
      throw new UsageError(`for which shell? kubectl songbird completion ${SHELLS.join('|')}`);
    output.print(SCRIPTS[oneOf('shell', shell, SHELLS)]);
    return EXIT.done;
  },
);

/** A command whose line may be completed. */
interface Completable {
  readonly name: string;
  /** The first word after it names a release. */
  readonly ofRelease: boolean;
  readonly help: () => Promise<string>;
}

const SHELLS = Object.keys(SCRIPTS) as (keyof typeof SCRIPTS)[];

/** Words that a shell is told to add nothing to, as kubectl has it from cobra: `ShellCompDirectiveNoFileComp`. */
const NO_FILES = ':4';
/** After these a shell is to complete names of files. */
const FILES = ':0';
/** Options whose value is the name of a file. */
const OF_FILES = new Set(['-f', '--file', '--kubeconfig', '--output-file']);

/** The words that may stand last on a command line, one a line, and at last what the shell is to make of them. */
export async function complete(
  words: readonly string[],
  commands: readonly Completable[],
  shell: Shell,
): Promise<number> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const command = before
    .map((word) => commands.find(({ name }) => name === word))
    .find((one) => one !== undefined);
  const previous = before.at(-1) ?? '';
  const { output } = shell;
  if (OF_FILES.has(previous)) {
    output.print(FILES);
    return EXIT.done;
  }
  const found = await wordsFor({ current, previous, before, command }, commands, shell);
  for (const word of found.filter((one) => one.startsWith(current))) output.print(word);
  output.print(NO_FILES);
  return EXIT.done;
}

interface Line {
  readonly current: string;
  readonly previous: string;
  readonly before: readonly string[];
  readonly command: Completable | undefined;
}

async function wordsFor(
  { current, previous, before, command }: Line,
  commands: readonly Completable[],
  shell: Shell,
): Promise<readonly string[]> {
  if (previous === '-n' || previous === '--namespace') return asked(shell, before, 'namespaces');
  if (command === undefined) return commands.map(({ name }) => name);
  if (current.startsWith('-')) return optionsIn(await command.help());
  const { name, ofRelease } = command;
  const given = before.slice(before.indexOf(name) + 1).filter((word) => !word.startsWith('-'));
  if (name === 'diff') return asked(shell, before, 'revisions');
  if (name === 'rollback-to' && given.length > 0) return asked(shell, before, 'retired', given[0]);
  if (name === 'report' && given.length > 0) return asked(shell, before, 'released', given[0]);
  if (name === 'completion') return SHELLS;
  return ofRelease ? asked(shell, before, 'releases') : [];
}

function optionsIn(help: string): readonly string[] {
  return [...new Set(help.match(/--[a-z][a-z-]+/g) ?? [])];
}

/** What a cluster knows; nothing where it does not answer: a shell must not be disturbed. */
async function asked(
  shell: Shell,
  before: readonly string[],
  what: 'namespaces' | 'releases' | 'revisions' | 'retired' | 'released',
  release?: string,
): Promise<readonly string[]> {
  const at = before.findIndex((word) => word === '-n' || word === '--namespace');
  const chosen = at < 0 ? undefined : before[at + 1];
  try {
    const { client, namespace } = await shell.connect({ namespace: chosen });
    if (what === 'namespaces')
      return (await client.list(namespaces)).items.map(({ metadata }) => metadata.name);
    const { items } = await client.list<CanaryReleaseObject>(canaryReleases, { namespace });
    if (what === 'releases') return items.map(({ metadata }) => metadata.name);
    return items
      .map(viewOf)
      .filter(({ name }) => release === undefined || name === release)
      .flatMap(({ status }) => revisionsIn(status, what))
      .filter((revision) => revision !== undefined);
  } catch {
    return [];
  }
}

function revisionsIn(
  { stableRevision, candidateRevision, retired = [], history = [] }: CanaryReleaseStatus,
  what: 'revisions' | 'retired' | 'released',
): readonly (string | undefined)[] {
  if (what === 'released') return [...new Set(history.map(({ revision }) => revision))];
  const earlier = retired.map(({ revision }) => revision);
  return what === 'retired' ? earlier : [stableRevision, candidateRevision, ...earlier];
}
