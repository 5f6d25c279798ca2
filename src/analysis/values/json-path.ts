/** Names and indexes from the root of a JSON value to one of its parts. */
export type JsonPath = readonly (string | number)[];

const STEP = /[.]([A-Za-z_][-A-Za-z0-9_]*)|\[(-?[0-9]{1,9})\]|\['([^']*)'\]|\["([^"]*)"\]/y;

/**
 * Reads a path such as `$.data.items[0].value`, `{.status}` or `$['a b'][-1]`; a negative index counts from the end.
 * @throws Error with what is wrong
 */
export function parseJsonPath(text: string): JsonPath {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1] ?? text;
  const path: (string | number)[] = [];
  let at = inner.startsWith('$') ? 1 : 0;
  while (at < inner.length) {
    STEP.lastIndex = at;
    const step = STEP.exec(inner);
    if (step === null) {
      throw new Error(
        `${text} is no path at ${JSON.stringify(inner.slice(at, at + 20))}: write names and indexes alone, such as $.data.items[0].value`,
      );
    }
    const [all, name, index, single, double] = step;
    path.push(index === undefined ? (name ?? single ?? double ?? '') : Number(index));
    at += all.length;
  }
  return path;
}

/** The part of a JSON value at a path; undefined where it has none. */
export function partAt(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>((part, step) => {
    if (typeof step === 'number') return Array.isArray(part) ? (part.at(step) as unknown) : undefined;
    const isObject = typeof part === 'object' && part !== null && !Array.isArray(part);
    return isObject && Object.hasOwn(part, step) ? (part as Record<string, unknown>)[step] : undefined;
  }, value);
}
