/** Marks a value in a word of which only the literal text is known. No process can have it in an argument. */
export const UNKNOWN = '\0';

/** How a word of a command line takes part in what is run, beyond being an argument of it. */
export type Part =
  /** It names what is run. */
  | 'program'
  /** An interpreter runs it, or reads from it what to run. */
  | 'script'
  /** It follows a flag by which many programs take a script, and some take other things. */
  | 'perhaps a script';

const SHELL = /^(?:ba|rba|da|a|z|k|mk|pdk|ya|c|tc|fi)?sh$/;
const INTERPRETER =
  /^(?:python|pypy|perl|ruby|node|nodejs|php|lua|luajit|tclsh|Rscript|groovy|pwsh|[gmn]?awk|g?sed)[0-9.]*$/;

/** `-c` and its like, alone or among the options of a shell (`-ec`, `-lc`, `-cex`), `-e`, and their long names. */
const SCRIPT_FLAG = /^(?:-[aefilmnuvx]{0,4}c[aefilmnuvx]{0,4}|-e|--?(?:eval|execute|command|script))$/;
/** The same with the script in the same word. */
const SCRIPT_IN_FLAG = new RegExp(`^(?:-[ce]=?${UNKNOWN}|--?(?:eval|execute|command|script)=)`);

/** Options of shells that take the next word. */
const SHELL_OPTION_WITH_VALUE = /^(?:[-+][A-Za-z]*[oO][A-Za-z]*|--rcfile|--init-file)$/;

/**
 * The words of a command line that decide what is run, by their index. After the name of an interpreter these are its
 * options and the first word that is none: a script, or the name of a file with one. What comes after it is data.
 * @param hasProgram whether the first word is the program; otherwise that is the image's, and unknown
 */
export function partsRun(words: readonly string[], hasProgram: boolean): ReadonlyMap<number, Part> {
  const parts = new Map<number, Part>();
  words.forEach((word, index) => {
    if (SCRIPT_FLAG.test(word)) parts.set(index + 1, 'perhaps a script');
    if (SCRIPT_IN_FLAG.test(word)) parts.set(index, 'perhaps a script');
  });
  words.forEach((word, index) => {
    for (const read of readBy(word, words, index + 1)) parts.set(read, 'script');
  });
  if (hasProgram) parts.set(0, 'program');
  return parts;
}

/** What this word, when it names an interpreter, reads of those from `first` on before it runs something. */
function readBy(word: string, words: readonly string[], first: number): number[] {
  const name = word.slice(word.lastIndexOf('/') + 1);
  const isShell = SHELL.test(name);
  if (!isShell && !INTERPRETER.test(name)) return [];
  const read: number[] = [];
  for (let index = first; index < words.length; index++) {
    const option = words[index] ?? '';
    read.push(index);
    if (!/^[-+]/.test(option)) break;
    if (isShell && SHELL_OPTION_WITH_VALUE.test(option)) read.push(++index);
  }
  return read;
}
