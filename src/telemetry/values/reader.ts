import type { PrometheusAddress } from '../../analysis/telemetry.ts';
import type { Measure } from '../../analysis/templates/render.ts';
import { parseJsonPath, partAt } from '../../analysis/values/json-path.ts';
import { HttpFailure } from '../http.ts';
import type { Http } from '../http.ts';
import { queryInstant } from '../prometheus/api.ts';
import { endpointOf } from '../prometheus/endpoint.ts';
import { excerpt } from '../text.ts';

/** What a measurement found: a JSON value or a number, which may be NaN; or why there is none, and what to do. */
export type Found =
  | { readonly outcome: 'value'; readonly result: unknown }
  | { readonly outcome: 'error'; readonly message: string };

export type PrometheusMeasure = Extract<Measure, { kind: 'prometheus' }>;
export type WebMeasure = Extract<Measure, { kind: 'web' }>;

/** Reads the values of metrics. Never throws for a fault of whom it asks: that is an error as an outcome. */
export interface ValueReader {
  /** @param now the time that is asked about (ms since the epoch) */
  prometheus(measure: PrometheusMeasure, address: PrometheusAddress | undefined, now: number): Promise<Found>;
  web(measure: WebMeasure): Promise<Found>;
}

export interface ValueReaderOptions {
  /** For one query to Prometheus. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /** Most bytes that an answer may have. Default 1 MiB. */
  readonly maxBytes?: number | undefined;
}

/** Reads values over HTTP: one exchange for a measurement, redirects not followed. */
export function createValueReader(
  http: { readonly prometheus: Http; readonly web: Http },
  { timeoutMs = 10_000, maxBytes = 1024 * 1024 }: ValueReaderOptions = {},
): ValueReader {
  return {
    prometheus: (measure, address, now) =>
      askPrometheus(http.prometheus, measure, address, now, { timeoutMs, maxBytes }),
    web: (measure) => askWeb(http.web, measure, maxBytes),
  };
}

async function askPrometheus(
  http: Http,
  { query }: PrometheusMeasure,
  address: PrometheusAddress | undefined,
  now: number,
  limits: { timeoutMs: number; maxBytes: number },
): Promise<Found> {
  const endpoint = endpointOf(address);
  if (typeof endpoint === 'string') return failed(endpoint);
  const answer = await queryInstant(http, endpoint, query, now, limits);
  if (!answer.ok) return failed(answer.message);
  const [row, another] = answer.rows;
  // A warning may mean that data of a part of the servers is missing.
  const warned = answer.warnings.length === 0 ? '' : ` It warns: ${answer.warnings.join('; ')}.`;
  if (row === undefined) {
    return failed(
      `Prometheus at ${endpoint.shown} has no data for the query: is there traffic, and does it scrape it?${warned}`,
    );
  }
  if (another !== undefined) {
    return failed(
      `the query has ${answer.rows.length} results, and must have one: sum them, or choose one by its labels`,
    );
  }
  return warned === ''
    ? { outcome: 'value', result: row.value }
    : failed(`Prometheus at ${endpoint.shown} has not told all.${warned}`);
}

async function askWeb(http: Http, measure: WebMeasure, maxBytes: number): Promise<Found> {
  const { url, method, headers, body, timeoutMs, secrets } = measure;
  const where = shownUrl(url);
  const told = (text: string) => excerpt(redacted(text, secrets));
  try {
    const contentType = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await http({
      method,
      url,
      headers: { accept: 'application/json', ...contentType, ...headers },
      body,
      timeoutMs,
      maxBytes,
    });
    if (answer.status < 200 || answer.status > 299) {
      const said = told(answer.body);
      return failed(`${where} answers HTTP ${answer.status}${said === '' ? '' : ` (${said})`}`);
    }
    return partOf(answer.body, measure, where, told);
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error;
    return failed(`${where} can't be asked: ${told(error.message)}`);
  }
}

function partOf(
  body: string,
  { jsonPath }: WebMeasure,
  where: string,
  told: (text: string) => string,
): Found {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return failed(`${where} answers no JSON: ${told(body)}`);
  }
  if (jsonPath === undefined) return { outcome: 'value', result: json };
  const result = partAt(json, parseJsonPath(jsonPath));
  return result === undefined
    ? failed(`the answer of ${where} has nothing at ${jsonPath}: ${told(body)}`)
    : { outcome: 'value', result };
}

function failed(message: string): Found {
  return { outcome: 'error', message };
}

/** Without its query, which may hold what is not to be shown, and would be long. */
function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

function redacted(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, '***')), text);
}
