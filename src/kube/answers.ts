import type { IncomingHttpHeaders } from 'node:http';
import { isObject } from './json.ts';
import { ApiError } from './types.ts';
import type { StatusBody } from './types.ts';

/** The `Status` in a parsed answer, or undefined when it is something else. */
export function statusIn(body: unknown): StatusBody | undefined {
  if (!isObject(body) || body['kind'] !== 'Status') return undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const status: StatusBody = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: body['status'] === 'Success' ? 'Success' : 'Failure',
    message: text(body['message']),
    reason: text(body['reason']),
    code: typeof body['code'] === 'number' ? body['code'] : 0,
  };
  if (isObject(body['details'])) status.details = body['details'];
  return status;
}

/** Parses JSON, or gives undefined. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * The ApiError of an answer that is no success.
 * @param request goes before the server's sentence where that does not say what it is about
 */
export function errorOf(
  request: string,
  code: number,
  headers: IncomingHttpHeaders,
  text: string,
  nowMs: number,
): ApiError {
  const body = statusIn(parseJson(text));
  const retryAfterSeconds = retryAfter(headers['retry-after'], nowMs);
  if (body === undefined || body.message === '') {
    const excerpt = text.replace(/\s+/g, ' ').trim().slice(0, 300);
    const said = excerpt === '' ? 'with an empty body' : `with: ${excerpt}`;
    return new ApiError(
      code,
      body?.reason ?? '',
      `${request}: the API server answered HTTP ${code} ${said}`,
      {
        body,
        retryAfterSeconds,
      },
    );
  }
  return new ApiError(code, body.reason, sentenceOf(request, body), { body, retryAfterSeconds });
}

/** Where the server has no object in mind it names none: "the server could not find the requested resource". */
function sentenceOf(request: string, { message, details }: StatusBody): string {
  return details?.kind === undefined ? `${request}: ${message}` : message;
}

/** The ApiError of an ERROR event in a watch. */
export function errorOfEvent(request: string, object: unknown): ApiError {
  const body = statusIn(object);
  if (body === undefined)
    return new ApiError(0, 'ConnectionFailed', `${request}: the server sent an ERROR event without a Status`);
  const message = body.message === '' ? `${request}: ${body.reason}` : sentenceOf(request, body);
  return new ApiError(body.code, body.reason, message, { body });
}

/** Seconds of a Retry-After header: a number, or a date (RFC 9110, 10.2.3). */
function retryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const value = typeof header === 'string' ? header.trim() : '';
  if (/^\d+$/.test(value)) return Number(value);
  const at = value === '' ? NaN : Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
}

/** The deepest words that there are about why a connection failed. */
export function whyOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return whyOf(error.errors[0]);
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}
