import { checkName, filled, mapStrings } from './json.ts';
import { type Part, type Scope, Unrenderable, hasPlaceholder, partsOf, valueOf } from './placeholders.ts';
import { UNKNOWN, partsRun } from './scripts.ts';

/** Literal text around a placeholder in a command line: nothing that a program might take for more than a word. */
const PLAIN_WORD = /^[-A-Za-z0-9_.:/=,@%+?~]*$/;

/** Ends before a $(NAME) of Kubernetes is whole; $$ stands for one $. */
const IN_REFERENCE = /(?:^|[^$])(?:\$\$)*\$(?:\([^)]*)?$/;

/** What is known of the container in which something stands. */
interface Container {
  /** Its environment variables that hold values of placeholders, with the path of one. */
  readonly variables: ReadonlyMap<string, string>;
  /** False where Kubernetes takes a command as it is. */
  readonly expands: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * A JobSpec with the placeholders in its strings filled in. A value is the text of one string. In a command line it is one
 * argument of the process, whatever it is, and never the program or a part of a script: there it could become a command.
 * @throws Unrenderable
 */
export function renderJob(spec: unknown, scope: Scope): unknown {
  return rendered(spec, scope, { variables: new Map(), expands: true });
}

function rendered(value: unknown, scope: Scope, around: Container): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => rendered(item, scope, around));
  if (!isFields(value)) return mapStrings(value, (text) => filled(text, scope, 'refused'));
  const container = Array.isArray(value['env'])
    ? { ...around, variables: variablesIn(value['env'], around.variables) }
    : around;
  checkCommandLine(value, scope, container);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      checkName(key);
      return [key, renderedField(key, item, scope, container)];
    }),
  );
}

function renderedField(key: string, item: unknown, scope: Scope, container: Container): unknown {
  const expanded = (text: string) => asExpandedText(text, scope);
  switch (key) {
    case 'command':
    case 'args':
      return mapStrings(item, container.expands ? expanded : (text) => filled(text, scope, 'refused'));
    case 'env':
    case 'subPathExpr':
      return mapStrings(item, expanded);
    // The commands of its hooks are the only ones in which Kubernetes replaces nothing.
    case 'lifecycle':
      return rendered(item, scope, { ...container, expands: false });
    default:
      return rendered(item, scope, container);
  }
}

/** Text in which Kubernetes replaces $(NAME) by an environment variable: in what the template says, and in no value. */
function asExpandedText(text: string, scope: Scope): string {
  let rest = '';
  return partsOf(text)
    .map((part) => {
      if (typeof part === 'string') {
        rest += part;
        return part;
      }
      if (IN_REFERENCE.test(rest)) {
        throw new Unrenderable(
          'template',
          `{{ ${part.path} }} stands behind a $ or in a $(NAME), which Kubernetes replaces: put it elsewhere`,
        );
      }
      rest += UNKNOWN;
      return valueOf(part.path, scope).text.replaceAll('$', () => '$$');
    })
    .join('');
}

/** The variables that hold values of placeholders, or others that do. */
function variablesIn(
  env: readonly unknown[],
  before: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const variables = new Map(before);
  for (const entry of env) {
    if (!isFields(entry)) continue;
    const { name, value } = entry;
    if (typeof name !== 'string' || typeof value !== 'string') continue;
    if (hasPlaceholder(name)) {
      throw new Unrenderable(
        'template',
        `a placeholder stands in the name of the variable ${name}: only values can have one`,
      );
    }
    const path = pathIn(partsOf(value)) ?? referredIn(value, variables)?.path;
    if (path !== undefined) variables.set(name, path);
  }
  return variables;
}

/** The first $(NAME) in a text that names one of these variables. */
function referredIn(
  text: string,
  variables: ReadonlyMap<string, string>,
): { name: string; path: string } | undefined {
  for (const [, name] of text.matchAll(/\$\$|\$\(([^)]*)\)/g)) {
    const path = name === undefined ? undefined : variables.get(name);
    if (name !== undefined && path !== undefined) return { name, path };
  }
  return undefined;
}

function checkCommandLine({ command, args }: Fields, scope: Scope, { variables }: Container): void {
  const words = [...wordsOf(command, 'command'), ...wordsOf(args, 'args')];
  const hasProgram = Array.isArray(command) && command.length > 0;
  const run = partsRun(
    words.map(({ parts }) => parts.map((part) => (typeof part === 'string' ? part : UNKNOWN)).join('')),
    hasProgram,
  );
  for (const [index, { field, text, parts }] of words.entries()) {
    const part = run.get(index);
    const path = pathIn(parts);
    if (path !== undefined) {
      const isHarmless = part === undefined || (part === 'perhaps a script' && holdsNoText(parts, scope));
      const isWord = parts.every((it) => typeof it !== 'string' || PLAIN_WORD.test(it));
      if (!isHarmless || !isWord) throw misplaced(`{{ ${path} }}`, field, part);
    }
    const reference = part === undefined ? undefined : referredIn(text, variables);
    if (reference !== undefined) {
      throw misplaced(`$(${reference.name}), which has the value of ${reference.path},`, field, part);
    }
  }
}

function misplaced(what: string, field: string, part: string | undefined): Unrenderable {
  return new Unrenderable(
    'template',
    part === 'program'
      ? `${what} stands for the program of a container (${field}): write the program there, and give the value by env or args`
      : `${what} stands in a script of the Job (${field}): give the value to the container by env, and let the script read it from there, such as "$SHOP"`,
  );
}

/** True where all values are numbers, lengths of time, true or false, which no script can be made of. */
function holdsNoText(parts: readonly Part[], scope: Scope): boolean {
  return parts.every((part) => typeof part === 'string' || valueOf(part.path, scope).type !== 'string');
}

function wordsOf(words: unknown, name: string): { field: string; text: string; parts: Part[] }[] {
  if (!Array.isArray(words)) return [];
  return words.map((word: unknown, index) => {
    const text = typeof word === 'string' ? word : '';
    return { field: `${name}[${index}]`, text, parts: hasPlaceholder(text) ? partsOf(text) : [text] };
  });
}

function pathIn(parts: readonly Part[]): string | undefined {
  return parts.find((part) => typeof part !== 'string')?.path;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
