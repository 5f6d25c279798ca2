import { type ASTNode, Environment } from '@marcbachmann/cel-js';

/** A CEL expression over `result` and `args` that says true or false. */
export interface Expression {
  /** @throws BadExpression when it comes to no result, such as for a field that is not there */
  holds(result: unknown, args: Readonly<Record<string, unknown>>): boolean;
}

export class BadExpression extends Error {
  override readonly name = 'BadExpression';
}

// Expressions are other people's text and run in the operator: these bounds keep an evaluation within milliseconds.
const LIMITS = {
  maxAstNodes: 500,
  maxDepth: 40,
  maxListElements: 100,
  maxMapEntries: 100,
  maxCallArguments: 32,
};
const MOST_PARTS = 2000;
const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

const environment = new Environment({ limits: LIMITS })
  .registerVariable('result', 'dyn')
  .registerVariable('args', 'map<string, dyn>');

const compiled = new Map<string, Expression>();
const MOST_COMPILED = 1000;

/**
 * Compiles an expression, once.
 * @throws BadExpression with what is wrong
 */
export function compile(source: string): Expression {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const expression = compileAnew(source);
  if (compiled.size >= MOST_COMPILED) compiled.clear();
  compiled.set(source, expression);
  return expression;
}

function compileAnew(source: string): Expression {
  const parsed = attempt(() => environment.parse(source));
  refuseSlow(parsed.ast, false);
  const checked = parsed.check();
  if (checked.error !== undefined) throw new BadExpression(firstLine(checked.error));
  if (checked.type !== 'bool' && checked.type !== 'dyn' && checked.type !== 'dyn<bool>') {
    throw new BadExpression(`it gives a ${String(checked.type)}, and must give true or false`);
  }
  return {
    holds: (result, args) => {
      if (partsOf(result) > MOST_PARTS) {
        throw new BadExpression(`the result has more than ${MOST_PARTS} parts: pick one by jsonPath`);
      }
      const value: unknown = attempt(() => parsed({ result, args }) as unknown);
      if (typeof value === 'boolean') return value;
      throw new BadExpression('it gives no true or false');
    },
  };
}

/** Loops in loops, and regular expressions, can take for ever. */
function refuseSlow(node: ASTNode, inLoop: boolean): void {
  const name = node.op === 'rcall' || node.op === 'call' ? node.args[0] : '';
  if (name === 'matches') {
    throw new BadExpression('matches is not available: use startsWith, endsWith, contains or in');
  }
  const loops = LOOPS.has(name);
  if (loops && inLoop) {
    throw new BadExpression(`${name} stands within another loop over a list: use one loop alone`);
  }
  for (const child of childrenOf(node.args)) refuseSlow(child, inLoop || loops);
}

function childrenOf(value: unknown): ASTNode[] {
  if (Array.isArray(value)) return value.flatMap(childrenOf);
  return isNode(value) ? [value] : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** How many values a JSON value holds, itself among them; stops counting a little above the limit. */
function partsOf(value: unknown): number {
  let count = 0;
  const stack: unknown[] = [value];
  while (stack.length > 0 && count <= MOST_PARTS) {
    const part = stack.pop();
    count += 1 + (typeof part === 'string' ? part.length / 100 : 0);
    if (typeof part === 'object' && part !== null) for (const inner of Object.values(part)) stack.push(inner);
  }
  return count;
}

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new BadExpression(firstLine(error), { cause: error });
  }
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0] ?? message;
}
