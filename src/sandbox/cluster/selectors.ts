import type { Json } from '../../kube/types.ts';
import { badRequest } from './errors.ts';
import { labelValueFaults, qualifiedNameFaults } from './names.ts';
import { listOf, objectOf, textOf, type JsonObject } from './object.ts';

/** Decides whether a set of labels or fields is selected. */
export type Selector = (values: Readonly<Record<string, string | undefined>>) => boolean;

const OPERATORS = new Set(['in', 'notin', '=', '==', '!=', '>', '<']);
const EXPECTED = 'in, notin, =, ==, !=, gt, lt';
const TOKEN = /\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)/y;
const PUNCTUATION = new Set(['=', '==', '!=', '!', '(', ')', ',', '<', '>', '']);

class Tokens {
  readonly #tokens: string[] = [];
  #next = 0;

  constructor(text: string) {
    const pattern = new RegExp(TOKEN);
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      this.#tokens.push(match[1] ?? '');
    }
  }

  peek(): string {
    return this.#tokens[this.#next] ?? '';
  }

  take(): string {
    const token = this.peek();
    this.#next += 1;
    return token;
  }
}

function refuse(why: string): never {
  throw badRequest(`unable to parse requirement: ${why}`);
}

function parseKey(tokens: Tokens): string {
  const key = tokens.take();
  for (const why of qualifiedNameFaults(key)) refuse(`<nil>: Invalid value: ${JSON.stringify(key)}: ${why}`);
  return key;
}

function parseSet(tokens: Tokens): string[] {
  const open = tokens.take();
  if (open !== '(') refuse(`found '${open}' expected: '('`);
  const values: string[] = [];
  for (;;) {
    values.push(PUNCTUATION.has(tokens.peek()) ? '' : tokens.take());
    const next = tokens.take();
    if (next === ')') return values;
    if (next !== ',') refuse(`found '${next}', expected: ',' or ')'`);
  }
}

function checkValues(key: string, values: readonly string[]): void {
  values.forEach((value, index) => {
    for (const why of labelValueFaults(value)) {
      refuse(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${why}`);
    }
  });
}

function parseRequirement(tokens: Tokens): Selector {
  if (tokens.peek() === '!') {
    tokens.take();
    const key = parseKey(tokens);
    return (values) => values[key] === undefined;
  }
  const key = parseKey(tokens);
  const operator = tokens.peek();
  if (operator === '' || operator === ',') return (values) => values[key] !== undefined;
  if (!OPERATORS.has(operator)) refuse(`found '${operator}', expected: ${EXPECTED}`);
  tokens.take();
  if (operator === 'in' || operator === 'notin') {
    const wanted = parseSet(tokens);
    checkValues(key, wanted);
    const isIn = (value: string | undefined) => value !== undefined && wanted.includes(value);
    return operator === 'in' ? (values) => isIn(values[key]) : (values) => !isIn(values[key]);
  }
  const wanted = PUNCTUATION.has(tokens.peek()) ? '' : tokens.take();
  if (operator === '>' || operator === '<') return compare(key, operator, wanted);
  checkValues(key, [wanted]);
  return operator === '!=' ? (values) => values[key] !== wanted : (values) => values[key] === wanted;
}

function compare(key: string, operator: '>' | '<', wanted: string): Selector {
  if (!/^[+-]?\d+$/.test(wanted)) {
    refuse(
      `values[0]: Invalid value: ${JSON.stringify(wanted)}: for 'Gt', 'Lt' operators, the value must be an integer`,
    );
  }
  return (values) => {
    const value = values[key];
    if (value === undefined || !/^[+-]?\d+$/.test(value)) return false;
    return operator === '>' ? BigInt(value) > BigInt(wanted) : BigInt(value) < BigInt(wanted);
  };
}

/**
 * Parses a label selector as in URLs: `app=web,tier in (a, b),!old`.
 * @throws ApiError 400 with the real server's sentence.
 */
export function parseLabelSelector(text: string): Selector {
  const tokens = new Tokens(text);
  if (tokens.peek() === '') return () => true;
  const requirements: Selector[] = [];
  for (;;) {
    const token = tokens.peek();
    if (token !== '!' && PUNCTUATION.has(token)) {
      throw badRequest(`found '${token}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(parseRequirement(tokens));
    const next = tokens.take();
    if (next === '') return (values) => requirements.every((requirement) => requirement(values));
    if (next !== ',') throw badRequest(`found '${next}', expected: ',' or 'end of string'`);
    if (tokens.peek() === ',' || tokens.peek() === '') {
      throw badRequest(`found '${tokens.peek()}', expected: identifier after ','`);
    }
  }
}

/** One term of a field selector. */
export interface FieldTerm {
  readonly field: string;
  readonly value: string;
  readonly negated: boolean;
}

/**
 * Parses a field selector: `metadata.name=x,status.phase!=Running`.
 * @throws ApiError 400 with the real server's sentence.
 */
export function parseFieldSelector(text: string): FieldTerm[] {
  if (text.trim() === '') return [];
  return text.split(',').map((part) => {
    const match = /^([^=!]+)(!=|==|=)(.*)$/.exec(part);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    return { field: (match[1] ?? '').trim(), value: match[3] ?? '', negated: match[2] === '!=' };
  });
}

/** Makes a predicate of a `LabelSelector` object as in `spec.selector`; an empty one selects everything. */
export function labelSelectorOf(selector: JsonObject): Selector {
  const wanted = Object.entries(objectOf(selector['matchLabels']));
  const expressions = listOf(selector['matchExpressions']).map(objectOf);
  return (labels) =>
    wanted.every(([key, value]) => labels[key] === value) &&
    expressions.every((expression) => {
      const value = labels[textOf(expression['key'])];
      const values = listOf(expression['values']);
      switch (textOf(expression['operator'])) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    });
}

/** A LabelSelector in the form of label selectors in URLs. */
export function selectorText(selector: JsonObject): string {
  const labels = Object.entries(objectOf(selector['matchLabels'])).map(
    ([key, value]) => `${key}=${textOf(value)}`,
  );
  return [...labels.sort(), ...listOf(selector['matchExpressions']).map(expressionText)].join(',');
}

function expressionText(item: Json): string {
  const expression = objectOf(item);
  const key = textOf(expression['key']);
  const values = listOf(expression['values']).map(textOf).sort().join(',');
  switch (textOf(expression['operator'])) {
    case 'In':
      return `${key} in (${values})`;
    case 'NotIn':
      return `${key} notin (${values})`;
    case 'DoesNotExist':
      return `!${key}`;
    default:
      return key;
  }
}
