/**
 * Go's regular expressions (RE2) in terms of JavaScript's.
 * @throws Error with Go's sentence for what RE2 doesn't know, such as look-ahead and back-references.
 */
export function goRegExp(pattern: string): RegExp {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  const expression = build(pattern, new Translator(pattern).translate());
  cache.set(pattern, expression);
  return expression;
}

function build(pattern: string, translated: string): RegExp {
  try {
    return new RegExp(translated, 'u');
  } catch (error) {
    const [range] = /[^[\\]-[^\]]/.exec(pattern) ?? [];
    const what = range === undefined ? 'invalid escape sequence' : 'invalid character class range';
    throw new Error(`error parsing regexp: ${what}: \`${range ?? pattern}\``, { cause: error });
  }
}

const cache = new Map<string, RegExp>();

const POSIX: Record<string, string> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

const SPACE = '\\t\\n\\f\\r ';
const MOST_REPEATS = 1000;

class Translator {
  readonly #pattern: string;
  #at = 0;
  #out = '';
  #groups = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  translate(): string {
    while (this.#at < this.#pattern.length) this.#out += this.#next();
    if (this.#groups > 0) throw this.#fault('missing closing )', this.#pattern);
    return this.#out + ')'.repeat(this.#flagGroups);
  }

  // Groups opened for flags such as (?i), which hold up to the end of the enclosing group.
  #flagGroups = 0;
  readonly #outerFlagGroups: number[] = [];

  #fault(what: string, part: string): Error {
    return new Error(`error parsing regexp: ${what}: \`${part}\``);
  }

  #next(): string {
    const rest = this.#pattern.slice(this.#at);
    switch (rest.charAt(0)) {
      case '\\':
        return this.#escape(false);
      case '[':
        return this.#class();
      case '(':
        return this.#open(rest);
      case ')':
        return this.#close();
      case '{':
      case '*':
      case '+':
      case '?':
        return this.#repeat(rest);
      case '}':
      case ']':
        this.#at += 1;
        return `\\${rest.charAt(0)}`;
      default: {
        const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
        this.#at += character.length;
        return character === '.' ? '[^\\n]' : character;
      }
    }
  }

  #open(rest: string): string {
    const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(rest);
    const flags = /^\(\?([imsU]*)(-[imsU]+)?([:)])/.exec(rest);
    if (!rest.startsWith('(?')) {
      this.#at += 1;
    } else if (named !== null) {
      this.#at += named[0].length;
    } else if (flags !== null) {
      return this.#flags(flags);
    } else if (/^\(\?P?</.test(rest)) {
      throw this.#fault('invalid named capture', /^[^)]*\)?/.exec(rest)?.[0] ?? rest);
    } else {
      throw this.#fault('invalid or unsupported Perl syntax', rest.slice(0, 3));
    }
    this.#enter();
    return named === null ? '(' : `(?<${named[1] ?? ''}>`;
  }

  #flags([all, on = '', off = '', end]: RegExpExecArray): string {
    this.#at += all.length;
    const known = (text: string) => text.replace('U', '');
    const opening =
      on === '' && off === '' ? '(?:' : `(?${known(on)}${known(off) === '-' ? '' : known(off)}:`;
    if (end === ':') {
      this.#enter();
      return opening;
    }
    this.#flagGroups += 1;
    return opening;
  }

  #enter(): void {
    this.#groups += 1;
    this.#outerFlagGroups.push(this.#flagGroups);
    this.#flagGroups = 0;
  }

  #close(): string {
    if (this.#groups === 0) throw this.#fault('unexpected )', this.#pattern);
    this.#at += 1;
    this.#groups -= 1;
    const closed = ')'.repeat(this.#flagGroups + 1);
    this.#flagGroups = this.#outerFlagGroups.pop() ?? 0;
    return closed;
  }

  #repeat(rest: string): string {
    const braces = /^\{(\d+)(?:,(\d*))?\}/.exec(rest);
    if (rest.startsWith('{') && braces === null) {
      this.#at += 1;
      return '\\{';
    }
    if (this.#out === '' || /(?<!\\)[(|]$/.test(this.#out)) {
      throw this.#fault('missing argument to repetition operator', braces?.[0] ?? rest.charAt(0));
    }
    const repeat = braces?.[0] ?? rest.charAt(0);
    if (braces !== null && [braces[1], braces[2]].some((count) => Number(count ?? 0) > MOST_REPEATS)) {
      throw this.#fault('invalid repeat count', repeat);
    }
    const lazy = rest.charAt(repeat.length) === '?' ? '?' : '';
    const length = repeat.length + lazy.length;
    if (/^[*+?]/.test(rest.slice(length))) {
      throw this.#fault('invalid nested repetition operator', rest.slice(0, length + 1));
    }
    this.#at += length;
    return repeat + lazy;
  }

  #escape(inClass: boolean): string {
    const rest = this.#pattern.slice(this.#at);
    const quoted = /^\\Q([\s\S]*?)(?:\\E|$)/.exec(rest);
    const matched =
      quoted ?? /^\\(?:x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|[pP]\{\^?\w+\}|[pP]\w|[0-7]{1,3}|[\s\S])/.exec(rest);
    if (matched === null) throw this.#fault('trailing backslash at end of expression', '');
    const [all] = matched;
    this.#at += all.length;
    if (quoted !== null)
      return (quoted[1] ?? '').replace(/[\\^$.*+?()[\]{}|/-]/g, (one) =>
        one === '-' ? '\\x2d' : `\\${one}`,
      );
    const letter = all.charAt(1);
    if (letter === 'x') return `\\u{${all.replace(/^\\x\{?|\}$/g, '')}}`;
    if (letter === 'p' || letter === 'P') return property(all);
    if (/[dDwWbBnrtfv]/.test(letter)) return all;
    if (letter === 's') return inClass ? SPACE : `[${SPACE}]`;
    if (letter === 'S' && !inClass) return `[^${SPACE}]`;
    if (letter === 'a') return '\\x07';
    if (letter === 'A' && !inClass) return '(?<![\\s\\S])';
    if (letter === 'z' && !inClass) return '(?![\\s\\S])';
    if (/^\\0|^\\[1-7][0-7]/.test(all)) return `\\u{${parseInt(all.slice(1), 8).toString(16)}}`;
    if (/[A-Za-z0-9]/.test(letter)) throw this.#fault('invalid escape sequence', all.slice(0, 2));
    return literal(letter);
  }

  #class(): string {
    const start = this.#at;
    let out = '[';
    this.#at += 1;
    if (this.#pattern.charAt(this.#at) === '^') {
      out += '^';
      this.#at += 1;
    }
    let first = true;
    for (;;) {
      const rest = this.#pattern.slice(this.#at);
      if (rest === '') throw this.#fault('missing closing ]', this.#pattern.slice(start));
      if (rest.startsWith(']') && !first) break;
      first = false;
      const posix = /^\[:(\^?)(\w+):\]/.exec(rest);
      if (posix !== null) {
        const members = POSIX[posix[2] ?? ''];
        if (members === undefined || posix[1] === '^')
          throw this.#fault('invalid character class range', posix[0]);
        this.#at += posix[0].length;
        out += members;
      } else if (rest.startsWith('\\')) {
        out += this.#escape(true);
      } else {
        const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
        this.#at += character.length;
        out += /[[\]{}()|/^]/.test(character) ? `\\${character}` : character;
      }
    }
    this.#at += 1;
    return `${out}]`;
  }
}

function property(escape: string): string {
  const negated = (escape.charAt(1) === 'P') !== escape.includes('^');
  const name = escape.slice(2).replace(/[{}^]/g, '');
  const general = /^[A-Z][a-z]?$/.test(name);
  return `\\${negated ? 'P' : 'p'}{${general ? '' : 'Script='}${name}}`;
}

function literal(character: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(character)
    ? `\\${character}`
    : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
