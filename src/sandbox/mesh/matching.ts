import type { IncomingHttpHeaders } from 'node:http';
import type { HttpMatch, HttpRoute, StringMatch } from './objects.ts';

/** What routing looks at in a request. */
export interface RequestLine {
  readonly host: string;
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

const UNDERSTOOD = new Set([
  'name',
  'uri',
  'method',
  'authority',
  'headers',
  'withoutHeaders',
  'queryParams',
  // Where a request came from makes no difference here: everything enters at one front.
  'gateways',
]);

/** The first http route that takes this request, as in Istio: in order, and a route without `match` takes all. */
export function matchingRoute(
  routes: readonly HttpRoute[],
  request: RequestLine,
): { route: HttpRoute; index: number } | undefined {
  for (const [index, route] of routes.entries()) {
    const { match } = route;
    if (match === undefined || match.length === 0 || match.some((one) => matches(one, request))) {
      return { route, index };
    }
  }
  return undefined;
}

/** A condition that this mesh doesn't know never holds: a request is rather not caught than wrongly caught. */
function matches(match: HttpMatch, request: RequestLine): boolean {
  if (Object.keys(match).some((key) => !UNDERSTOOD.has(key))) return false;
  const url = new URL(request.url, 'http://host');
  return (
    holds(match.uri, url.pathname) &&
    holds(match.method, request.method) &&
    holds(match.authority, request.host) &&
    Object.entries(match.headers ?? {}).every(([name, wanted]) => headerHolds(wanted, request, name)) &&
    Object.entries(match.withoutHeaders ?? {}).every(
      ([name, wanted]) => !headerHolds(wanted, request, name),
    ) &&
    Object.entries(match.queryParams ?? {}).every(([name, wanted]) =>
      url.searchParams.getAll(name).some((value) => holds(wanted, value)),
    )
  );
}

function headerHolds(wanted: StringMatch, request: RequestLine, name: string): boolean {
  const value = request.headers[name.toLowerCase()];
  if (value === undefined) return false;
  return holds(wanted, Array.isArray(value) ? value.join(',') : value);
}

/** No condition, and one without any of its three forms (Istio: "is present"), holds for every value. */
function holds(wanted: StringMatch | undefined, value: string): boolean {
  if (wanted === undefined) return true;
  if (wanted.exact !== undefined) return value === wanted.exact;
  if (wanted.prefix !== undefined) return value.startsWith(wanted.prefix);
  if (wanted.regex === undefined) return true;
  try {
    return new RegExp(`^(?:${wanted.regex})$`).test(value);
  } catch {
    return false;
  }
}
