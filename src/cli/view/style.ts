import { stripVTControlCharacters, styleText } from 'node:util';

type Paint = (text: string) => string;

/** How words look on a terminal. */
export interface Style {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly dim: Paint;
  readonly bold: Paint;
  /** What belongs to the candidate. */
  readonly candidate: Paint;
}

const FORMATS = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  dim: 'dim',
  bold: 'bold',
  candidate: 'cyan',
} as const;

const PLAIN: Paint = (text) => text;

/** @param color false: words stay as they are, and nothing depends on colours alone */
export function styleFor(color: boolean): Style {
  const paint = (format: (typeof FORMATS)[keyof typeof FORMATS]): Paint =>
    color ? (text) => (text === '' ? '' : styleText(format, text, { validateStream: false })) : PLAIN;
  return {
    good: paint(FORMATS.good),
    bad: paint(FORMATS.bad),
    warn: paint(FORMATS.warn),
    dim: paint(FORMATS.dim),
    bold: paint(FORMATS.bold),
    candidate: paint(FORMATS.candidate),
  };
}

/** Columns that a text takes on a terminal; all that is printed here is one column wide. */
export function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/** Fills up with spaces. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

/** Shortened to so many columns, which `…` tells of. Only for text without colours. */
export function shortened(text: string, width: number): string {
  const letters = Array.from(text);
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Breaks text between words (a no-break space joins them) into lines of at most so many columns; a word that is longer is broken, too. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/[ \n\t]+/).flatMap((one) => pieces(one, width))) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

function pieces(word: string, width: number): string[] {
  const letters = Array.from(word);
  if (letters.length <= width) return word === '' ? [] : [word];
  const parts: string[] = [];
  for (let at = 0; at < letters.length; at += width) parts.push(letters.slice(at, at + width).join(''));
  return parts;
}
