import type { ASTNode } from '@marcbachmann/cel-js';
import { goRegExp } from '../regexp.ts';
import { checkFormat, FormatFault } from './format-string.ts';
import { located, showType } from './sentences.ts';
import { isGoDuration } from './time.ts';

/** An expression that can't be used; the message is the real server's as far as it can be told. */
export class BadExpression extends Error {
  override readonly name = 'BadExpression';
}

/** All parts of an expression, itself first. */
export function nodesOf(node: ASTNode): ASTNode[] {
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

// What the library knows besides the CEL of Kubernetes.
const FOREIGN_METHODS = new Set(['json', 'hex', 'base64', 'at']);

export function checkNames(source: string, nodes: readonly ASTNode[]): void {
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
export function checkLiterals(source: string, nodes: readonly ASTNode[]): void {
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
export function checkElements(source: string, nodes: readonly ASTNode[]): void {
  const formatted = new Set(
    nodes.flatMap((node) =>
      node.op === 'rcall' && node.args[0] === 'format' ? node.args[2].flatMap(nodesOf) : [],
    ),
  );
  const faults = nodes.flatMap((node) => {
    if (node.op === 'list' && !formatted.has(node)) return mixedElements(source, node.args);
    if (node.op !== 'map' || formatted.has(node)) return [];
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
export function checkOptionalFields(
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

/** `'%d'.format(['x'])`: faults that show before there are values. */
export function checkFormats(source: string, nodes: readonly ASTNode[]): void {
  const faults = nodes.flatMap((node) => {
    if (node.op !== 'rcall' || node.args[0] !== 'format') return [];
    const [, template, [list]] = node.args;
    if (template.op !== 'value' || typeof template.args !== 'string' || list?.op !== 'list') return [];
    const values = list.args;
    try {
      checkFormat(template.args, values.map(plainTypeOf));
      return [];
    } catch (error) {
      if (!(error instanceof FormatFault)) throw error;
      const value = error.item === undefined ? undefined : values[error.item];
      const at = value === undefined ? source.indexOf('(', template.end) : anchorOf(value);
      return [located(source, at, error.message)];
    }
  });
  if (faults.length > 0) throw new BadExpression(`compilation failed: ${faults.join('\n')}`);
}

/** The type's name without its parameters; undefined where it is known only as a value is. */
function plainTypeOf(node: ASTNode): string | undefined {
  const type = typeNameOf(node)?.replace(/^dyn<(.*)>$/, '$1');
  if (type === undefined || type === 'dyn') return undefined;
  return type
    .replace(/<.*$/, '')
    .replace(/^Object\.o\d+$/, 'selfType')
    .replace(/^optional$/, 'optional_type');
}

/** Where cel-go sees a node. */
function anchorOf(node: ASTNode): number {
  if (node.op === '.') return node.input.indexOf('.', node.args[0].end);
  if (node.op === '.?') return node.input.indexOf('.?', node.args[0].end);
  if (node.op === '[]') return node.input.indexOf('[', node.args[0].end);
  if (node.op === 'call') return node.input.indexOf('(', node.start);
  if (node.op === 'rcall') return node.input.indexOf('(', node.args[1].end);
  return node.start;
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
