import { EvaluationError, type Environment, type RegisteredFunctionHandler } from '@marcbachmann/cel-js';

/** Functions by signature, as the Kubernetes CEL environment has them besides the standard ones. */
export type Functions = Readonly<Record<string, RegisteredFunctionHandler>>;

export function registerAll(environment: Environment, functions: Functions): void {
  for (const [signature, handler] of Object.entries(functions)) {
    environment.registerFunction(signature, handler, { async: false });
  }
}

/**
 * Makes `name` a namespace, such that `name.function(…)` can be registered as a method of the type that is returned.
 */
export function registerNamespace(environment: Environment, name: string): string {
  class Namespace {
    readonly name = name;
  }
  const type = `Namespace.${name}`;
  environment.registerType(type, Namespace);
  environment.registerConstant(name, type, new Namespace());
  return type;
}

/** An error that ends the evaluation of a rule, with the sentence that the real server gives. */
export function fault(message: string): EvaluationError {
  return new EvaluationError({ code: 'kubernetes', message });
}

/** A value that rules see through functions only, such as a quantity. Equal where its text is. */
export abstract class Opaque {
  abstract toString(): string;
}

/** Lists are arrays, or sets where the library makes them so. */
export function itemsOf(list: Iterable<unknown>): unknown[] {
  return [...list];
}

/** Order of two values of one CEL type: negative, zero or positive. */
export function compareValues(a: unknown, b: unknown): number {
  const left = comparable(a);
  const right = comparable(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function comparable(value: unknown): bigint | number | string {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  const primitive: unknown = value instanceof Object ? value.valueOf() : undefined;
  if (typeof primitive === 'bigint' || typeof primitive === 'number') return primitive;
  throw fault('no such overload');
}

/** Equality of two CEL values that need not be of one type. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameValue(value, b.get(key)));
  }
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return (
    a instanceof Opaque &&
    b instanceof Opaque &&
    a.constructor === b.constructor &&
    a.toString() === b.toString()
  );
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}
