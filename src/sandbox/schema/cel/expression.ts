import { ParseError, type ASTNode, type Environment, type TypeDeclaration } from '@marcbachmann/cel-js';
import { goRegExp } from '../regexp.ts';
import { anchors, compilationSentence, evaluationSentence, located, showType } from './sentences.ts';
import type { Checker, Scope } from './macros.ts';
import { REPLACED } from './strings.ts';
import { isGoDuration } from './time.ts';

/** A rule or message of which the type is right. */
export interface Expression {
  /** True where it looks at what the value was before. */
  readonly usesOldSelf: boolean;
  /** @throws EvaluationFault */
  evaluate(variables: Readonly<Record<string, unknown>>): unknown;
}

/** An expression that can't be used; the message is the real server's as far as it can be told. */
export class BadExpression extends Error {
  override readonly name = 'BadExpression';
}

/** An evaluation that came to no result: `no such key: x`, `division by zero`, … */
export class EvaluationFault extends Error {
  override readonly name = 'EvaluationFault';
}

/**
 * Parses an expression and checks its type. `hasField` tells whether an object type has a field.
 * @throws BadExpression
 */
export function compileExpression(
  environment: Environment,
  source: string,
  type: 'bool' | 'string',
  hasField: (type: string, field: string) => boolean,
): Expression {
  const parsed = attempt(source, () => environment.parse(source));
  const nodes = nodesOf(parsed.ast);
  checkNames(source, nodes);
  checkLiterals(source, nodes);
  useReplacements(nodes);
  allowAnyOperandOfHas(nodes);
  const checked = parsed.check();
  if (checked.error !== undefined)
    throw new BadExpression(compilationSentence(source, checked.error, functionsOf(environment)));
  checkElements(source, nodes);
  checkOptionalFields(source, nodes, hasField);
  if (checked.type !== type && checked.type !== `dyn<${type}>`) {
    throw new BadExpression(
      type === 'bool'
        ? 'cel expression must evaluate to a bool'
        : 'messageExpression must evaluate to a string',
    );
  }
  return {
    usesOldSelf: nodes.some((node) => node.op === 'id' && node.args === 'oldSelf'),
    evaluate(variables) {
      try {
        return parsed(variables) as unknown;
      } catch (error) {
        throw new EvaluationFault(evaluationSentence(error), { cause: error });
      }
    },
  };
}

function attempt<T>(source: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ParseError) throw new BadExpression(compilationSentence(source, error, new Set()));
    throw error;
  }
}

function nodesOf(node: ASTNode): ASTNode[] {
  return [node, ...childrenOf(node).flatMap(nodesOf)];
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  if (node.op === 'value' || node.op === 'id') return [];
  if (node.op === '.' || node.op === '.?') return [node.args[0]];
  if (node.op === 'call') return node.args[1];
  if (node.op === 'rcall') return [node.args[1], ...node.args[2]];
  if (node.op === 'map') return node.args.flat();
  if (node.op === '!_' || node.op === '-_') return [node.args];
  return node.args;
}

function useReplacements(nodes: readonly ASTNode[]): void {
  for (const node of nodes) {
    if (node.op !== 'rcall' && node.op !== 'call') continue;
    const [name] = node.args;
    if (Object.hasOwn(REPLACED, name)) node.args[0] = REPLACED[name] ?? name;
  }
}

/** How the library keeps a call of `has`; it checks, and walks down from, the last of `macroHasProps`. */
interface HasCall {
  readonly args: readonly ASTNode[];
  macroHasProps?: ASTNode[];
  typeCheck: (checker: Checker, macro: unknown, scope: Scope) => TypeDeclaration;
}

// The library takes `has(a.b)` alone, and any field; CEL also has `has(a[0].b)` and `has(f(a).b)`, and knows the fields.
function allowAnyOperandOfHas(nodes: readonly ASTNode[]): void {
  for (const node of nodes) {
    if (node.op !== 'call' || node.args[0] !== 'has') continue;
    const { macro } = (node as ASTNode & { readonly meta: { readonly macro?: HasCall } }).meta;
    const selection = macro?.args[0];
    if (macro === undefined || selection?.op !== '.') continue;
    const path: ASTNode[] = [];
    let operand: ASTNode = selection;
    while (operand.op === '.' || operand.op === '.?') {
      path.push(operand);
      operand = operand.args[0];
    }
    anchors.set(selection, node.input.indexOf('(', node.start));
    macro.macroHasProps = [...path, operand];
    macro.typeCheck = (checker, _, scope) => {
      checker.check(selection, scope);
      return checker.getType('bool');
    };
  }
}

// What the library knows besides the CEL of Kubernetes.
const FOREIGN_METHODS = new Set(['json', 'hex', 'base64', 'at']);

function checkNames(source: string, nodes: readonly ASTNode[]): void {
  for (const node of nodes) {
    const foreign = node.op === 'id' && node.args === 'cel' ? node.args : undefined;
    const method = node.op === 'rcall' && FOREIGN_METHODS.has(node.args[0]) ? node.args[0] : undefined;
    const name = foreign ?? method;
    if (name === undefined) continue;
    throw new BadExpression(
      `compilation failed: ${located(source, node.start, `undeclared reference to '${name}' (in container '')`)}`,
    );
  }
}

/** Arguments that are wrong whatever the object is. */
function checkLiterals(source: string, nodes: readonly ASTNode[]): void {
  const faults = nodes.flatMap((node) => {
    if (node.op !== 'rcall' && node.op !== 'call') return [];
    const [literal] = node.op === 'rcall' ? node.args[2] : node.args[1];
    if (literal?.op !== 'value' || typeof literal.args !== 'string') return [];
    const [name] = node.args;
    const conversion = CONVERSIONS[name];
    if (node.op === 'call' && conversion?.(literal.args) === false) {
      throw new BadExpression(
        `program instantiation failed: type conversion error from 'string' to '${name}'`,
      );
    }
    return isLiteral(name, literal.args) ? [] : [located(source, literal.start, `invalid ${name} argument`)];
  });
  if (faults.length > 0) throw new BadExpression(`compilation failed: ${faults.join('\n')}`);
}

const CONVERSIONS: Readonly<Record<string, (text: string) => boolean>> = {
  int: (text) => /^[+-]?\d+$/.test(text),
  uint: (text) => /^\d+$/.test(text),
  double: (text) =>
    /^[+-]?(?:inf(?:inity)?|nan)$/i.test(text) ||
    (text.trim() === text && text !== '' && !Number.isNaN(Number(text))),
  bool: (text) => /^(?:1|t|true|TRUE|True|0|f|false|FALSE|False)$/.test(text),
};

function isLiteral(name: string, text: string): boolean {
  if (name === 'duration') return isGoDuration(text);
  if (name === 'timestamp') return /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text));
  if (name !== 'matches') return true;
  try {
    goRegExp(text);
    return true;
  } catch {
    return false;
  }
}

/** Lists and maps of one type of element only, but for the values that format() is given. */
function checkElements(source: string, nodes: readonly ASTNode[]): void {
  const formatted = new Set(
    nodes.flatMap((node) => (node.op === 'rcall' && node.args[0] === 'format' ? node.args[2] : [])),
  );
  const faults = nodes.flatMap((node) => {
    if (node.op === 'list' && !formatted.has(node)) return mixedElements(source, node.args);
    if (node.op !== 'map') return [];
    const entries: readonly (readonly [ASTNode, ASTNode])[] = node.args;
    return [
      ...mixedElements(
        source,
        entries.map(([key]) => key),
      ),
      ...mixedElements(
        source,
        entries.map(([, value]) => value),
      ),
    ];
  });
  if (faults.length > 0) throw new BadExpression(`compilation failed: ${faults.join('\n')}`);
}

// The library lets `a.?b` name any field.
function checkOptionalFields(
  source: string,
  nodes: readonly ASTNode[],
  hasField: (type: string, field: string) => boolean,
): void {
  for (const node of nodes) {
    if (node.op !== '.?') continue;
    const [operand, field] = node.args;
    const type = typeNameOf(operand)?.replace(/^optional<(.*)>$/, '$1') ?? '';
    if (hasField(type, field)) continue;
    const at = source.indexOf('.?', operand.end);
    throw new BadExpression(`compilation failed: ${located(source, at, `undefined field '${field}'`)}`);
  }
}

function mixedElements(source: string, elements: readonly ASTNode[]): string[] {
  const [expected, ...types] = elements.map(typeNameOf);
  if (expected === undefined || isOpen(expected)) return [];
  return types.flatMap((found, index) => {
    if (found === undefined || found === expected || isOpen(found)) return [];
    const sentence = `expected type '${showType(expected)}' but found '${showType(found)}'`;
    return [located(source, elements[index + 1]?.start ?? 0, sentence)];
  });
}

function isOpen(type: string): boolean {
  return /\b(?:dyn|[A-Z])\b/.test(type);
}

/** The type that checking found for a node: the library keeps it there. */
function typeNameOf(node: ASTNode): string | undefined {
  const type: unknown = Reflect.get(node, 'checkedType');
  return type instanceof Object ? String(Reflect.get(type, 'name')) : undefined;
}

const functions = new WeakMap<Environment, ReadonlySet<string>>();

/** Names of the functions that an environment knows. */
function functionsOf(environment: Environment): ReadonlySet<string> {
  const known = functions.get(environment);
  if (known !== undefined) return known;
  const names = new Set(environment.getDefinitions().functions.map(({ name }) => name));
  functions.set(environment, names);
  return names;
}
