import type { ServerResponse } from 'node:http';
import type { ApiError, StatusBody } from '../../kube/types.ts';

/** Sends JSON. */
export function sendJson(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string | string[]> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(code, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-cache, private',
    ...headers,
  });
  response.end(text);
}

/** Sends plain text. */
export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(text);
}

/** Sends an error as the Status that the real server would answer. A fault without an answer ends the connection. */
export function sendStatus(response: ServerResponse, error: ApiError): void {
  if (error.code === 0) {
    response.destroy();
    return;
  }
  const retry = error.retryAfterSeconds;
  sendJson(
    response,
    error.code,
    statusOf(error),
    retry === undefined ? {} : { 'Retry-After': String(retry) },
  );
}

/** The Status body of an error. */
export function statusOf(error: ApiError): Record<string, unknown> {
  const retry = error.retryAfterSeconds;
  return publicStatus(
    error.body ?? {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: error.message,
      reason: error.reason,
      ...(retry === undefined ? {} : { details: { retryAfterSeconds: retry } }),
      code: error.code,
    },
  );
}

/** A Status without what the real server leaves out: an empty reason, and the code of a plain success. */
export function publicStatus(status: StatusBody): Record<string, unknown> {
  const { message, reason, code, ...rest } = status;
  return {
    ...rest,
    ...(message === '' ? {} : { message }),
    ...(reason === '' ? {} : { reason }),
    ...(code === 200 ? {} : { code }),
  };
}
