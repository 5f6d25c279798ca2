import { HttpFailure } from '../http.ts';
import type { Http, HttpAnswer } from '../http.ts';
import { parseNumber } from '../exposition.ts';
import { excerpt } from '../text.ts';
import { ADDRESS_FIELD, redacted } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';

/** One element of an instant vector; `value` may be NaN. */
export interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Vector {
  readonly ok: true;
  readonly rows: readonly Row[];
  /** What Prometheus warns of: the answer may lack something. */
  readonly warnings: readonly string[];
}

/** Why there is no answer that can be used, as a sentence with the mend. */
export interface Problem {
  readonly ok: false;
  readonly code: 'TelemetryUnreachable' | 'TelemetryInvalid';
  readonly message: string;
}

export interface Limits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** Asks for the value of an expression at one time (ms since the epoch). Never throws for a fault of the server. */
export async function queryInstant(
  http: Http,
  endpoint: Endpoint,
  promql: string,
  timeMs: number,
  limits: Limits,
): Promise<Vector | Problem> {
  const form = new URLSearchParams({
    query: promql,
    time: (timeMs / 1000).toFixed(3),
    timeout: `${Math.ceil(limits.timeoutMs)}ms`,
  });
  try {
    const answer = await http({
      method: 'POST',
      url: endpoint.queryUrl,
      headers: {
        ...endpoint.headers,
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
      ...limits,
    });
    return readAnswer(answer, endpoint);
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error;
    return failureProblem(error, endpoint);
  }
}

function unreachable(endpoint: Endpoint, what: string): Problem {
  return { ok: false, code: 'TelemetryUnreachable', message: `Prometheus at ${endpoint.shown} ${what}` };
}

function invalid(endpoint: Endpoint, what: string): Problem {
  return { ok: false, code: 'TelemetryInvalid', message: `Prometheus at ${endpoint.shown} ${what}` };
}

function failureProblem(failure: HttpFailure, endpoint: Endpoint): Problem {
  const why = excerpt(redacted(failure.message, endpoint));
  switch (failure.reason) {
    case 'timeout':
      return unreachable(endpoint, `gives ${why}. Is it overloaded, or does a NetworkPolicy drop the query?`);
    case 'unreachable':
      return unreachable(
        endpoint,
        `can't be reached: ${why}. Check the address (${ADDRESS_FIELD}), and that a NetworkPolicy lets Songbird reach it.`,
      );
    case 'tooLarge':
      return invalid(endpoint, `answers too much: ${why}. Are there far more proxies than this release's?`);
    case 'refused':
      return invalid(endpoint, `can't be asked: ${why}. Check the address and the headers.`);
  }
}

function readAnswer(answer: HttpAnswer, endpoint: Endpoint): Vector | Problem {
  const json = parseJson(answer.body);
  if (answer.status === 200 && isRecord(json)) return readVector(json, endpoint);
  return statusProblem(answer, json, endpoint);
}

function statusProblem(answer: HttpAnswer, json: unknown, endpoint: Endpoint): Problem {
  const { status } = answer;
  const said = isRecord(json) && typeof json['error'] === 'string' ? json['error'] : answer.body;
  const detail = excerpt(redacted(said, endpoint));
  const what = `answers HTTP ${status}${detail === '' ? '' : ` (${detail})`}`;
  if (status === 200) {
    const type = answer.contentType === '' ? 'text' : answer.contentType;
    return invalid(
      endpoint,
      `answers with ${excerpt(type)} and not with the JSON of its query API${detail === '' ? '' : ` (${detail})`}. Is the address (${ADDRESS_FIELD}) that of another server, or behind a login?`,
    );
  }
  if (status >= 300 && status < 400) {
    const target = URL.parse(answer.location ?? '', endpoint.queryUrl);
    const where = target === null ? '' : ` to ${redacted(target.origin + target.pathname, endpoint)}`;
    return invalid(
      endpoint,
      `redirects${where} (HTTP ${status}), which is not followed. Give the address of the API itself (${ADDRESS_FIELD}), and credentials if it asks for a login.`,
    );
  }
  if (status === 401 || status === 403) {
    return invalid(
      endpoint,
      `refuses access: ${what}. Check the headers that Songbird sends with its queries.`,
    );
  }
  if (status === 404 || status === 405) {
    return invalid(
      endpoint,
      `has no query API there: ${what}. Does the address (${ADDRESS_FIELD}) lack a path prefix, or have one too many?`,
    );
  }
  if (status >= 500 || status === 429) {
    return unreachable(endpoint, `can't answer now: ${what}. See its log, and its load.`);
  }
  return invalid(endpoint, `refuses the query: ${what}. Is it a Prometheus of version 2 or newer?`);
}

function readVector(json: Record<string, unknown>, endpoint: Endpoint): Vector | Problem {
  if (json['status'] === 'error') {
    const said = typeof json['error'] === 'string' ? json['error'] : 'no reason given';
    return invalid(
      endpoint,
      `reports an error: ${excerpt(redacted(said, endpoint))}. See its log for the query.`,
    );
  }
  const data = json['data'];
  if (json['status'] !== 'success' || !isRecord(data) || !Array.isArray(data['result'])) {
    return invalid(
      endpoint,
      `answers JSON that is not its query API's. Check the address (${ADDRESS_FIELD}).`,
    );
  }
  if (data['resultType'] !== 'vector') {
    return invalid(
      endpoint,
      `answers with a ${excerpt(String(data['resultType']))} where a vector was asked for. Is a proxy between that changes queries?`,
    );
  }
  const rows = data['result'].map(readRow);
  if (!rows.every((row) => row !== undefined)) {
    return invalid(endpoint, 'answers with elements that are no samples. Is it a Prometheus?');
  }
  const warnings = Array.isArray(json['warnings']) ? json['warnings'].map(String) : [];
  return { ok: true, rows, warnings: warnings.map((warning) => excerpt(redacted(warning, endpoint))) };
}

function readRow(element: unknown): Row | undefined {
  if (!isRecord(element)) return undefined;
  const { metric, value } = element;
  if (!isLabels(metric) || !Array.isArray(value) || typeof value[1] !== 'string') return undefined;
  const number = parseNumber(value[1]);
  return number === undefined ? undefined : { labels: metric, value: number };
}

function isLabels(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((label) => typeof label === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what came instead.
    return undefined;
  }
}
