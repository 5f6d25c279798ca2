import type { PrometheusAddress } from '../../analysis/telemetry.ts';

/** A Prometheus and how to ask it. */
export interface Endpoint {
  /** Of the instant query API. */
  readonly queryUrl: string;
  /** Of the range query API. */
  readonly rangeUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: PrometheusAddress['tls'];
  /** The address as it may be shown: without user, password and query. */
  readonly shown: string;
  readonly secrets: readonly string[];
  /** Tells endpoints apart; holds credentials. */
  readonly key: string;
}

/** Where an operator's user sets the address. */
export const ADDRESS_FIELD = "spec.analysis.prometheus.address, or the operator's own setting";

/** The endpoint of an address, or a sentence that says what is wrong with it. */
export function endpointOf(address: PrometheusAddress | undefined): Endpoint | string {
  if (address === undefined || address.address.trim() === '') {
    return `No Prometheus address is given: set it (${ADDRESS_FIELD}) to a base URL such as http://prometheus.istio-system:9090.`;
  }
  const base = URL.parse(address.address.trim());
  if (base === null || (base.protocol !== 'http:' && base.protocol !== 'https:')) {
    return `The Prometheus address (${ADDRESS_FIELD}) is no http:// or https:// URL: give one such as http://prometheus.istio-system:9090.`;
  }
  const shown = `${base.origin}${base.pathname}`.replace(/\/+$/, '');
  const headers = { ...basicAuthorization(base), ...address.headers };
  // What follows the path, such as a tenant or a token, goes along with every query.
  const queryUrl = `${shown}/api/v1/query${base.search}`;
  const secrets = secretsOf(base, headers);
  return {
    queryUrl,
    rangeUrl: `${shown}/api/v1/query_range${base.search}`,
    headers,
    tls: address.tls,
    shown,
    secrets,
    key: JSON.stringify([queryUrl, Object.entries(headers).sort(), address.tls]),
  };
}

function basicAuthorization(url: URL): Record<string, string> {
  if (url.username === '' && url.password === '') return {};
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that stands for itself.
    return part;
  }
}

// Shorter ones would blot out half of an ordinary sentence.
const SHORTEST_SECRET = 4;

/** What must never be shown: header values and their parts, the password, values of the address' query. */
function secretsOf(base: URL, headers: Readonly<Record<string, string>>): string[] {
  const values = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/)]);
  return [...values, decoded(base.password), base.password, ...base.searchParams.values()]
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length);
}

/** The text without the endpoint's secrets, should somebody have echoed them. */
export function redacted(text: string, endpoint: Endpoint): string {
  return endpoint.secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}
