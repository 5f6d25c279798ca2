import type { Json } from '../../../kube/types.ts';
import { isObject } from '../../cluster/object.ts';
import { keyOf, type Correlated } from '../correlate.ts';
import {
  childPath,
  duplicate,
  forbidden,
  invalidValue,
  keyPath,
  required,
  withoutValue,
  type FieldError,
} from '../field-error.ts';
import type { Rule, Schema } from '../schema.ts';
import { newEnvironment } from './environment.ts';
import { BadExpression } from './checks.ts';
import { compileExpression, EvaluationFault, type Expression } from './expression.ts';
import { ObjectTypes } from './object-types.ts';
import { Optional, type Environment } from '@marcbachmann/cel-js';

/** A rule of a schema that could not be compiled. */
export interface RuleFault {
  readonly schema: Schema;
  readonly index: number;
  readonly part: 'rule' | 'messageExpression';
  readonly sentence: string;
}

interface CompiledRule {
  readonly rule: Rule;
  readonly condition: Expression;
  readonly message: Expression | undefined;
  /** `spec.replicas` for a `fieldPath` of `.spec.replicas`. */
  readonly blamed: string;
}

interface Node {
  readonly schema: Schema;
  readonly isResource: boolean;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, Node>;
  readonly additional: Node | undefined;
  readonly items: Node | undefined;
}

/** Whether a change of a value is seen from it, or from the nearest part around it that can be compared. */
interface Ratchet {
  readonly own: Correlated | undefined;
  readonly around: Correlated | undefined;
}

/** The `x-kubernetes-validations` of a schema and all below it, compiled. */
export class Rules {
  readonly faults: readonly RuleFault[];
  /** Rules that use oldSelf. */
  readonly transitions: ReadonlySet<Rule>;
  /** Schemas with rules that could see nothing of their values. */
  readonly untyped: ReadonlySet<Schema>;
  readonly #root: Node | undefined;
  readonly #types: ObjectTypes;

  /** `isResource` says that values of the schema have apiVersion, kind and metadata. */
  constructor(schema: Schema, isResource: boolean) {
    const environment = newEnvironment();
    this.#types = new ObjectTypes(environment);
    const compiler = new Compiler(environment, this.#types);
    compiler.declare(schema, isResource);
    this.#root = compiler.compile(schema, isResource);
    this.faults = compiler.faults;
    this.transitions = compiler.transitions;
    this.untyped = compiler.untyped;
  }

  /** True where there is no rule to evaluate. */
  get empty(): boolean {
    return this.#root === undefined;
  }

  /** Faults that the rules find; transition rules are evaluated where there is an old value to compare. */
  validate(
    value: Json,
    old: Json | undefined,
    path: string,
    correlated: Correlated | undefined,
  ): FieldError[] {
    if (this.#root === undefined) return [];
    return this.#validate(this.#root, value, old, path, { own: correlated, around: undefined });
  }

  #validate(node: Node, value: Json, old: Json | undefined, path: string, ratchet: Ratchet): FieldError[] {
    if (value === null) return [];
    const errors = this.#evaluate(node, value, old ?? null, path, ratchet);
    if (Array.isArray(value)) errors.push(...this.#items(node, value, old, path, ratchet));
    else if (isObject(value)) errors.push(...this.#members(node, value, old, path, ratchet));
    return errors;
  }

  #items(node: Node, value: Json[], old: Json | undefined, path: string, { own }: Ratchet): FieldError[] {
    const { items } = node;
    if (items === undefined) return [];
    const { listType, listMapKeys } = node.schema;
    const before = new Map(
      listType === 'map' && Array.isArray(old) ? old.map((item) => [keyOf(item, listMapKeys), item]) : [],
    );
    return value.flatMap((item, index) =>
      this.#validate(items, item, before.get(keyOf(item, listMapKeys)), keyPath(path, index), {
        own: own?.item(index),
        around: own,
      }),
    );
  }

  #members(
    node: Node,
    value: Record<string, Json | undefined>,
    old: Json | undefined,
    path: string,
    ratchet: Ratchet,
  ): FieldError[] {
    return Object.entries(value).flatMap(([name, member]) => {
      const property = node.properties.get(name);
      const below = property ?? node.additional;
      if (member === undefined || below === undefined) return [];
      const before = isObject(old) ? old[name] : undefined;
      const at = property === undefined ? keyPath(path, name) : childPath(path, name);
      // Both sides were converted to this version: a change of these two would not be seen.
      const isTypeMeta = ratchet.around === undefined && (name === 'apiVersion' || name === 'kind');
      const next = isTypeMeta
        ? { own: undefined, around: undefined }
        : { own: ratchet.own?.member(name), around: ratchet.own ?? ratchet.around };
      return this.#validate(below, member, before, at, next);
    });
  }

  #evaluate(node: Node, value: Json, old: Json, path: string, ratchet: Ratchet): FieldError[] {
    if (node.rules.length === 0) return [];
    const { schema, isResource } = node;
    const self = this.#types.valueOf(schema, value, isResource);
    const oldSelf = old === null ? undefined : this.#types.valueOf(schema, old, isResource);
    const unchanged = (ratchet.own ?? ratchet.around)?.unchanged === true;
    return node.rules.flatMap((compiled) => {
      const { rule, condition, blamed } = compiled;
      const optional = rule.optionalOldSelf === true;
      if (condition.usesOldSelf && oldSelf === undefined && !optional) return [];
      const variables = { self, oldSelf: optional ? optionalOf(oldSelf) : oldSelf };
      try {
        if (condition.evaluate(variables) === true) return [];
      } catch (error) {
        if (!(error instanceof EvaluationFault)) throw error;
        return [
          invalidValue(path === '' ? '<nil>' : path, schema.type, evaluationDetail(rule, error.message)),
        ];
      }
      if (unchanged && !condition.usesOldSelf) return [];
      const at = blamed === '' ? path : childPath(path, blamed);
      return [failure(rule, at === '' ? '<nil>' : at, schema, value, messageOf(compiled, variables))];
    });
  }
}

function optionalOf(value: unknown): Optional {
  return value === undefined ? Optional.none() : Optional.of(value);
}

function evaluationDetail(rule: Rule, fault: string): string {
  if (fault.startsWith('no such overload')) {
    return `'${fault}': call arguments did not match a supported operator, function or macro signature for rule: ${ruleName(rule)}`;
  }
  return `${fault} evaluating rule: ${ruleName(rule)}`;
}

function ruleName({ message, rule }: Rule): string {
  return (message === '' ? rule : message).trim();
}

const LONGEST_MESSAGE = 5 * 1024;

function messageOf({ rule, message }: CompiledRule, variables: Readonly<Record<string, unknown>>): string {
  const fallback = rule.message === '' ? `failed rule: ${ruleName(rule)}` : ruleName(rule);
  if (message === undefined) return fallback;
  try {
    const text = message.evaluate(variables);
    const trimmed = typeof text === 'string' ? text.trim() : '';
    const usable = trimmed !== '' && !trimmed.includes('\n') && Buffer.byteLength(trimmed) <= LONGEST_MESSAGE;
    return usable ? trimmed : fallback;
  } catch (error) {
    if (error instanceof EvaluationFault) return fallback;
    throw error;
  }
}

function failure(rule: Rule, field: string, schema: Schema, value: Json, detail: string): FieldError {
  const shown = schema.type === 'object' || schema.type === 'array';
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbidden(field, detail);
    case 'FieldValueRequired':
      return required(field, detail);
    case 'FieldValueDuplicate':
      return shown ? withoutValue(field, 'FieldValueDuplicate', '') : duplicate(field, value);
    default:
      return shown ? withoutValue(field, 'FieldValueInvalid', detail) : invalidValue(field, value, detail);
  }
}

class Compiler {
  readonly faults: RuleFault[] = [];
  readonly transitions = new Set<Rule>();
  readonly untyped = new Set<Schema>();
  readonly #environment: Environment;
  readonly #types: ObjectTypes;

  constructor(environment: Environment, types: ObjectTypes) {
    this.#environment = environment;
    this.#types = types;
  }

  /** Declares the types of all schemas with rules: once an environment is copied, nothing can be added to it. */
  declare(schema: Schema, isResource: boolean): void {
    if (schema.validations.length > 0) this.#types.nameOf(schema, isResource);
    for (const child of schema.properties.values()) this.declare(child, child.embeddedResource);
    const { items, additionalProperties: others } = schema;
    if (items !== undefined) this.declare(items, items.embeddedResource);
    if (typeof others === 'object') this.declare(others, others.embeddedResource);
  }

  /** Undefined where neither the schema nor any below it has rules. */
  compile(schema: Schema, isResource: boolean): Node | undefined {
    const child = (own: Schema) => this.compile(own, own.embeddedResource);
    const properties = new Map<string, Node>();
    for (const [name, own] of schema.properties) {
      const node = child(own);
      if (node !== undefined) properties.set(name, node);
    }
    const { items, additionalProperties: others } = schema;
    const node: Node = {
      schema,
      isResource,
      rules: this.#rules(schema, isResource),
      properties,
      additional: typeof others === 'object' ? child(others) : undefined,
      items: items === undefined ? undefined : child(items),
    };
    const empty = node.rules.length === 0 && properties.size === 0;
    return empty && node.additional === undefined && node.items === undefined ? undefined : node;
  }

  #rules(schema: Schema, isResource: boolean): CompiledRule[] {
    if (schema.validations.length === 0) return [];
    const type = this.#types.selfNameOf(schema, isResource);
    if (type === undefined) {
      this.untyped.add(schema);
      return [];
    }
    const plain = this.#environment.clone().registerVariable('self', type).registerVariable('oldSelf', type);
    let optional: Environment | undefined;
    return schema.validations.flatMap((rule, index) => {
      if (rule.rule.trim() === '') return [];
      optional ??= rule.optionalOldSelf === true ? this.#withOptionalOldSelf(type) : undefined;
      const environment = rule.optionalOldSelf === true && optional !== undefined ? optional : plain;
      const compiled = this.#rule(environment, rule, schema, index);
      return compiled === undefined ? [] : [compiled];
    });
  }

  #withOptionalOldSelf(type: string): Environment {
    return this.#environment
      .clone()
      .registerVariable('self', type)
      .registerVariable('oldSelf', `optional<${type}>`);
  }

  #rule(environment: Environment, rule: Rule, schema: Schema, index: number): CompiledRule | undefined {
    const compile = (part: RuleFault['part']) => {
      try {
        return compileExpression(
          environment,
          rule[part],
          part === 'rule' ? 'bool' : 'string',
          (type, field) => this.#types.hasField(type, field),
        );
      } catch (error) {
        if (!(error instanceof BadExpression)) throw error;
        const sentence =
          part === 'messageExpression' && error.message.startsWith('compilation')
            ? `messageExpression ${error.message}`
            : error.message;
        this.faults.push({ schema, index, part, sentence });
        return undefined;
      }
    };
    const condition = compile('rule');
    if (condition === undefined) return undefined;
    if (condition.usesOldSelf) this.transitions.add(rule);
    const message = rule.messageExpression === '' ? undefined : compile('messageExpression');
    return { rule, condition, message, blamed: blamedField(rule.fieldPath) };
  }
}

/** `.spec['a.b']` as the real server writes it in errors: `spec.a.b`. */
function blamedField(fieldPath: string): string {
  return fieldPath
    .replace(/\['((?:[^'\\]|\\.)*)'\]/g, (_, name: string) => `.${name.replace(/\\(.)/g, '$1')}`)
    .replace(/^\./, '');
}
