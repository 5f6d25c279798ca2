import {
  EvaluationError,
  ParseError,
  type ASTNode,
  type TypeError as CelTypeError,
} from '@marcbachmann/cel-js';
import { REPLACED } from './strings.ts';

interface Located {
  readonly at: number;
  readonly sentence: string;
}

interface Report {
  readonly source: string;
  readonly summary: string;
  /** Where the library sees the fault. */
  readonly start: number;
  readonly node: { readonly args?: unknown } | undefined;
  /** Names of known functions. */
  readonly functions: ReadonlySet<string>;
}

/** Where cel-go sees the faults of a node, for nodes where that is not where they stand. */
export const anchors = new WeakMap<object, number>();

/** The library's faults in the words and at the places of cel-go, by the library's code. */
const SENTENCES: Readonly<Record<string, (report: Report) => Located | undefined>> = {
  no_such_key({ source, summary, start, node }) {
    const field = summary.replace(/^No such key: /, '');
    const at = anchors.get(node ?? {}) ?? source.lastIndexOf('.', start);
    return { at, sentence: `undefined field '${field}'` };
  },
  unknown_variable({ summary, start }) {
    return { at: start, sentence: undeclared(summary.replace(/^Unknown variable: /, '')) };
  },
  no_such_overload({ summary, start, node }) {
    const unary = /^no such overload: ([!-])(\S.*)$/.exec(summary);
    if (unary !== null) {
      return { at: start, sentence: noOverload(`${unary[1] ?? ''}_`, `(${showType(unary[2] ?? '')})`) };
    }
    const [, left = '', operator = '', right = ''] =
      /^no such overload: (.*) (\S+) (.*)$/.exec(summary) ?? [];
    const name = operator === 'in' ? '@in' : `_${operator}_`;
    const sentence = noOverload(name, `(${showType(left)}, ${showType(right)})`);
    return { at: operatorAt(node, operator) ?? start, sentence };
  },
  no_matching_overload({ source, summary, start, functions }) {
    const match = /^found no matching overload for '(?:(.*)\.)?(\w+)\((.*)\)'$/.exec(summary);
    if (match === null) return undefined;
    const [, receiver, used = '', args = ''] = match;
    const [name = used] = Object.entries(REPLACED).find(([, replacement]) => replacement === used) ?? [used];
    const at = source.indexOf('(', source.indexOf(name, start));
    if (!functions.has(used)) return { at, sentence: undeclared(name) };
    const [, namespace] = /^Namespace\.(\w+)$/.exec(receiver ?? '') ?? [];
    if (namespace !== undefined)
      return { at, sentence: noOverload(`${namespace}.${name}`, `(${showType(args)})`) };
    const target = receiver === undefined ? '' : `${showType(receiver)}.`;
    return { at, sentence: noOverload(name, `${target}(${showType(args)})`) };
  },
  cannot_index_type: notSelectable,
  invalid_index_type: notSelectable,
  heterogeneous_list_element: mixed,
  heterogeneous_map_key: mixed,
  heterogeneous_map_value: mixed,
  invalid_logical_operand({ summary, start, node }) {
    const found = /got '(.*)'$/.exec(summary)?.[1] ?? '';
    return {
      at: selectionAt(node) ?? start,
      sentence: `expected type 'bool' but found '${showType(found)}'`,
    };
  },
  invalid_condition_type({ summary, start }) {
    const found = /got '(.*)'$/.exec(summary)?.[1] ?? '';
    return { at: start, sentence: `expected type 'bool' but found '${showType(found)}'` };
  },
  invalid_comprehension_range({ summary, start }) {
    const type = /'(.*)'/.exec(summary)?.[1] ?? '';
    const must = '(must be list, map, or dynamic)';
    return {
      at: start,
      sentence: `expression of type '${showType(type)}' cannot be range of a comprehension ${must}`,
    };
  },
  invalid_macro_argument({ summary, start }) {
    if (summary.startsWith('has()')) return { at: start, sentence: 'invalid argument to has() macro' };
    return { at: start, sentence: 'argument must be a simple name' };
  },
};

/** Why an expression doesn't compile. */
export function compilationSentence(
  source: string,
  error: ParseError | CelTypeError,
  functions: ReadonlySet<string>,
): string {
  const start = error.range?.start ?? 0;
  const report = { source, summary: error.summary, start, node: error.node, functions };
  const told = SENTENCES[error.code]?.(report);
  if (told !== undefined) return `compilation failed: ${located(source, told.at, told.sentence)}`;
  const syntax = error instanceof ParseError ? 'Syntax error: ' : '';
  return `compilation failed: ${located(source, start, `${syntax}${error.summary}`)}`;
}

function undeclared(name: string): string {
  return `undeclared reference to '${name}' (in container '')`;
}

function noOverload(name: string, applied: string): string {
  return `found no matching overload for '${name}' applied to '${applied}'`;
}

function notSelectable({ source, summary, start }: Report): Located {
  const [, type = ''] = /Cannot index type '(.*?)'/.exec(summary) ?? [];
  const [, index] = /with type '(.*)'$/.exec(summary) ?? [];
  if (index !== undefined) {
    const at = source.indexOf('[', start);
    return { at, sentence: noOverload('_[_]', `(${showType(type)}, ${index})`) };
  }
  const shown = type === '' ? 'list' : showType(type);
  return { at: source.lastIndexOf('.', start), sentence: `type '${shown}' does not support field selection` };
}

function mixed({ summary, start }: Report): Located {
  return { at: start, sentence: summary.replace(/^.*?, expected/, 'expected') };
}

function operatorAt(node: Report['node'], operator: string): number | undefined {
  const args: unknown = node?.args;
  if (!Array.isArray(args)) return undefined;
  const [left, right] = args as ASTNode[];
  if (left === undefined || right === undefined) return undefined;
  const at = left.input.slice(left.end, right.start).indexOf(operator);
  return at < 0 ? undefined : left.end + at;
}

/** Where cel-go sees `self.a`: at the dot. */
function selectionAt(node: Report['node']): number | undefined {
  const args: unknown = node?.args;
  const [left] = Array.isArray(args) ? (args as ASTNode[]) : [];
  return left?.op === '.' ? left.input.lastIndexOf('.', left.end) : left?.start;
}

/** A type as rules' authors know it. */
export function showType(type: string): string {
  return type
    .replaceAll('google.protobuf.Timestamp', 'timestamp')
    .replaceAll('google.protobuf.Duration', 'duration')
    .replace(/dyn<(\w+)>/g, '$1')
    .replace(/Object\.o\d+/g, 'selfType')
    .replaceAll('<', '(')
    .replaceAll('>', ')');
}

/** A fault with where it is, drawn as cel-go does. */
export function located(source: string, offset: number, sentence: string): string {
  const at = Math.max(offset, 0);
  const lines = source.slice(0, at).split('\n');
  const column = (lines.at(-1) ?? '').length;
  const line = source.split('\n')[lines.length - 1] ?? '';
  return `ERROR: <input>:${lines.length}:${column + 1}: ${sentence}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

const EVALUATION: Readonly<Record<string, string>> = {
  modulo_by_zero: 'modulus by zero',
  numeric_overflow: 'integer overflow',
  optional_value_missing: 'optional.none() dereference',
  int_conversion_error: "type conversion error from 'string' to 'int'",
  double_conversion_error: "type conversion error from 'string' to 'double'",
  invalid_timestamp: "type conversion error from 'string' to 'google.protobuf.Timestamp'",
  bool_conversion_error: "type conversion error from 'string' to 'bool'",
  no_such_overload: 'no such overload',
  field_type_mismatch: 'no such overload',
  list_item_type_mismatch: 'no such overload',
  invalid_logical_operand: 'no such overload',
  invalid_condition_type: 'no such overload',
};

/** Why an evaluation came to no result. */
export function evaluationSentence(error: unknown): string {
  if (!(error instanceof EvaluationError)) return error instanceof Error ? error.message : String(error);
  const { code, summary } = error;
  if (code === 'no_such_key') return summary.replace(/^No such key/, 'no such key');
  if (code === 'index_out_of_bounds')
    return `index out of bounds: ${/index (-?\d+)/.exec(summary)?.[1] ?? ''}`;
  if (code === 'no_matching_overload') return `no such overload: ${/(\w+)\(/.exec(summary)?.[1] ?? ''}`;
  return EVALUATION[code] ?? summary;
}
