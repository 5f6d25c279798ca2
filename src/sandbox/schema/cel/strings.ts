import { showDouble } from '../field-error.ts';
import { goRegExp } from '../regexp.ts';
import { fault, type Functions } from './functions.ts';

/** Functions of rules that replace the library's own, and under which names. */
export const REPLACED: Readonly<Record<string, string>> = {
  // RE2 in place of JavaScript's patterns.
  matches: 'matchesRe2',
  // For sets as well as for lists.
  join: 'joinItems',
  // A number before each unit, as in Go.
  duration: 'goDuration',
  // Characters are code points.
  indexOf: 'indexOfPart',
  lastIndexOf: 'lastIndexOfPart',
  substring: 'partOf',
  // Letters of ASCII only.
  lowerAscii: 'asciiLower',
  upperAscii: 'asciiUpper',
  // Numbers as Go writes them, and times.
  string: 'textOf',
};

function pattern(source: string): RegExp {
  try {
    return goRegExp(source);
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error));
  }
}

function matches(text: string, source: string): boolean {
  return pattern(source).test(text);
}

function findAll(text: string, source: string, most: number): string[] {
  if (most === 0) return [];
  const found = [...text.matchAll(new RegExp(pattern(source), 'gu'))].map(([match]) => match);
  return most < 0 ? found : found.slice(0, most);
}

function replace(text: string, from: string, to: string, most: number): string {
  if (most < 0) return text.replaceAll(from, () => to);
  const parts = text.split(from);
  const replaced = parts.slice(0, most + 1).join(to);
  return parts.length <= most + 1 ? replaced : `${replaced}${from}${parts.slice(most + 1).join(from)}`;
}

function checkIndex(index: bigint, length: number): void {
  if (index < 0n || index > BigInt(length)) throw fault(`index out of range: ${index}`);
}

function charAt(text: string, index: bigint): string {
  const characters = Array.from(text);
  checkIndex(index, characters.length);
  return characters[Number(index)] ?? '';
}

function partOf(text: string, start: bigint, end?: bigint): string {
  const characters = Array.from(text);
  checkIndex(start, characters.length);
  if (end === undefined) return characters.slice(Number(start)).join('');
  checkIndex(end, characters.length);
  if (start > end) throw fault(`invalid substring range. start: ${start}, end: ${end}`);
  return characters.slice(Number(start), Number(end)).join('');
}

function indexOf(text: string, part: string, from = 0n): bigint {
  const characters = Array.from(text);
  const wanted = Array.from(part);
  if (wanted.length === 0) return from;
  checkIndex(from, characters.length);
  const found = characters.findIndex(
    (_, index) => index >= Number(from) && startsAt(characters, wanted, index),
  );
  return BigInt(found);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const characters = Array.from(text);
  const wanted = Array.from(part);
  if (wanted.length === 0) return from ?? BigInt(characters.length);
  if (from !== undefined) checkIndex(from, characters.length);
  const last = from === undefined ? characters.length : Number(from);
  return BigInt(characters.findLastIndex((_, index) => index <= last && startsAt(characters, wanted, index)));
}

function startsAt(characters: readonly string[], wanted: readonly string[], start: number): boolean {
  return wanted.every((character, offset) => characters[start + offset] === character);
}

function quote(text: string): string {
  const escaped = text.replace(/[\x07\b\f\n\r\t\v\\"]/g, (character) => {
    const at = '\x07\b\f\n\r\t\v\\"'.indexOf(character);
    return `\\${'abfnrtv\\"'.charAt(at)}`;
  });
  return `"${escaped}"`;
}

export const strings: Functions = {
  'string.matchesRe2(string): bool': matches,
  'matchesRe2(string, string): bool': matches,
  'string.find(string): string': (text: string, source: string) => findAll(text, source, 1)[0] ?? '',
  'string.findAll(string): list<string>': (text: string, source: string) => findAll(text, source, -1),
  'string.findAll(string, int): list<string>': (text: string, source: string, most: bigint) =>
    findAll(text, source, Number(most)),
  'list<string>.joinItems(): string': (list: Iterable<string>) => [...list].join(''),
  'list<string>.joinItems(string): string': (list: Iterable<string>, separator: string) =>
    [...list].join(separator),
  'string.charAt(int): string': charAt,
  'string.partOf(int): string': partOf,
  'string.partOf(int, int): string': partOf,
  'string.indexOfPart(string): int': indexOf,
  'string.indexOfPart(string, int): int': indexOf,
  'string.lastIndexOfPart(string): int': lastIndexOf,
  'string.lastIndexOfPart(string, int): int': lastIndexOf,
  'string.asciiLower(): string': (text: string) =>
    text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  'string.asciiUpper(): string': (text: string) =>
    text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
  'textOf(string): string': (text: string) => text,
  'textOf(bool): string': String,
  'textOf(int): string': String,
  'textOf(uint): string': String,
  'textOf(double): string': showDouble,
  'textOf(bytes): string': (value: Uint8Array) => Buffer.from(value).toString(),
  'string.replace(string, string): string': (text: string, from: string, to: string) =>
    replace(text, from, to, -1),
  'string.replace(string, string, int): string': (text: string, from: string, to: string, most: bigint) =>
    replace(text, from, to, Number(most)),
  'Namespace.strings.quote(string): string': (_: unknown, text: string) => quote(text),
};
