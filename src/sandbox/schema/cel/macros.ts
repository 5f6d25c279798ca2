import { Optional, type ASTNode, type Environment, type TypeDeclaration } from '@marcbachmann/cel-js';
import { compareValues, fault } from './functions.ts';

/** The variables in sight of a part of an expression. */
export interface Scope {
  forkWithVariable(name: string, type: TypeDeclaration): Scope;
  /** The same scope within the values of `parent`. */
  reuse(parent: Scope): Scope;
  setIterValue(value: unknown, evaluator: Evaluator): Scope;
}

/** Checks the types of the parts of an expression. */
export interface Checker {
  check(node: ASTNode, scope: Scope): TypeDeclaration;
  getType(name: string): TypeDeclaration;
  readonly registry: {
    getListType(items: TypeDeclaration): TypeDeclaration;
    getMapType(keys: TypeDeclaration, values: TypeDeclaration): TypeDeclaration;
    getOptionalType(value: TypeDeclaration): TypeDeclaration;
  };
  createError(code: string, message: string, node: ASTNode): Error;
}

interface Evaluator {
  run(node: ASTNode, scope: Scope): unknown;
}

interface Call {
  readonly args: readonly ASTNode[];
  readonly receiver: ASTNode;
}

interface Expansion {
  typeCheck(checker: Checker, macro: unknown, scope: Scope): TypeDeclaration;
  evaluate(evaluator: Evaluator, macro: unknown, scope: Scope): unknown;
}

/** Key and value of each member of a map, index and value of each item of a list. */
function entriesOf(collection: unknown): [unknown, unknown][] {
  if (collection instanceof Map) return [...(collection as Map<unknown, unknown>)];
  if (Array.isArray(collection)) return collection.map((item: unknown, index) => [BigInt(index), item]);
  throw fault('no such overload');
}

type Test = (key: unknown, value: unknown) => unknown;

/** A macro over the entries of a list or map: `name(key, value, expressions…)`. */
function overEntries(
  run: (entries: [unknown, unknown][], expressions: Test[]) => unknown,
  typeOf: (checker: Checker, key: TypeDeclaration, results: TypeDeclaration[]) => TypeDeclaration,
) {
  return ({ args, receiver }: Call): Expansion => {
    const [first, second, ...expressions] = args;
    let outer: Scope | undefined;
    let inner: Scope | undefined;
    return {
      typeCheck(checker, _, scope) {
        const [keyType, valueType] = entryTypes(checker, checker.check(receiver, scope));
        outer = scope.forkWithVariable(variable(checker, first), keyType);
        const innermost = outer.forkWithVariable(variable(checker, second), valueType);
        inner = innermost;
        return typeOf(
          checker,
          keyType,
          expressions.map((expression) => checker.check(expression, innermost)),
        );
      },
      evaluate(evaluator, _, scope) {
        const tests = expressions.map((expression): Test => (key, value) => {
          if (outer === undefined || inner === undefined) throw fault('no such overload');
          const keyed = outer.reuse(scope).setIterValue(key, evaluator);
          return evaluator.run(expression, inner.reuse(keyed).setIterValue(value, evaluator));
        });
        return run(entriesOf(evaluator.run(receiver, scope)), tests);
      },
    };
  };
}

function variable(checker: Checker, node: ASTNode | undefined): string {
  if (node?.op === 'id') return node.args;
  const message = 'argument must be a simple name';
  throw node === undefined ? fault(message) : checker.createError('invalid_macro_argument', message, node);
}

function entryTypes(checker: Checker, collection: TypeDeclaration): [TypeDeclaration, TypeDeclaration] {
  const dyn = checker.getType('dyn');
  if (collection.kind === 'list') return [checker.getType('int'), collection.valueType ?? dyn];
  return [collection.keyType ?? dyn, collection.valueType ?? dyn];
}

/** `expression`'s answers, where an answer that decides makes errors of others void. */
function decided(entries: [unknown, unknown][], test: Test | undefined, deciding: boolean): boolean {
  let failure: unknown;
  for (const [key, value] of entries) {
    try {
      if (test?.(key, value) === deciding) return deciding;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure as Error;
  return !deciding;
}

const bool = (checker: Checker) => checker.getType('bool');

const all = overEntries((entries, [test]) => decided(entries, test, false), bool);
const exists = overEntries((entries, [test]) => decided(entries, test, true), bool);
const existsOne = overEntries(
  (entries, [test]) => entries.filter(([key, value]) => test?.(key, value) === true).length === 1,
  bool,
);
const last = (tests: Test[]) => tests.at(-1) ?? (() => undefined);
const wanted = (entries: [unknown, unknown][], tests: Test[]) =>
  tests.length === 1 ? entries : entries.filter(([key, value]) => tests[0]?.(key, value) === true);
const transformList = overEntries(
  (entries, tests) => wanted(entries, tests).map(([key, value]) => last(tests)(key, value)),
  (checker, _, results) => checker.registry.getListType(results.at(-1) ?? checker.getType('dyn')),
);
const transformMap = overEntries(
  (entries, tests) => new Map(wanted(entries, tests).map(([key, value]) => [key, last(tests)(key, value)])),
  (checker, key, results) => checker.registry.getMapType(key, results.at(-1) ?? checker.getType('dyn')),
);
const transformMapEntry = overEntries(
  (entries, tests) => {
    const result = new Map<unknown, unknown>();
    for (const [key, value] of wanted(entries, tests).flatMap(([k, v]) => mapEntries(last(tests)(k, v)))) {
      if (result.has(key)) throw fault(`insert failed: key ${String(key)} already exists`);
      result.set(key, value);
    }
    return result;
  },
  (checker, _, results) => results.at(-1) ?? checker.getType('map'),
);

function mapEntries(value: unknown): [unknown, unknown][] {
  return value instanceof Map ? entriesOf(value) : Object.entries(value as Record<string, unknown>);
}

/** `list.sortBy(item, key)`. */
function sortBy({ args, receiver }: Call): Expansion {
  const [item, key] = args;
  let inner: Scope | undefined;
  return {
    typeCheck(checker, _, scope) {
      const type = checker.check(receiver, scope);
      inner = scope.forkWithVariable(variable(checker, item), type.valueType ?? checker.getType('dyn'));
      if (key !== undefined) checker.check(key, inner);
      return type;
    },
    evaluate(evaluator, _, scope) {
      const keyed = entriesOf(evaluator.run(receiver, scope)).map(([, value]) => {
        if (inner === undefined || key === undefined) throw fault('no such overload');
        return { value, key: evaluator.run(key, inner.reuse(scope).setIterValue(value, evaluator)) };
      });
      return keyed.sort((a, b) => compareValues(a.key, b.key)).map(({ value }) => value);
    },
  };
}

/** `optional.optMap(value, expression)`; `flat` where the expression gives an optional itself. */
function optionalMap(flat: boolean) {
  return ({ args, receiver }: Call): Expansion => {
    const [name, expression] = args;
    let inner: Scope | undefined;
    return {
      typeCheck(checker, _, scope) {
        const type = checker.check(receiver, scope);
        const value = type.kind === 'optional' ? type.valueType : undefined;
        inner = scope.forkWithVariable(variable(checker, name), value ?? checker.getType('dyn'));
        const result = expression === undefined ? checker.getType('dyn') : checker.check(expression, inner);
        return flat ? result : checker.registry.getOptionalType(result);
      },
      evaluate(evaluator, _, scope) {
        const value = evaluator.run(receiver, scope);
        if (!(value instanceof Optional)) throw fault('no such overload');
        if (!value.hasValue() || inner === undefined || expression === undefined) return Optional.none();
        const result = evaluator.run(expression, inner.reuse(scope).setIterValue(value.value(), evaluator));
        return flat ? result : Optional.of(result);
      },
    };
  };
}

/** Registers the macros that Kubernetes has besides the standard ones. */
export function registerMacros(environment: Environment): void {
  const macros: Readonly<Record<string, (call: Call) => Expansion>> = {
    'list.all(ast, ast, ast): bool': all,
    'list.exists(ast, ast, ast): bool': exists,
    'list.existsOne(ast, ast, ast): bool': existsOne,
    'list.transformList(ast, ast, ast): list<dyn>': transformList,
    'list.transformList(ast, ast, ast, ast): list<dyn>': transformList,
    'list.transformMap(ast, ast, ast): map<dyn, dyn>': transformMap,
    'list.transformMap(ast, ast, ast, ast): map<dyn, dyn>': transformMap,
    'list.transformMapEntry(ast, ast, ast): map<dyn, dyn>': transformMapEntry,
    'list.transformMapEntry(ast, ast, ast, ast): map<dyn, dyn>': transformMapEntry,
    'list.sortBy(ast, ast): list<dyn>': sortBy,
    'optional.optMap(ast, ast): optional<dyn>': optionalMap(false),
    'optional.optFlatMap(ast, ast): optional<dyn>': optionalMap(true),
  };
  for (const [signature, expand] of Object.entries(macros)) {
    environment.registerFunction(signature, expand, { async: false });
  }
}
