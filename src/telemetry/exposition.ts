/**
 * A parser of the Prometheus text format for a reader in a hurry: a proxy prints tens of thousands of lines, of which a
 * handful of metrics matter. Lines of other metrics are skipped without being looked into, and of the metrics asked for
 * only the labels asked for are decoded.
 */

/** For each metric name that is wanted, the labels to decode. */
export type Wanted = Readonly<Record<string, readonly string[]>>;

/** One line of a metric that was asked for. */
export interface Sample {
  readonly name: string;
  /** The labels asked for, as far as the line has them. */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * The text of all labels but `le`, as printed: what tells one series (or one histogram) of a metric from another. A
   * slice of the parsed text; keep a copy or a hash where the text may not stay in memory.
   */
  readonly series: string;
  /** May be NaN or infinite, as printed. */
  readonly value: number;
}

/** A text, or a line of a wanted metric, that is not in the Prometheus text format. */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError';
}

const NEWLINE = 10;
const SPACE = 32;
const COMMA = 44;
const HASH = 35;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

/**
 * The samples of the metrics asked for, in the order of the text. Timestamps and exemplars are ignored.
 *
 * @throws ExpositionError when a line of a wanted metric is malformed.
 */
export function parseExposition(text: string, wanted: Wanted): Sample[] {
  const samples: Sample[] = [];
  const names = Object.entries(wanted);
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if (text.charCodeAt(start) !== HASH) {
      for (const [name, labels] of names) {
        if (isLineOf(text, start, name)) {
          samples.push(parseLine(text, start, end, name, labels));
          break;
        }
      }
    }
    start = end + 1;
  }
  return samples;
}

function isLineOf(text: string, start: number, name: string): boolean {
  // Most names share a long prefix (`envoy_cluster_upstream_…`): what follows the name is the quicker test.
  const next = text.charCodeAt(start + name.length);
  return (next === OPEN || next === SPACE) && text.startsWith(name, start);
}

function parseLine(
  text: string,
  start: number,
  end: number,
  name: string,
  wanted: readonly string[],
): Sample {
  let at = start + name.length;
  const labels: Record<string, string> = {};
  let series = '';
  if (text.charCodeAt(at) === OPEN) {
    const from = at + 1;
    let cut = -1;
    let cutEnd = -1;
    at = from;
    for (;;) {
      at = skipSeparators(text, at);
      if (text.charCodeAt(at) === CLOSE) break;
      const equals = text.indexOf('="', at);
      if (equals < 0 || equals > end) throw malformed(text, start, end);
      const close = closingQuote(text, equals + 2, end);
      if (close < 0) throw malformed(text, start, end);
      for (const label of wanted) {
        if (equals - at === label.length && text.startsWith(label, at)) {
          labels[label] = unescape(text.slice(equals + 2, close));
          if (label === 'le') {
            cut = at;
            cutEnd = close + 1;
          }
        }
      }
      at = close + 1;
    }
    series = cut < 0 ? text.slice(from, at) : text.slice(from, cut) + text.slice(cutEnd, at);
    at++;
  }
  const value = parseValue(text, at, end);
  if (value === undefined) throw malformed(text, start, end);
  return { name, labels, series, value };
}

function skipSeparators(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== COMMA) return at;
    at++;
  }
}

/** The index of the quote that ends a label's value, or -1 when the line ends first. */
function closingQuote(text: string, from: number, end: number): number {
  let at = from;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0 || quote >= end) return -1;
    let backslashes = 0;
    while (quote - 1 - backslashes >= from && text.charCodeAt(quote - 1 - backslashes) === BACKSLASH)
      backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

function unescape(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\(.)/gs, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: NaN,
  '+Inf': Infinity,
  Inf: Infinity,
  '-Inf': -Infinity,
};

/** A number as Go prints it, or undefined when it is none. */
export function parseNumber(token: string): number | undefined {
  const special = SPECIAL[token];
  if (special !== undefined) return special;
  // Number('') is 0, and Number takes hexadecimal and blanks too.
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(token)) return undefined;
  return Number(token);
}

function parseValue(text: string, from: number, end: number): number | undefined {
  let at = from;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  // A value must stand apart from the metric's name or its labels.
  if (at === from) return undefined;
  let stop = at;
  while (stop < end && !isBlank(text.charCodeAt(stop))) stop++;
  return parseNumber(text.slice(at, stop));
}

function isBlank(code: number): boolean {
  return code === SPACE || code === 9 || code === 13;
}

const LONGEST_QUOTE = 120;

function malformed(text: string, start: number, end: number): ExpositionError {
  const line = text.slice(start, Math.min(end, start + LONGEST_QUOTE));
  let number = 1;
  for (let i = 0; i < start; i++) if (text.charCodeAt(i) === NEWLINE) number++;
  return new ExpositionError(`line ${number} is not in the Prometheus text format: ${line}`);
}
