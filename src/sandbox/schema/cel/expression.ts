import { ParseError, type ASTNode, type Environment, type TypeDeclaration } from '@marcbachmann/cel-js';
import {
  BadExpression,
  checkElements,
  checkFormats,
  checkLiterals,
  checkNames,
  checkOptionalFields,
  nodesOf,
} from './checks.ts';
import { anchors, compilationSentence, evaluationSentence } from './sentences.ts';
import type { Checker, Scope } from './macros.ts';
import { REPLACED } from './strings.ts';

/** A rule or message of which the type is right. */
export interface Expression {
  /** True where it looks at what the value was before. */
  readonly usesOldSelf: boolean;
  /** @throws EvaluationFault */
  evaluate(variables: Readonly<Record<string, unknown>>): unknown;
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
  checkFormats(source, nodes);
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

const functions = new WeakMap<Environment, ReadonlySet<string>>();

/** Names of the functions that an environment knows. */
function functionsOf(environment: Environment): ReadonlySet<string> {
  const known = functions.get(environment);
  if (known !== undefined) return known;
  const names = new Set(environment.getDefinitions().functions.map(({ name }) => name));
  functions.set(environment, names);
  return names;
}
