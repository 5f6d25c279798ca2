import { type Scope, Unrenderable, partsOf, valueOf } from './placeholders.ts';

/** What a value in the place of a host may look like: a name, an address or a port. */
const HOST_PART = /^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$/;

/**
 * A URL with its placeholders filled in, percent-encoded, so that no value can add a path, a parameter or another host.
 * @throws Unrenderable
 */
export function renderUrl(template: string, scope: Scope): string {
  const parts = partsOf(template);
  let text = '';
  // The same with a word that needs no encoding in the place of each value: its shape is what the template means.
  let shape = '';
  let last = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part;
      shape += part;
      continue;
    }
    last = part.path;
    const value = valueOf(part.path, scope);
    if (!value.text.isWellFormed()) {
      throw new Unrenderable('argument', `the value of ${part.path} is no valid text: write it in UTF-8`);
    }
    const inHost = /^https?:\/\/[^/?#]*$/.test(shape);
    if (inHost && !HOST_PART.test(value.text)) {
      throw new Unrenderable(
        'argument',
        `the value of ${part.path} stands for a part of the host of web.url: it must be letters, digits, - and .`,
      );
    }
    text += inHost ? value.text : encoded(value.text);
    shape += /:$/.test(shape) ? '1' : 'v';
  }
  const [url, wanted] = [URL.parse(text), URL.parse(shape)];
  if (wanted === null || !/^https?:\/\//.test(template)) {
    throw new Unrenderable(
      'template',
      'web.url is no URL: write one such as https://shop.example.com/health',
    );
  }
  if (url !== null && shapeOf(url) === shapeOf(wanted)) return url.href;
  throw new Unrenderable(
    'argument',
    `the value of ${last} changes the path or the host of web.url, as .. and an empty one do: use another value`,
  );
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** What values must leave as it is: `.`, `..` and empty ones would take segments of the path away, or empty them. */
function shapeOf({ pathname, username, password, searchParams, hash }: URL): string {
  const parameters = [...searchParams.keys()].length;
  const segments = pathname.split('/').map((segment) => (segment === '' ? '' : 'v'));
  return [segments.join('/'), username, password, parameters, hash === ''].join(' ');
}
