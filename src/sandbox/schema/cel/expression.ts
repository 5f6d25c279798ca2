import {
  EvaluationError,
  ParseError,
  type TypeError as CelTypeError,
  type ASTNode,
  type Environment,
} from '@marcbachmann/cel-js';
import { goRegExp } from '../regexp.ts';
import { REPLACED } from './strings.ts';

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
 * Parses an expression and checks its type.
 * @throws BadExpression
 */
export function compileExpression(
  environment: Environment,
  source: string,
  type: 'bool' | 'string',
): Expression {
  const parsed = attempt(source, () => environment.parse(source));
  const nodes = nodesOf(parsed.ast);
  checkNames(source, nodes);
  checkLiterals(source, nodes);
  useReplacements(nodes);
  const checked = parsed.check();
  if (checked.error !== undefined) throw new BadExpression(compilationSentence(source, checked.error));
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
    if (error instanceof ParseError) throw new BadExpression(compilationSentence(source, error));
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

// What the library knows besides the CEL of Kubernetes.
const FOREIGN_METHODS = new Set(['json', 'hex', 'base64', 'at']);

function checkNames(source: string, nodes: readonly ASTNode[]): void {
  for (const node of nodes) {
    const foreign =
      node.op === 'id' && (node.args === 'cel' || node.args === 'google') ? node.args : undefined;
    const method = node.op === 'rcall' && FOREIGN_METHODS.has(node.args[0]) ? node.args[0] : undefined;
    const name = foreign ?? method;
    if (name === undefined) continue;
    throw new BadExpression(
      `compilation failed: ${located(source, node.start, `undeclared reference to '${name}' (in container '')`)}`,
    );
  }
}

function checkLiterals(source: string, nodes: readonly ASTNode[]): void {
  for (const node of nodes) {
    if (node.op !== 'rcall' || node.args[0] !== 'matches') continue;
    const [pattern] = node.args[2];
    if (pattern?.op !== 'value' || typeof pattern.args !== 'string') continue;
    try {
      goRegExp(pattern.args);
    } catch {
      throw new BadExpression(
        `compilation failed: ${located(source, pattern.start, 'invalid matches argument')}`,
      );
    }
  }
}

function compilationSentence(source: string, error: ParseError | CelTypeError): string {
  const { code, summary, range } = error;
  const { node } = error;
  const start = range?.start ?? 0;
  switch (code) {
    case 'no_such_key': {
      const field = summary.replace(/^No such key: /, '');
      return `compilation failed: ${located(source, source.lastIndexOf('.', start), `undefined field '${field}'`)}`;
    }
    case 'unknown_variable': {
      const name = summary.replace(/^Unknown variable: /, '');
      const sentence = `undeclared reference to '${name}' (in container '')`;
      return `compilation failed: ${located(source, start, sentence)}`;
    }
    case 'no_such_overload': {
      const match = /^no such overload: (.*) (\S+) (.*)$/.exec(summary);
      if (match === null) break;
      const [, left = '', operator = '', right = ''] = match;
      const sentence = `found no matching overload for '${operatorName(operator)}' applied to '(${showType(left)}, ${showType(right)})'`;
      return `compilation failed: ${located(source, operatorAt(node, operator) ?? start, sentence)}`;
    }
    case 'no_matching_overload': {
      const match = /^found no matching overload for '(?:(.*)\.)?(\w+)\((.*)\)'$/.exec(summary);
      if (match === null) break;
      const [, receiver, name = '', args = ''] = match;
      const applied =
        receiver === undefined ? `(${showType(args)})` : `${showType(receiver)}.(${showType(args)})`;
      const [shown = name] = Object.entries(REPLACED).find(([, used]) => used === name) ?? [name];
      const at = source.indexOf('(', source.indexOf(shown, start));
      const sentence = `found no matching overload for '${shown}' applied to '${applied}'`;
      return `compilation failed: ${located(source, at, sentence)}`;
    }
    default:
  }
  const syntax = error instanceof ParseError ? 'Syntax error: ' : '';
  return `compilation failed: ${located(source, start, `${syntax}${summary}`)}`;
}

function operatorName(operator: string): string {
  return operator === 'in' ? '@in' : `_${operator}_`;
}

function operatorAt(node: { readonly args?: unknown } | undefined, operator: string): number | undefined {
  const args: unknown = node?.args;
  if (!Array.isArray(args)) return undefined;
  const [left, right] = args as ASTNode[];
  if (left === undefined || right === undefined) return undefined;
  const at = left.input.slice(left.end, right.start).indexOf(operator);
  return at < 0 ? undefined : left.end + at;
}

function showType(type: string): string {
  return type
    .replaceAll('google.protobuf.Timestamp', 'timestamp')
    .replaceAll('google.protobuf.Duration', 'duration')
    .replace(/dyn<(\w+)>/g, '$1')
    .replace(/Object\.o\d+/g, 'object')
    .replaceAll('<', '(')
    .replaceAll('>', ')');
}

/** A fault with where it is, drawn as cel-go does. */
function located(source: string, offset: number, sentence: string): string {
  const at = Math.max(offset, 0);
  const lines = source.slice(0, at).split('\n');
  const column = (lines.at(-1) ?? '').length;
  const line = source.split('\n')[lines.length - 1] ?? '';
  return `ERROR: <input>:${lines.length}:${column + 1}: ${sentence}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

function evaluationSentence(error: unknown): string {
  if (!(error instanceof EvaluationError)) return error instanceof Error ? error.message : String(error);
  const { code, summary } = error;
  switch (code) {
    case 'no_such_key':
      return summary.replace(/^No such key/, 'no such key');
    case 'index_out_of_bounds':
      return `index out of bounds: ${/index (-?\d+)/.exec(summary)?.[1] ?? ''}`;
    case 'modulo_by_zero':
      return 'modulus by zero';
    case 'numeric_overflow':
      return 'integer overflow';
    case 'optional_value_missing':
      return 'optional.none() dereference';
    case 'no_matching_overload':
      return `no such overload: ${/(\w+)\(/.exec(summary)?.[1] ?? ''}`;
    case 'int_conversion_error':
      return "type conversion error from 'string' to 'int'";
    case 'double_conversion_error':
      return "type conversion error from 'string' to 'double'";
    case 'index_out_of_range':
      return 'index out of range';
    case 'no_such_overload':
    case 'field_type_mismatch':
    case 'invalid_logical_operand':
    case 'invalid_condition_type':
      return 'no such overload';
    default:
      return summary;
  }
}
