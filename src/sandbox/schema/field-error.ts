import type { Json } from '../../kube/types.ts';

/** One fault of an object, as the causes of a Status give it. */
export interface FieldError {
  /** `spec.steps[0].weight`; `<nil>` where the real server names no field. */
  field: string;
  /** `FieldValueInvalid`, `FieldValueRequired`, … */
  reason: string;
  /** With its prefix: `Invalid value: 3: must be …`. */
  message: string;
}

/** The value of an error that is about no value. */
const NO_VALUE = Symbol('no value');

function fault(
  field: string,
  reason: string,
  prefix: string,
  value: Json | typeof NO_VALUE,
  detail: string,
): FieldError {
  const shown = value === NO_VALUE ? prefix : `${prefix}: ${showValue(value)}`;
  return { field, reason, message: detail === '' ? shown : `${shown}: ${detail}` };
}

export function invalidValue(field: string, value: Json, detail: string): FieldError {
  return fault(field, 'FieldValueInvalid', 'Invalid value', value, detail);
}

/** A fault that the real server takes for one of its own. */
export function internal(field: string, detail: string): FieldError {
  return fault(field, 'InternalError', 'Internal error', NO_VALUE, detail);
}

/** As {@link invalidValue}, for a value that is shown in a form of its own. */
export function invalidJson(field: string, json: string, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${json}: ${detail}` };
}

/** An error about an object or list, which is not shown. */
export function withoutValue(
  field: string,
  reason: 'FieldValueInvalid' | 'FieldValueDuplicate',
  detail: string,
): FieldError {
  return fault(
    field,
    reason,
    reason === 'FieldValueInvalid' ? 'Invalid value' : 'Duplicate value',
    NO_VALUE,
    detail,
  );
}

export function wrongType(field: string, value: Json, detail: string): FieldError {
  return fault(field, 'FieldValueTypeInvalid', 'Invalid value', value, detail);
}

export function required(field: string, detail = ''): FieldError {
  return fault(field, 'FieldValueRequired', 'Required value', NO_VALUE, detail);
}

export function forbidden(field: string, detail: string): FieldError {
  return fault(field, 'FieldValueForbidden', 'Forbidden', NO_VALUE, detail);
}

export function duplicate(field: string, value: Json): FieldError {
  return fault(field, 'FieldValueDuplicate', 'Duplicate value', value, '');
}

/** `supported` is listed in the order given. */
export function notSupported(field: string, value: Json, supported: readonly string[]): FieldError {
  const detail =
    supported.length === 0
      ? ''
      : `supported values: ${supported.map((one) => JSON.stringify(one)).join(', ')}`;
  return fault(field, 'FieldValueNotSupported', 'Unsupported value', value, detail);
}

export function tooLong(field: string, most: number): FieldError {
  const detail = `may not be more than ${most} ${most === 1 ? 'byte' : 'bytes'}`;
  return fault(field, 'FieldValueTooLong', 'Too long', NO_VALUE, detail);
}

export function tooMany(field: string, count: number, most: number): FieldError {
  const detail = `must have at most ${most} ${most === 1 ? 'item' : 'items'}`;
  return fault(field, 'FieldValueTooMany', 'Too many', count, detail);
}

/** A value as the real server prints it in errors. */
export function showValue(value: Json): string {
  if (typeof value === 'number') return showNumber(value);
  if (typeof value === 'object') return sortedJson(value);
  return typeof value === 'string' ? quote(value) : String(value);
}

/** True for what an API server holds as an integer: larger numbers are floating-point to it. */
export function isInteger64(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63;
}

/** A number as Go prints it: whole ones as integers. */
export function showNumber(value: number): string {
  return isInteger64(value) ? String(value) : showDouble(value);
}

/** A floating-point number as Go prints it: with an exponent below 0.0001 and from a million on. */
export function showDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf';
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** A string in double quotes, escaped as Go does it. */
export function quote(value: string): string {
  return JSON.stringify(value)
    .replaceAll('\\u0007', '\\a')
    .replaceAll('\\u000b', '\\v')
    .replace(/\\u00([01][0-9a-f])/g, '\\x$1')
    .replaceAll('\u007f', '\\x7f');
}

/** JSON with sorted keys and what HTML would trip over escaped: Go's way. */
export function sortedJson(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => `${goString(key)}:${sortedJson(value[key])}`);
    return `{${members.join(',')}}`;
  }
  return typeof value === 'string' ? goString(value) : JSON.stringify(value ?? null);
}

function goString(value: string): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The path of a member: `spec` and `replicas` give `spec.replicas`. */
export function childPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The path of an item or of a map's member: `spec.items[0]`, `metadata.labels[app]`. */
export function keyPath(path: string, key: string | number): string {
  return `${path}[${key}]`;
}
