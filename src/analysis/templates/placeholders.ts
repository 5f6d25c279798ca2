import type { ArgType } from '../../api/index.ts';

/** What a placeholder stands for. */
export interface Value {
  readonly text: string;
  readonly type: ArgType;
  /** From a Secret: only where it is not shown to anyone. */
  readonly secret?: true;
}

/** By path, such as `args.shop` or `candidate.revision`. */
export type Scope = Readonly<Record<string, Value>>;

/** A text with placeholders cannot be filled in. */
export class Unrenderable extends Error {
  override readonly name = 'Unrenderable';
  /** Whose fault it is: the text itself can never work, or this argument does not fit into it. */
  readonly fault: 'template' | 'argument';

  constructor(fault: 'template' | 'argument', message: string) {
    super(message);
    this.fault = fault;
  }
}

/** A placeholder by its path, or text as it is. */
export type Part = string | { readonly path: string };

const PLACEHOLDER = /\{\{([^]*?)\}\}/g;
const PATH = /^[a-z]+([.][A-Za-z_][-A-Za-z0-9_]*)?$/;
/** Two braces as they are. */
const BRACES = '"{{"';

/**
 * The literal parts of a text and its placeholders, `{{ args.shop }}`. `{{ "{{" }}` stands for two braces.
 * @throws Unrenderable where braces hold something else, or don't close
 */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    push(parts, literal(text.slice(end, match.index)));
    end = match.index + match[0].length;
    const content = (match[1] ?? '').trim();
    if (content === BRACES) push(parts, '{{');
    else if (PATH.test(content)) parts.push({ path: content });
    else throw noPlaceholder(match[0]);
  }
  push(parts, literal(text.slice(end)));
  return parts;
}

function literal(text: string): string {
  const open = text.indexOf('{{');
  if (open < 0) return text;
  throw new Unrenderable('template', `${shown(text.slice(open))} does not close: end it with }}`);
}

function noPlaceholder(text: string): Unrenderable {
  return new Unrenderable(
    'template',
    `${shown(text)} is no placeholder: write a name such as {{ args.shop }}, and {{ ${BRACES} }} for two braces`,
  );
}

/** Neighbouring literals become one, so that whoever looks at what stands before a placeholder sees all of it. */
function push(parts: Part[], text: string): void {
  const last = parts.at(-1);
  if (text === '') return;
  if (typeof last === 'string') parts[parts.length - 1] = last + text;
  else parts.push(text);
}

/**
 * The value of a placeholder.
 * @param secrets whether a value from a Secret may stand here
 * @throws Unrenderable when there is none of this name, or it may not stand here
 */
export function valueOf(path: string, scope: Scope, secrets: 'allowed' | 'refused' = 'refused'): Value {
  const value = Object.hasOwn(scope, path) ? scope[path] : undefined;
  if (value === undefined) {
    const known = Object.keys(scope).sort().join(', ');
    throw new Unrenderable('template', `{{ ${path} }} is unknown here: there is ${known}`);
  }
  if (value.secret === true && secrets === 'refused') {
    throw new Unrenderable(
      'template',
      `{{ ${path} }} comes from a Secret, and may stand in web headers and a web body alone: elsewhere it would be shown (a Job reads Secrets by env.valueFrom)`,
    );
  }
  return value;
}

/** True when the text has placeholders, or what looks like them. */
export function hasPlaceholder(text: string): boolean {
  return text.includes('{{');
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
