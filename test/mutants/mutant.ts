import { readFile } from 'node:fs/promises';

const SRC = new URL('../../src/', import.meta.url);

/** A bug that can be planted: another text in one file of the production code. */
export interface Mutant {
  /** In kebab-case. */
  readonly name: string;
  /** What the operator does wrong, as a sentence. */
  readonly sentence: string;
  /** Whose known bug it is, with the issue. */
  readonly peer?: string;
  /** Under src/. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Where the file of a mutant is, as modules are known by. */
export function urlOf({ file }: Pick<Mutant, 'file'>): string {
  return new URL(file, SRC).href;
}

/**
 * The text of the file with the bug in it.
 *
 * @throws Error that names the mutant, when the text that it replaces is not there exactly once, or stays the same
 */
export function mutated({ name, file, find, replace }: Mutant, text: string): string {
  const count = find === '' ? 0 : text.split(find).length - 1;
  if (count !== 1)
    throw new Error(`mutant ${name}: the text that it replaces is ${count} times in src/${file}, not once`);
  if (find === replace) throw new Error(`mutant ${name}: changes nothing`);
  return text.replace(find, () => replace);
}

/** The file as it is. */
export function sourceOf(mutant: Pick<Mutant, 'file'>): Promise<string> {
  return readFile(new URL(urlOf(mutant)), 'utf8');
}
