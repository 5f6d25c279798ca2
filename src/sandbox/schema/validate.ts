import type { Json } from '../../kube/types.ts';
import { equal, isObject, type JsonObject } from '../cluster/object.ts';
import type { Correlated } from './correlate.ts';
import {
  childPath,
  isInteger64,
  invalidValue,
  notSupported,
  quote,
  required,
  showNumber,
  sortedJson,
  tooLong,
  tooMany,
  wrongType,
  type FieldError,
} from './field-error.ts';
import { fitsFormat, isStringFormat } from './formats.ts';
import { goRegExp } from './regexp.ts';
import type { Schema } from './schema.ts';

/** A fault with the text that tells it from others: the same text at the same place is reported once. */
interface Fault {
  readonly text: string;
  readonly error: FieldError;
}

class Result {
  readonly faults: Fault[] = [];
  /** How much of a schema a value fitted: among alternatives that all fail, the best explains the failure. */
  matches = 0;

  add(fault: Fault): void {
    if (!this.faults.some(({ text }) => text === fault.text)) this.faults.push(fault);
  }

  merge(other: Result): void {
    for (const fault of other.faults) this.add(fault);
    this.matches += other.matches;
  }

  get valid(): boolean {
    return this.faults.length === 0;
  }
}

/**
 * Checks a value against the OpenAPI part of a schema: types, limits, formats, logic. `base` is the path of the value in
 * its object. With `old`, faults of unchanged parts are let pass.
 */
export function validateSchema(
  schema: Schema,
  value: Json,
  base: string,
  old: Correlated | undefined,
): FieldError[] {
  return new Validator(base).ratcheted(schema, value, '', old).faults.map(({ error }) => error);
}

class Validator {
  readonly #base: string;

  constructor(base: string) {
    this.#base = base;
  }

  ratcheted(schema: Schema, value: Json, path: string, old: Correlated | undefined): Result {
    const result = this.#node(schema, value, path, old);
    if (result.valid || old?.unchanged !== true) return result;
    const passed = new Result();
    passed.matches = result.matches;
    return passed;
  }

  #field(path: string): string {
    const name = path.replace(/^\./, '');
    if (name === '') return this.#base === '' ? '<nil>' : this.#base;
    return childPath(this.#base, name);
  }

  #node(schema: Schema, value: Json, path: string, old: Correlated | undefined): Result {
    const result = new Result();
    const types = typesOf(schema);
    const format = formatOf(schema);
    const step = (check: Result | undefined) => {
      if (check !== undefined) result.merge(check);
      result.matches += 1;
    };
    if (value === null) {
      result.merge(this.#type(schema, types, format, value, path));
      const other = this.#enum(schema, value, path);
      if (other !== undefined) result.merge(other);
      return result;
    }
    if (types.length > 0 || format !== '') step(this.#type(schema, types, format, value, path));
    step(this.#logic(schema, value, path, old));
    if (typeof value === 'string') {
      step(this.#string(schema, value, path));
      if (isStringFormat(format)) step(this.#format(format, value, path));
    }
    if (typeof value === 'number') step(this.#number(schema, types, format, value, path));
    if (Array.isArray(value)) step(this.#list(schema, value, path, old));
    step(this.#enum(schema, value, path));
    if (isObject(value)) step(this.#object(schema, value, path, old));
    result.matches += 1;
    return result;
  }

  #one(fault: Fault): Result {
    const result = new Result();
    result.add(fault);
    return result;
  }

  #invalid(path: string, value: Json, text: string): Fault {
    return { text, error: invalidValue(this.#field(path), value, text) };
  }

  /** A fault of no field in particular, as the real server has those of logic. */
  #general(text: string): Fault {
    return { text, error: invalidValue(this.#base === '' ? '<nil>' : this.#base, '', text) };
  }

  #wrongType(path: string, expected: string, actual: string): Result {
    const text = `${path} in body must be of type ${expected}: ${quote(actual)}`;
    return this.#one({ text, error: wrongType(this.#field(path), actual, text) });
  }

  #type(schema: Schema, types: readonly string[], format: string, value: Json, path: string): Result {
    const result = new Result();
    result.matches += 1;
    if (value === null) {
      return types.length > 0 && !schema.nullable ? this.#wrongType(path, types.join(','), 'null') : result;
    }
    const [type, own] = kindOf(value);
    const hasText = typeof value === 'string' || Array.isArray(value);
    const fits = types.includes(type) || (type === 'integer' && types.includes('number'));
    if (!hasText && format !== '' && !fits && own !== format) return this.#wrongType(path, format, own);
    if (!types.includes('number') && !types.includes('integer') && format !== '' && hasText) return result;
    return fits ? result : this.#wrongType(path, types.join(','), type);
  }

  #logic(schema: Schema, value: Json, path: string, old: Correlated | undefined): Result {
    const result = new Result();
    const check = (alternative: Schema) => this.#node(alternative, value, path, old);
    if (schema.anyOf.length > 0) this.#anyOf(schema.anyOf.map(check), path, result);
    if (schema.oneOf.length > 0) this.#oneOf(schema.oneOf.map(check), path, result);
    if (schema.allOf.length > 0) {
      const all = schema.allOf.map(check);
      for (const one of all) result.merge(one);
      const passed = all.filter((one) => one.valid).length;
      if (passed < all.length) {
        const none = passed === 0 ? '. None validated' : '';
        result.add(this.#general(`${quote(path)} must validate all the schemas (allOf)${none}`));
      }
    }
    if (schema.not !== undefined && check(schema.not).valid) {
      result.add(this.#general(`${quote(path)} must not validate the schema (not)`));
    }
    result.matches += 1;
    return result;
  }

  #anyOf(alternatives: readonly Result[], path: string, result: Result): void {
    const passed = alternatives.find((one) => one.valid);
    if (passed === undefined) {
      result.add(this.#general(`${quote(path)} must validate at least one schema (anyOf)`));
    }
    const shown = passed ?? bestOf(alternatives);
    if (shown !== undefined) result.merge(shown);
  }

  #oneOf(alternatives: readonly Result[], path: string, result: Result): void {
    const passed = alternatives.filter((one) => one.valid);
    const [first] = passed;
    if (passed.length === 1 && first !== undefined) {
      result.merge(first);
      return;
    }
    const found = passed.length === 0 ? 'Found none valid' : `Found ${passed.length} valid alternatives`;
    result.add(this.#general(`${quote(path)} must validate one and only one schema (oneOf). ${found}`));
    const best = passed.length === 0 ? bestOf(alternatives) : undefined;
    if (best !== undefined) result.merge(best);
  }

  #string(schema: Schema, value: string, path: string): Result | undefined {
    const { minLength, maxLength, pattern } = schema;
    const length = Array.from(value).length;
    if (maxLength !== undefined && length > maxLength) {
      const text = `${path} in body should be at most ${maxLength} chars long`;
      return this.#one({ text, error: tooLong(this.#field(path), maxLength) });
    }
    if (minLength !== undefined && length < minLength) {
      return this.#one(
        this.#invalid(path, value, `${path} in body should be at least ${minLength} chars long`),
      );
    }
    if (pattern === '' || goRegExp(pattern).test(value)) return undefined;
    return this.#one(this.#invalid(path, value, `${path} in body should match '${pattern}'`));
  }

  #format(format: string, value: string, path: string): Result | undefined {
    return fitsFormat(format, value) ? undefined : this.#wrongType(path, format, value);
  }

  #number(schema: Schema, types: readonly string[], format: string, value: number, path: string): Result {
    const result = new Result();
    result.matches += 1;
    const range = types.length === 1 ? rangeOf(types[0] ?? '', format) : undefined;
    const isWhole = types[0] !== 'integer' || isInteger64(value);
    if (range !== undefined && (!isWhole || value < range.least || value > range.most)) {
      result.add(this.#general(`Checked value must be of type ${types[0] ?? ''} ${range.name} in ${path}`));
    }
    for (const { shown, text } of limitFaults(schema, value)) {
      result.add(
        this.#invalid(
          path,
          shown,
          text.replace('%s', () => path),
        ),
      );
    }
    return result;
  }

  #list(schema: Schema, value: readonly Json[], path: string, old: Correlated | undefined): Result {
    const result = new Result();
    const { items, minItems, maxItems } = schema;
    if (items !== undefined) {
      for (const [index, item] of value.entries()) {
        result.merge(this.ratcheted(items, item, `${path}[${index}]`, old?.item(index)));
      }
    }
    if (minItems !== undefined && value.length < minItems) {
      result.add(this.#invalid(path, value.length, `${path} in body should have at least ${minItems} items`));
    }
    if (maxItems !== undefined && value.length > maxItems) {
      const text = `${path} in body should have at most ${maxItems} items`;
      result.add({ text, error: tooMany(this.#field(path), value.length, maxItems) });
    }
    result.matches += 1;
    return result;
  }

  #enum(schema: Schema, value: Json, path: string): Result | undefined {
    if (schema.enum.length === 0 || schema.enum.some((allowed) => allowed !== null && equal(allowed, value)))
      return undefined;
    const names = schema.enum.map((allowed) => (typeof allowed === 'string' ? allowed : sortedJson(allowed)));
    const text = `${path} in body should be one of [${names.join(' ')}]`;
    return this.#one({ text, error: notSupported(this.#field(path), value, names) });
  }

  #object(schema: Schema, value: JsonObject, path: string, old: Correlated | undefined): Result {
    const result = new Result();
    const names = Object.keys(value).filter((name) => value[name] !== undefined);
    const { minProperties, maxProperties, additionalProperties, properties } = schema;
    if (minProperties !== undefined && names.length < minProperties) {
      result.add(
        this.#invalid(path, names.length, `${path} in body should have at least ${minProperties} properties`),
      );
    }
    if (maxProperties !== undefined && names.length > maxProperties) {
      const text = `${path} in body should have at most ${maxProperties} properties`;
      result.add({ text, error: tooMany(this.#field(path), names.length, maxProperties) });
    }
    for (const name of names) {
      const member = value[name];
      const own =
        properties.get(name) ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
      if (own === undefined || member === undefined) continue;
      const below = path === '' && properties.has(name) ? name : `${path}.${name}`;
      // Both sides were converted to this version: a change of these two would not be seen.
      const isTypeMeta = path === '' && (name === 'apiVersion' || name === 'kind');
      result.merge(this.ratcheted(own, member, below, isTypeMeta ? undefined : old?.member(name)));
    }
    for (const name of schema.required) {
      if (value[name] !== undefined) continue;
      const text = `${path}.${name} in body is required`;
      result.add({ text, error: required(this.#field(`${path}.${name}`)) });
    }
    return result;
  }
}

function bestOf(alternatives: readonly Result[]): Result | undefined {
  return alternatives.reduce<Result | undefined>(
    (best, one) => (best === undefined || one.matches > best.matches ? one : best),
    undefined,
  );
}

function typesOf({ type, intOrString }: Schema): readonly string[] {
  if (intOrString) return ['integer', 'string'];
  return type === '' ? [] : [type];
}

/** The format as far as it means anything for the type. */
function formatOf({ type, format, intOrString }: Schema): string {
  const known: Readonly<Record<string, readonly string[]>> = {
    integer: ['int32', 'int64'],
    number: ['float', 'double'],
  };
  if (type === '' || type === 'string' || intOrString) return isStringFormat(format) ? format : '';
  return known[type]?.includes(format) === true ? format : '';
}

/** The type of a value and, for numbers, the format that it is held in. */
function kindOf(value: Json): [type: string, format: string] {
  if (Array.isArray(value)) return ['array', ''];
  if (typeof value === 'number') return isInteger64(value) ? ['integer', 'int64'] : ['number', 'float64'];
  return [typeof value, ''];
}

function rangeOf(type: string, format: string): { least: number; most: number; name: string } | undefined {
  if (type === 'integer' && format === 'int32') {
    return { least: -(2 ** 31), most: 2 ** 31 - 1, name: 'with format int32' };
  }
  if (type === 'integer') {
    return {
      least: -(2 ** 63),
      most: 2 ** 63,
      name: format === '' ? '(default format)' : `with format ${format}`,
    };
  }
  if (format !== 'float') return undefined;
  return { least: -3.4028234663852886e38, most: 3.4028234663852886e38, name: 'with format float' };
}

/** What a number breaks of its schema's limits; `%s` stands for the path. */
function limitFaults(schema: Schema, value: number): { shown: number; text: string }[] {
  const faults: { shown: number; text: string }[] = [];
  const { minimum, maximum, multipleOf, exclusiveMinimum, exclusiveMaximum } = schema;
  // Limits of an integer are integers.
  const limit = (bound: number) => (isInteger64(value) ? Math.trunc(bound) : bound);
  if (multipleOf !== undefined && limit(multipleOf) <= 0) {
    const factor = limit(multipleOf);
    faults.push({
      shown: factor,
      text: `factor MultipleOf declared for %s must be positive: ${showNumber(factor)}`,
    });
  } else if (multipleOf !== undefined && !isMultiple(value, limit(multipleOf))) {
    faults.push({
      shown: value,
      text: `%s in body should be a multiple of ${showNumber(limit(multipleOf))}`,
    });
  }
  if (minimum !== undefined && (exclusiveMinimum ? value <= limit(minimum) : value < limit(minimum))) {
    const least = `${exclusiveMinimum ? '' : 'or equal to '}${showNumber(limit(minimum))}`;
    faults.push({ shown: value, text: `%s in body should be greater than ${least}` });
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= limit(maximum) : value > limit(maximum))) {
    const most = `${exclusiveMaximum ? '' : 'or equal to '}${showNumber(limit(maximum))}`;
    faults.push({ shown: value, text: `%s in body should be less than ${most}` });
  }
  return faults;
}

function isMultiple(value: number, factor: number): boolean {
  if (Number.isInteger(value) && Number.isInteger(factor)) return value % factor === 0;
  const quotient = factor < 1 ? (1 / factor) * value : value / factor;
  const nearest = Math.round(quotient);
  return Math.abs(quotient - nearest) <= 1e-9 * Math.max(1, Math.abs(nearest));
}
