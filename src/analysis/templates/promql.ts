import { durationMs } from '../../api/index.ts';
import { type Scope, Unrenderable, type Value, partsOf, valueOf } from './placeholders.ts';

type Quote = '"' | "'" | '`';

/** Where in a PromQL expression its text has come to. */
interface Place {
  /** Significant text outside of strings and comments, its last characters. */
  before: string;
  comment: boolean;
  /** Between [ and ], where a colon is no part of a name. */
  range: boolean;
  string: { quote: Quote; kind: 'equal' | 'regex' | 'other'; raw: string; escaping: boolean } | undefined;
}

/**
 * PromQL with its placeholders filled in, so that no value can change what the query means: in the string of a label
 * matcher a value is written as that string's text (and, for `=~` and `!~`, as a regular expression of just itself);
 * outside of strings only numbers and durations may stand.
 * @throws Unrenderable
 */
export function renderPromQL(query: string, scope: Scope): string {
  const place: Place = { before: '', comment: false, range: false, string: undefined };
  const parts = partsOf(query);
  let text = '';
  parts.forEach((part, index) => {
    if (typeof part === 'string') {
      for (const char of part) step(place, char);
      text += part;
      return;
    }
    const value = valueOf(part.path, scope);
    const next = parts[index + 1];
    const after = typeof next === 'string' ? next.charAt(0) : next === undefined ? '' : '{';
    text +=
      place.string === undefined
        ? bare(part.path, value, place, typeof next === 'string' ? next : after)
        : inString(part.path, value, place, after);
  });
  return text;
}

function step(place: Place, char: string): void {
  const { string } = place;
  if (string !== undefined) {
    if (string.escaping) string.escaping = false;
    else if (char === '\\' && string.quote !== '`') string.escaping = true;
    else if (char === string.quote) {
      place.string = undefined;
      place.before = '"';
      return;
    }
    string.raw += char;
  } else if (place.comment) {
    place.comment = char !== '\n';
  } else if (char === '#') {
    place.comment = true;
  } else if (char === '"' || char === "'" || char === '`') {
    place.string = { quote: char, kind: kindOf(place.before), raw: '', escaping: false };
  } else if (/\s/.test(char)) {
    // A space ends a word, and no operator goes across one that matters here.
    if (/\w$/.test(place.before)) place.before += ' ';
  } else {
    if (char === '[' || char === ']') place.range = char === '[';
    place.before = (place.before + char).slice(-9);
  }
}

/** Which kind of string begins after this text. */
function kindOf(before: string): 'equal' | 'regex' | 'other' {
  if (/[=!]~$/.test(before)) return 'regex';
  return /!=$/.test(before) || /(^|[^=<>!])=$/.test(before) ? 'equal' : 'other';
}

function bare(path: string, value: Value, place: Place, after: string): string {
  if (place.comment) throw new Unrenderable('template', `{{ ${path} }} stands in a comment: leave it out`);
  if (value.type !== 'number' && value.type !== 'duration') {
    throw new Unrenderable(
      'template',
      `{{ ${path} }} is a ${value.type} and stands outside of a string: put it into a label's value, such as {shop="{{ ${path} }}"}, or make it a number or a duration`,
    );
  }
  const words = place.range ? /[\w.]/ : /[\w.:"'`{]/;
  if (words.test(place.before.slice(-1)) || words.test(after.charAt(0))) {
    throw new Unrenderable(
      'template',
      `{{ ${path} }} touches other text: put spaces or brackets around it, such as [{{ ${path} }}]`,
    );
  }
  const isTime = /(?:@|\boffset ?)[-+]?$/i.test(place.before) || place.range;
  // What follows must see that something stands here.
  place.before = '0';
  if (value.type === 'number') return promNumber(Number(value.text), !isTime && RAISED.test(after));
  const ms = durationMs(value.text);
  if (ms > 0) return promDuration(ms);
  throw new Unrenderable('argument', `${path} is shorter than 1ms, the least that Prometheus knows`);
}

/** Text before which a number is the base of a power, comments aside. */
const RAISED = /^(?:\s|#[^\n]*\n)*\^/;

/** A number as PromQL means it: `010` would be 8, and the sign of -3 in `-3 ^ 2` belongs to the power. */
function promNumber(value: number, isBase: boolean): string {
  const text = String(value);
  return isBase && value < 0 ? `(${text})` : text;
}

/** A length of time (ms) as Prometheus writes it: whole numbers of one unit, such as `90s`. */
export function promDuration(ms: number): string {
  const whole = Math.round(ms);
  return whole % 1000 === 0 ? `${whole / 1000}s` : `${whole}ms`;
}

function inString(path: string, value: Value, place: Place, after: string): string {
  const { string } = place;
  if (string === undefined) throw new Error('not in a string');
  if (string.escaping)
    throw new Unrenderable('template', `a \\ stands right before {{ ${path} }}: remove it`);
  if (string.kind === 'other') {
    throw new Unrenderable(
      'template',
      `{{ ${path} }} stands in a string that is no value of a label matcher: put it behind =, !=, =~ or !~`,
    );
  }
  if (!value.text.isWellFormed()) {
    throw new Unrenderable('argument', `the value of ${path} is no valid text: write it in UTF-8`);
  }
  const meant =
    string.kind === 'regex' ? asRegex(path, value.text, string.raw, string.quote, after) : value.text;
  string.raw += 'v';
  return asLiteral(path, meant, string.quote);
}

/** The text in a string of these quotes, with the escapes of Go, which PromQL's strings have. */
function asLiteral(path: string, text: string, quote: Quote): string {
  if (quote !== '`') {
    return text
      .replaceAll('\\', '\\\\')
      .replaceAll(quote, `\\${quote}`)
      .replace(/[\u0000-\u001f\u007f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  }
  if (text.includes('`')) {
    throw new Unrenderable(
      'argument',
      `the value of ${path} has a \`, which no string in \`\` can hold: use another value, or write the query's string in ""`,
    );
  }
  // A raw string drops carriage returns.
  if (/[\u0000\r]/.test(text)) {
    throw new Unrenderable('argument', `the value of ${path} has characters that no string in \`\` can hold`);
  }
  return text;
}

function asRegex(path: string, text: string, raw: string, quote: Quote, after: string): string {
  const trouble = positionInRegex(quote === '`' ? raw : unescaped(raw));
  if (trouble !== undefined) {
    throw new Unrenderable(
      'template',
      `{{ ${path} }} stands ${trouble} of a regular expression: put it outside of it`,
    );
  }
  const quoted = text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return /[*+?{]/.test(after) ? `(?:${quoted})` : quoted;
}

/** What a string's text stands for, as far as it matters for regular expressions. */
function unescaped(raw: string): string {
  return raw.replace(
    /\\(x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs,
    (_, _all, hex?: string, u4?: string, u8?: string, octal?: string, char?: string) => {
      const code = hex ?? u4 ?? u8;
      if (code !== undefined) return codePoint(parseInt(code, 16));
      return octal === undefined ? (char ?? '') : codePoint(parseInt(octal, 8));
    },
  );
}

function codePoint(code: number): string {
  return code > 0x10_ffff ? '?' : String.fromCodePoint(code);
}

/** The parts of a regular expression (RE2) that are whole: what follows them stands for itself. */
const WHOLE = new RegExp(
  [
    String.raw`\\Q[^]*?\\E`,
    String.raw`\\x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]+\})`,
    String.raw`\\[pP](?:\{[^}]*\}|[A-Za-z])`,
    String.raw`\\(?:[0-7]{3}|[0-7]{1,2}(?=[^0-7]))`,
    String.raw`\\[^QxpP0-7]`,
    // Classes: a ] right at the beginning stands for itself, and [:alpha:] has one of its own.
    String.raw`\[(?:\^|(?!\^))(?:\]|(?!\]))(?:\[:\^?[a-z]+:\]|\\[^]|\[(?!:)|[^\]\\[])*\]`,
    String.raw`\(\?[^:)>]*[:)>]`,
    String.raw`\{[^}]*\}`,
    String.raw`\((?!\?)`,
    String.raw`[^\\[{(]`,
  ].join('|'),
  'y',
);

/** In words, where in a regular expression its first part ends, when that is no place for text of someone else. */
function positionInRegex(text: string): string | undefined {
  let end = 0;
  while (end < text.length) {
    WHOLE.lastIndex = end;
    const part = WHOLE.exec(text)?.[0];
    if (part === undefined) break;
    end += part.length;
  }
  const open = text.slice(end);
  if (open === '') return undefined;
  if (open.startsWith('\\Q')) return 'in a quote \\Q \\E';
  if (open.startsWith('\\')) return 'in an escape';
  if (open.startsWith('[')) return 'in brackets [ ]';
  return open.startsWith('{') ? 'in the braces { }' : 'in the flags (? )';
}
