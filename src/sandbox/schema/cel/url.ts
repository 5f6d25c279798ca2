import { isRequestUri } from '../formats.ts';
import { fault, Opaque, type Functions } from './functions.ts';

/** A URL in its parts; each may be empty. */
export class CelUrl extends Opaque {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly #text: string;

  constructor(text: string) {
    super();
    const [, scheme = '', host = '', path = '', query = ''] =
      /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/.exec(text) ?? [];
    this.#text = text;
    this.scheme = scheme.toLowerCase();
    this.host = host.slice(host.lastIndexOf('@') + 1);
    this.path = path;
    this.query = query;
  }

  override toString(): string {
    return this.#text;
  }
}

function urlOf(text: string): CelUrl {
  if (isRequestUri(text)) return new CelUrl(text);
  throw fault(
    `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
  );
}

const PORT = /:(\d*)$/;

function hostname({ host }: CelUrl): string {
  const bare = host.endsWith(']') ? host : host.replace(PORT, '');
  return bare.replace(/^\[|\]$/g, '');
}

function escapedPath({ path }: CelUrl): string {
  return encodeURI(path).replaceAll('%25', '%').replaceAll('[', '%5B').replaceAll(']', '%5D');
}

function queryOf({ query }: CelUrl): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(query)) values.set(key, [...(values.get(key) ?? []), value]);
  return values;
}

export const TYPE = 'kubernetes.URL';

export const urls: Functions = {
  [`url(string): ${TYPE}`]: urlOf,
  'isURL(string): bool': isRequestUri,
  [`${TYPE}.getScheme(): string`]: ({ scheme }: CelUrl) => scheme,
  [`${TYPE}.getHost(): string`]: ({ host }: CelUrl) => host,
  [`${TYPE}.getHostname(): string`]: hostname,
  [`${TYPE}.getPort(): string`]: ({ host }: CelUrl) =>
    host.endsWith(']') ? '' : (PORT.exec(host)?.[1] ?? ''),
  [`${TYPE}.getEscapedPath(): string`]: escapedPath,
  [`${TYPE}.getQuery(): map<string, list<string>>`]: queryOf,
};
