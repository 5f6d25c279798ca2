import type { PrometheusAddress } from '../../analysis/telemetry.ts';

/** A Prometheus and how to ask it. */
export interface Endpoint {
  /** Of the instant query API. */
  readonly queryUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The address as it may be shown: without user, password and query. */
  readonly shown: string;
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
  return { queryUrl, headers, shown, key: JSON.stringify([queryUrl, Object.entries(headers).sort()]) };
}

function basicAuthorization(url: URL): Record<string, string> {
  if (url.username === '' && url.password === '') return {};
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

const SHORTEST_SECRET = 4;

/** The text without what the endpoint's headers and address hold in secret, should somebody have echoed it. */
export function redacted(text: string, endpoint: Endpoint): string {
  const values = Object.values(endpoint.headers).flatMap((value) => [value, ...value.split(/\s+/)]);
  const query = [...new URL(endpoint.queryUrl).searchParams.values()];
  return [...values, ...query]
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}
