import { type Scope, Unrenderable, hasPlaceholder, partsOf, valueOf } from './placeholders.ts';

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
  return JSON.stringify(mapStrings(json, (text) => filled(text, scope, 'allowed')));
}

/**
 * The value of a header.
 * @throws Unrenderable
 */
export function renderHeader(name: string, text: string, scope: Scope): string {
  const value = filled(text, scope, 'allowed');
  // What HTTP knows as field content; a line break would begin another header.
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value;
  throw new Unrenderable(
    hasPlaceholder(text) ? 'argument' : 'template',
    `the header ${name} has characters that no header can hold, such as a line break`,
  );
}

/**
 * A text with its placeholders filled in, as it is.
 * @param secrets whether values from Secrets may stand in it
 * @throws Unrenderable
 */
export function filled(text: string, scope: Scope, secrets: 'allowed' | 'refused'): string {
  return partsOf(text)
    .map((part) => (typeof part === 'string' ? part : valueOf(part.path, scope, secrets).text))
    .join('');
}

/**
 * JSON with those of its strings changed that have placeholders.
 * @throws Unrenderable where the name of a field has one
 */
export function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return hasPlaceholder(value) ? change(value) : value;
  if (Array.isArray(value)) return value.map((item: unknown) => mapStrings(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      checkName(key);
      return [key, mapStrings(item, change)];
    }),
  );
}

/**
 * Checks the name of a field.
 * @throws Unrenderable where it has a placeholder
 */
export function checkName(field: string): void {
  if (!hasPlaceholder(field)) return;
  throw new Unrenderable(
    'template',
    `a placeholder stands in the name of the field ${field}: only values can have one`,
  );
}
