import { HttpFailure } from '../http.ts';
import type { Http, HttpAnswer } from '../http.ts';
import { parseNumber } from '../exposition.ts';
import { excerpt } from '../text.ts';
import { ADDRESS_FIELD, redacted } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';

/** One element of an instant vector, or a scalar, which has no labels; `value` may be NaN. */
export interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One series of a range vector: its samples in order of time; a value may be NaN. */
export interface Track {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly { readonly timeMs: number; readonly value: number }[];
}

export interface Matrix {
  readonly ok: true;
  readonly tracks: readonly Track[];
  readonly warnings: readonly string[];
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
  const form = { query: promql, time: (timeMs / 1000).toFixed(3) };
  const answer = await ask(http, endpoint, endpoint.queryUrl, form, limits);
  if ('ok' in answer) return answer;
  const json = asVector(answer.json);
  return readResult({ json }, endpoint, 'vector', readRow, (rows, warnings) => ({
    ok: true,
    rows,
    warnings,
  }));
}

/** The times of a range query (ms): from `fromMs` to `toMs`, every `stepMs`. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Asks for the values of an expression over a range of times. Never throws for a fault of the server. */
export async function queryRange(
  http: Http,
  endpoint: Endpoint,
  promql: string,
  { fromMs, toMs, stepMs }: Range,
  limits: Limits,
): Promise<Matrix | Problem> {
  const form = {
    query: promql,
    start: (fromMs / 1000).toFixed(3),
    end: (toMs / 1000).toFixed(3),
    step: (stepMs / 1000).toFixed(3),
  };
  const answer = await ask(http, endpoint, endpoint.rangeUrl, form, limits);
  if ('ok' in answer) return answer;
  return readResult(answer, endpoint, 'matrix', readTrack, (tracks, warnings) => ({
    ok: true,
    tracks,
    warnings,
  }));
}

/** The JSON of a query API's answer, or why there is none. */
async function ask(
  http: Http,
  endpoint: Endpoint,
  url: string,
  form: Readonly<Record<string, string>>,
  limits: Limits,
): Promise<{ json: Record<string, unknown> } | Problem> {
  const body = new URLSearchParams({ ...form, timeout: `${Math.ceil(limits.timeoutMs)}ms` });
  try {
    const answer = await http({
      method: 'POST',
      url,
      headers: {
        ...endpoint.headers,
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: body.toString(),
      tls: endpoint.tls,
      ...limits,
    });
    const json = parseJson(answer.body);
    if (answer.status === 200 && isRecord(json)) return { json };
    return statusProblem(answer, json, endpoint);
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
        `can't be reached: ${why}. ${/certificate/.test(why) ? 'Give the certificate of its authority (spec.analysis.prometheus.caSecretRef). ' : ''}Check the address (${ADDRESS_FIELD}), and that a NetworkPolicy lets Songbird reach it.`,
      );
    case 'tooLarge':
      return invalid(endpoint, `answers too much: ${why}. Are there far more proxies than this release's?`);
    case 'refused':
      return invalid(endpoint, `can't be asked: ${why}. Check the address and the headers.`);
  }
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
  return invalid(
    endpoint,
    `refuses the query: ${what}. Is the query right, and is it a Prometheus of version 2 or newer?`,
  );
}

function readResult<T, R>(
  { json }: { json: Record<string, unknown> },
  endpoint: Endpoint,
  type: 'vector' | 'matrix',
  read: (element: unknown) => T | undefined,
  make: (elements: readonly T[], warnings: readonly string[]) => R,
): R | Problem {
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
  if (data['resultType'] !== type) {
    return invalid(
      endpoint,
      `answers with a ${excerpt(String(data['resultType']))} where a ${type} was asked for. Is a proxy between that changes queries?`,
    );
  }
  const elements = data['result'].map(read);
  if (!elements.every((element) => element !== undefined)) {
    return invalid(endpoint, 'answers with elements that are no samples. Is it a Prometheus?');
  }
  const warnings = Array.isArray(json['warnings']) ? json['warnings'].map(String) : [];
  return make(
    elements,
    warnings.map((warning) => excerpt(redacted(warning, endpoint))),
  );
}

/** Some expressions, such as `scalar(x)`, have one number without labels: a vector of one. */
function asVector(json: Record<string, unknown>): Record<string, unknown> {
  const data = json['data'];
  if (!isRecord(data) || data['resultType'] !== 'scalar' || !Array.isArray(data['result'])) return json;
  const { result } = data;
  if (result.length !== 2) return json;
  return { ...json, data: { resultType: 'vector', result: [{ metric: {}, value: result }] } };
}

function readRow(element: unknown): Row | undefined {
  if (!isRecord(element)) return undefined;
  const { metric, value } = element;
  if (!isLabels(metric) || !Array.isArray(value) || typeof value[1] !== 'string') return undefined;
  const number = parseNumber(value[1]);
  return number === undefined ? undefined : { labels: metric, value: number };
}

function readTrack(element: unknown): Track | undefined {
  if (!isRecord(element)) return undefined;
  const { metric, values } = element;
  if (!isLabels(metric) || !Array.isArray(values)) return undefined;
  const samples = values.map((sample: unknown) => {
    if (!Array.isArray(sample) || typeof sample[0] !== 'number' || typeof sample[1] !== 'string')
      return undefined;
    const value = parseNumber(sample[1]);
    return value === undefined ? undefined : { timeMs: Math.round(sample[0] * 1000), value };
  });
  return samples.every((sample) => sample !== undefined) ? { labels: metric, samples } : undefined;
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
