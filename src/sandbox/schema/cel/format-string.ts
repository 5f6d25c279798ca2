import { fault, Opaque } from './functions.ts';

/**
 * `string.format(list)`: %s, %d, %f, %e, %b, %x, %X, %o and %%, with a precision for %f and %e.
 * @throws EvaluationError for a clause that is unknown, lacks its argument or doesn't fit it.
 */
export function formatString(template: string, values: readonly unknown[]): string {
  let next = 0;
  return template.replace(
    /%(?:\.(\d+))?([\s\S]?)/g,
    (clause: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (verb === '') throw fault('unexpected end of string');
      if (!'sdfebxXo'.includes(verb)) {
        throw fault(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
      }
      const index = next;
      next += 1;
      if (index >= values.length) throw fault(`index ${index} out of range`);
      const text = formatClause(verb, values[index], precision === undefined ? 6 : Number(precision));
      if (text === undefined) throw fault(`error during formatting: ${WRONG[verb.toLowerCase()] ?? clause}`);
      return text;
    },
  );
}

const WRONG: Readonly<Record<string, string>> = {
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  o: 'octal clause can only be used on integers',
};

function formatClause(verb: string, value: unknown, precision: number): string | undefined {
  switch (verb) {
    case 's':
      return showAny(value);
    case 'd':
      return typeof value === 'bigint' || typeof value === 'number' ? String(value) : undefined;
    case 'f':
      return typeof value === 'number' || typeof value === 'bigint'
        ? Number(value).toFixed(precision)
        : undefined;
    case 'e':
      return typeof value === 'number' || typeof value === 'bigint'
        ? scientific(Number(value), precision)
        : undefined;
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      return typeof value === 'bigint' ? value.toString(2) : undefined;
    case 'o':
      return typeof value === 'bigint' ? value.toString(8) : undefined;
    default:
      return hex(value, verb === 'X');
  }
}

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `1.234500 × 10⁰³`, with narrow spaces that don't break. */
function scientific(value: number, precision: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(precision).split('e');
  const digits = exponent.replace(/\D/g, '').padStart(2, '0');
  const power = digits.replace(/\d/g, (digit) => SUPERSCRIPT.charAt(Number(digit)));
  return `${mantissa}\u202f×\u202f10${exponent.startsWith('-') ? '⁻' : ''}${power}`;
}

function hex(value: unknown, upper: boolean): string | undefined {
  let text: string | undefined;
  if (typeof value === 'bigint') text = value.toString(16);
  else if (typeof value === 'string') text = Buffer.from(value).toString('hex');
  else if (value instanceof Uint8Array) text = Buffer.from(value).toString('hex');
  return upper ? text?.toUpperCase() : text;
}

/** A value as text, the way %s and error messages show it. */
export function showAny(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Date) return value.toISOString().replace(/\.?0*Z$/, 'Z');
  if (Array.isArray(value)) return `[${value.map(showAny).join(', ')}]`;
  if (value instanceof Map) {
    const entries = [...value].map(([key, member]) => [showAny(key), showAny(member)] as const);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${key}: ${member}`)
      .join(', ')}}`;
  }
  return value instanceof Opaque || typeof value === 'number' || typeof value === 'bigint'
    ? value.toString()
    : typeName(value);
}

function typeName(value: unknown): string {
  return typeof value === 'boolean' ? String(value) : typeof value;
}
