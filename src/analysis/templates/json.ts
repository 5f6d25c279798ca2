import { type Scope, Unrenderable, hasPlaceholder, partsOf, valueOf } from './placeholders.ts';

/** Literal text around a placeholder in a Job: no script, and nothing that a shell takes for more than text. */
const PLAIN_WORD = /^[-A-Za-z0-9_.:/=,@%+?~]*$/;

/**
 * A JobSpec with the placeholders in its strings filled in. A value is always the text of one string, and never a part of
 * a script: there it could become a command.
 * @throws Unrenderable
 */
export function renderJob(spec: unknown, scope: Scope): unknown {
  return mapStrings(spec, (text) => {
    const parts = partsOf(text);
    const placeholder = parts.find((part) => typeof part !== 'string');
    if (
      placeholder !== undefined &&
      parts.some((part) => typeof part === 'string' && !PLAIN_WORD.test(part))
    ) {
      throw new Unrenderable(
        'template',
        `{{ ${placeholder.path} }} stands in a script of the Job: give it to the container by env, and let the script read it from there`,
      );
    }
    return filled(parts, scope, 'refused');
  });
}

/**
 * The body of a request. In one that is JSON, placeholders are filled in inside of its strings, so that its shape stays;
 * any other is sent as it is.
 * @throws Unrenderable
 */
export function renderBody(body: string, scope: Scope): string {
  if (!hasPlaceholder(body)) return body;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new Unrenderable(
      'template',
      'a web body with placeholders must be JSON, with them inside of its strings',
    );
  }
  return JSON.stringify(mapStrings(json, (text) => filled(partsOf(text), scope, 'allowed')));
}

/**
 * The value of a header.
 * @throws Unrenderable
 */
export function renderHeader(name: string, text: string, scope: Scope): string {
  const value = filled(partsOf(text), scope, 'allowed');
  // What HTTP knows as field content; a line break would begin another header.
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value;
  throw new Unrenderable(
    hasPlaceholder(text) ? 'argument' : 'template',
    `the header ${name} has characters that no header can hold, such as a line break`,
  );
}

function filled(parts: ReturnType<typeof partsOf>, scope: Scope, secrets: 'allowed' | 'refused'): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : valueOf(part.path, scope, secrets).text))
    .join('');
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return hasPlaceholder(value) ? change(value) : value;
  if (Array.isArray(value)) return value.map((item: unknown) => mapStrings(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (hasPlaceholder(key)) {
        throw new Unrenderable(
          'template',
          `a placeholder stands in the name of the field ${key}: only values can have one`,
        );
      }
      return [key, mapStrings(item, change)];
    }),
  );
}
