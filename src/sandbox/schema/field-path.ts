import type { Schema } from './schema.ts';

/** A field that a JSONPath names. */
export interface FieldPath {
  /** `spec.replicas`, `metadata.labels[app]`. */
  readonly path: string;
  readonly schema: Schema;
}

/**
 * The field that a path such as `.spec.replicas` or `.spec['a.b']` names in a schema.
 * @throws Error where there is none, or the path is malformed.
 */
export function resolveFieldPath(jsonPath: string, root: Schema, allowBrackets = true): FieldPath {
  let rest = jsonPath;
  let path = '';
  let schema = root;
  const step = (name: string) => {
    const own = schema.properties.get(name);
    const { additionalProperties: others } = schema;
    if (schema.properties.size > 0) {
      if (own === undefined) throw new Error('does not refer to a valid field');
      path = path === '' ? name : `${path}.${name}`;
      schema = own;
    } else {
      if (typeof others !== 'object') throw new Error('does not refer to a valid field');
      path = `${path}[${name}]`;
      schema = others;
    }
  };
  while (rest !== '') {
    if (rest.startsWith('[')) {
      if (!allowBrackets) throw new Error('array notation is not allowed');
      const quoted = /^\['((?:[^'\\]|\\.)*)'\]/.exec(rest);
      if (quoted === null) throw new Error(bracketFault(rest.slice(1)));
      step(unescape(quoted[1] ?? ''));
      rest = rest.slice(quoted[0].length);
    } else if (rest.startsWith('.')) {
      const [name = ''] = /^[^.[\]]*/.exec(rest.slice(1)) ?? [];
      if (rest === '.') throw new Error('unexpected end of JSON path');
      step(name === '' ? rest.charAt(1) : name);
      rest = rest.slice(1 + Math.max(name.length, 1));
    } else {
      throw new Error(`expected [ or . but got: ${/^(?:\]|[^.[\]]+)/.exec(rest)?.[0] ?? rest}`);
    }
  }
  return { path, schema };
}

function bracketFault(rest: string): string {
  if (rest === '') return 'unexpected end of JSON path';
  const [token = ''] = /^(?:'(?:[^'\\]|\\.)*'|[^.[\]]+|.)/.exec(rest) ?? [];
  if (!/^'.*'$/s.test(token)) return `expected single quoted string but got ${token}`;
  const after = rest.slice(token.length);
  return after === '' ? 'unexpected end of JSON path' : `expected ] but got ${after.charAt(0)}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

function unescape(text: string): string {
  return text.replace(/\\([\s\S])/g, (whole, letter: string) => {
    const character = ESCAPES[letter];
    if (character === undefined) throw new Error(`invalid string literal: invalid escape char ${whole}`);
    return character;
  });
}
