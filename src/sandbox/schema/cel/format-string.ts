import { UnsignedInt, Duration } from '@marcbachmann/cel-js/evaluator';
import { quote, showDouble } from '../field-error.ts';
import { fault } from './functions.ts';
import { showDuration, showTime } from './time.ts';

type Verb = 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o';

const VERBS: Readonly<Record<Verb, { accepts: readonly string[]; sentence: string }>> = {
  s: {
    accepts: [
      'string bool bytes int uint double map list type null null_type',
      'google.protobuf.Duration google.protobuf.Timestamp',
    ].flatMap((names) => names.split(' ')),
    sentence:
      'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  },
  d: { accepts: ['int', 'uint'], sentence: 'decimal clause can only be used on integers' },
  f: { accepts: ['double', 'string'], sentence: 'fixed-point clause can only be used on doubles' },
  e: { accepts: ['double', 'string'], sentence: 'scientific clause can only be used on doubles' },
  b: {
    accepts: ['int', 'uint', 'bool'],
    sentence: 'only integers and bools can be formatted as binary',
  },
  x: {
    accepts: ['int', 'uint', 'string', 'bytes'],
    sentence: 'only integers, byte buffers, and strings can be formatted as hex',
  },
  X: {
    accepts: ['int', 'uint', 'string', 'bytes'],
    sentence: 'only integers, byte buffers, and strings can be formatted as hex',
  },
  o: { accepts: ['int', 'uint'], sentence: 'octal clause can only be used on integers' },
};

function isVerb(text: string): text is Verb {
  return Object.hasOwn(VERBS, text);
}

/** A template or value that can't be formatted; `item` is the value's index where one is at fault. */
export class FormatFault extends Error {
  override readonly name = 'FormatFault';
  readonly item: number | undefined;

  constructor(message: string, item?: number) {
    super(message);
    this.item = item;
  }
}

/** @throws FormatFault unless a type, by its name, can be formatted by a verb. */
function checkType(verb: Verb, type: string, item: number): void {
  const { accepts, sentence } = VERBS[verb];
  if (accepts.includes(type)) return;
  throw new FormatFault(`error during formatting: ${sentence}, was given ${type}`, item);
}

/**
 * Fills the clauses of a template. `format` is asked for the text of each, by its verb, the index of its value and the
 * precision that it names.
 */
function fill(
  template: string,
  count: number,
  format: (verb: Verb, index: number, precision: number | undefined) => string,
): string {
  let next = 0;
  return template.replace(
    /%(?:(\.)(\d*))?([\s\S]?)/g,
    (_, dot: string | undefined, digits: string | undefined, verb: string) => {
      if (verb === '%' && dot === undefined) return '%';
      const index = next++;
      if (index >= count) throw new FormatFault(`index ${index} out of range`);
      const fault = clauseFault(dot, digits, verb);
      if (fault !== undefined) throw new FormatFault(fault);
      return isVerb(verb) ? format(verb, index, dot === undefined ? undefined : Number(digits)) : '';
    },
  );
}

function clauseFault(dot: string | undefined, digits: string | undefined, verb: string): string | undefined {
  const start = 'could not parse formatting clause:';
  if (dot === undefined && verb === '') return 'unexpected end of string';
  if (verb === '') return `${start} error while parsing precision: could not find end of precision specifier`;
  if (digits === '') {
    return `${start} error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax`;
  }
  return isVerb(verb) ? undefined : `${start} unrecognized formatting clause "${verb}"`;
}

/**
 * Checks a template that is formatted with values of known types, or undefined where a type is known only later.
 * @throws FormatFault
 */
export function checkFormat(template: string, types: readonly (string | undefined)[]): void {
  let used = 0;
  fill(template, types.length, (verb, index) => {
    used += 1;
    const type = types[index];
    if (type !== undefined) checkType(verb, type, index);
    return '';
  });
  if (used < types.length) {
    throw new FormatFault(
      `too many arguments supplied to string.format (expected ${used}, got ${types.length})`,
    );
  }
}

/**
 * `string.format(list)`: %s, %d, %f, %e, %b, %x, %X, %o and %%, with a precision for %f and %e.
 * @throws EvaluationError for a clause that is unknown, lacks its argument or doesn't fit it.
 */
export function formatString(template: string, values: readonly unknown[]): string {
  try {
    return fill(template, values.length, (verb, index, precision) => {
      const value = values[index];
      checkType(verb, typeNameOf(value), index);
      return formatClause(verb, value, precision ?? 6);
    });
  } catch (error) {
    throw error instanceof FormatFault ? fault(error.message) : error;
  }
}

function formatClause(verb: Verb, value: unknown, precision: number): string {
  switch (verb) {
    case 's':
      return plain(value);
    case 'd':
      return String(value);
    case 'f':
      return fixed(doubleOf(verb, value), precision);
    case 'e':
      return scientific(doubleOf(verb, value), precision);
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : integerOf(value).toString(2);
    case 'o':
      return integerOf(value).toString(8);
    case 'x':
      return hex(value);
    case 'X':
      return hex(value).toUpperCase();
  }
}

function integerOf(value: unknown): bigint {
  return value instanceof UnsignedInt ? value.valueOf() : (value as bigint);
}

function doubleOf(verb: Verb, value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  throw new FormatFault(`error during formatting: ${VERBS[verb].sentence}, was given string`);
}

/** `1,234.50`; what lies in the middle goes to the even digit. */
function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return infinite(value);
  const exact = value.toFixed(100);
  const end = exact.length - 100 + precision;
  const isTie = /^50*$/.test(exact.slice(end)) && /[02468]\.?$/.test(exact.slice(0, end));
  const text = isTie ? exact.slice(0, end).replace(/\.$/, '') : value.toFixed(precision);
  const [whole = '', ...fraction] = text.split('.');
  return [whole.replace(/\B(?=(?:\d{3})+$)/g, ','), ...fraction].join('.');
}

function infinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value < 0 ? '-∞' : '∞';
}

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `1.234500×10⁰³`: always six decimals, and the precision is taken for a width. */
function scientific(value: number, width: number): string {
  if (!Number.isFinite(value)) return infinite(value).padStart(width);
  const [mantissa = '', exponent = ''] = value.toExponential(6).split('e');
  const digits = exponent.replace(/\D/g, '').padStart(2, '0');
  const power = digits.replace(/\d/g, (digit) => SUPERSCRIPT.charAt(Number(digit)));
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${power}`.padStart(width);
}

function hex(value: unknown): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : integerOf(value).toString(16);
}

/** A value as %s writes it. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return showDouble(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Date) return showTime(value);
  if (value instanceof Duration) return showDuration(value);
  if (value instanceof Set || Array.isArray(value)) return `[${[...value].map(literal).join(', ')}]`;
  if (value instanceof Map || isLiteralMap(value)) {
    const members: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
    const entries = [...members].map(([key, member]) => [literal(key), literal(member)] as const);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${key}:${member}`)
      .join(', ')}}`;
  }
  return typeValueName(value) ?? String(value);
}

/** A value within a list or map: as it would stand in a rule. */
function literal(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : quote(goInfinite(value));
  if (value instanceof Uint8Array) return `b${quote(plain(value))}`;
  if (value instanceof Date) return `timestamp(${quote(plain(value))})`;
  if (value instanceof Duration) return `duration(${quote(plain(value))})`;
  const type = typeNameOf(value);
  if (!VERBS.s.accepts.includes(type)) {
    throw new FormatFault(`error during formatting: no formatting function for ${type}`);
  }
  return plain(value);
}

function goInfinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Inf' : '+Inf';
}

/** The name that a type itself has as a value, such as `int`. */
function typeValueName(value: unknown): string | undefined {
  return /^\[object Type<(.*)>\]$/.exec(Object.prototype.toString.call(value))?.[1];
}

const JS_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  number: 'double',
  bigint: 'int',
};

const CLASSES: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ['null', (value) => value === null],
  ['uint', (value) => value instanceof UnsignedInt],
  ['bytes', (value) => value instanceof Uint8Array],
  ['list', (value) => Array.isArray(value) || value instanceof Set],
  ['google.protobuf.Timestamp', (value) => value instanceof Date],
  ['google.protobuf.Duration', (value) => value instanceof Duration],
  ['map', (value) => value instanceof Map || isLiteralMap(value)],
  ['type', (value) => typeValueName(value) !== undefined],
];

/** A map that a rule wrote. */
function isLiteralMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return value instanceof Object && Object.getPrototypeOf(value) === Object.prototype;
}

function typeNameOf(value: unknown): string {
  const [known] = CLASSES.find(([, is]) => is(value)) ?? [];
  return known ?? JS_TYPES[typeof value] ?? 'object';
}
