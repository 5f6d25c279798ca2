import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Cluster } from '@kubernetes/client-node';
import { Agent, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import type { Clock } from './clock.ts';

type Tls = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/** What a request needs besides its own path and body. */
export interface Access {
  readonly dispatcher: Dispatcher;
  readonly headers: Record<string, string>;
}

// Files of certificates and tokens are read again after this long: projected tokens and certificates rotate.
const ACCESS_AGE_MS = 10_000;
// A refused credential is thrown away at most this often, so that a server that refuses everything is not stormed.
const RENEWAL_INTERVAL_MS = 5_000;

// HTTP/1.1, one connection for each request in flight: under HTTP/2 every watch and write would share one connection,
// and one stalled connection would stop them all.
const POOL = { allowH2: false, keepAliveTimeout: 30_000, headersTimeout: 0, bodyTimeout: 0 } as const;

/**
 * Turns a KubeConfig into access to its current cluster. TLS connections are pooled and live on until the certificates
 * change; Authorization follows rotated token files, expired exec credentials and refreshed OIDC tokens.
 */
export class Transport {
  /** Base address; its path is kept, because some servers live below one. */
  readonly server: URL;
  readonly #clock: Clock;
  #config: KubeConfig;
  #dispatcher: Dispatcher | undefined;
  #fingerprint = '';
  #access: { at: number; value: Promise<Access> } | undefined;
  #renewedAt = -Infinity;
  #closed = false;

  /** @throws Error when the config names no usable cluster. */
  constructor(config: KubeConfig, clock: Clock) {
    const cluster = config.getCurrentCluster();
    if (cluster === null)
      throw new Error(
        `the kubeconfig's current context ${JSON.stringify(config.getCurrentContext())} names no cluster; set current-context to a context whose cluster is listed`,
      );
    this.server = serverUrl(cluster);
    this.#config = copyOf(config);
    this.#clock = clock;
  }

  /** Rejects when credentials cannot be had: an exec plugin fails, a file is missing. */
  access(): Promise<Access> {
    const now = this.#clock.monotonic();
    if (this.#access === undefined || now - this.#access.at >= ACCESS_AGE_MS) {
      const value = this.#load();
      const entry = { at: now, value };
      this.#access = entry;
      value.catch(() => {
        if (this.#access === entry) this.#access = undefined;
      });
    }
    return this.#access.value;
  }

  /**
   * To be called when the server answered 401: forgets every cached credential, those inside KubeConfig too.
   * @returns whether another try makes sense
   */
  renew(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#renewedAt < RENEWAL_INTERVAL_MS) return false;
    this.#renewedAt = now;
    // KubeConfig keeps tokens in its authenticators and has no way to drop them: a copy starts with none.
    this.#config = copyOf(this.#config);
    this.#access = undefined;
    return true;
  }

  /** Ends every connection; requests in flight fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#dispatcher?.destroy();
  }

  async #load(): Promise<Access> {
    const options: RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value).trim();
    if (typeof options.auth === 'string')
      headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    return { dispatcher: this.#dispatcherFor(options), headers };
  }

  #dispatcherFor({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions): Dispatcher {
    const tls: Tls = { ca, cert, key, rejectUnauthorized, servername };
    const fingerprint = createHash('sha256')
      .update(JSON.stringify(Object.values(tls).map(String)))
      .digest('hex');
    if (this.#dispatcher === undefined || fingerprint !== this.#fingerprint) {
      const old = this.#dispatcher;
      this.#dispatcher = createDispatcher(this.#config, tls);
      this.#fingerprint = fingerprint;
      // What is in flight may finish under the old certificates. A failure to close has nobody left to tell.
      old?.close().catch(() => undefined);
      if (this.#closed) void this.#dispatcher.destroy();
    }
    return this.#dispatcher;
  }
}

function createDispatcher(config: KubeConfig, tls: Tls): Dispatcher {
  const cluster = config.getCurrentCluster();
  const proxy = cluster?.proxyUrl;
  if (proxy === undefined || proxy === '')
    return new Agent({ ...POOL, connect: { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000 } });
  if (proxy.startsWith('socks')) return new Socks5ProxyAgent(proxy, { ...POOL, requestTls: tls });
  return new ProxyAgent({ ...POOL, uri: proxy, requestTls: tls });
}

function serverUrl(cluster: Cluster): URL {
  const url = URL.parse(cluster.server);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new Error(
      `cluster ${JSON.stringify(cluster.name)} of the kubeconfig: server ${JSON.stringify(cluster.server)} is no http or https address`,
    );
  if (url.protocol === 'http:' && !cluster.skipTLSVerify && !isLoopback(url.hostname))
    throw new Error(
      `cluster ${JSON.stringify(cluster.name)} of the kubeconfig: server ${cluster.server} would send credentials in the clear; use https, or set insecure-skip-tls-verify if that is meant`,
    );
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function copyOf(config: KubeConfig): KubeConfig {
  const copy = new KubeConfig();
  copy.loadFromOptions({
    // KubeConfig refuses http unless skipTLSVerify is set; serverUrl has judged that already, and more finely.
    clusters: config.clusters.map((cluster) =>
      cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : { ...cluster },
    ),
    users: config.users.map((user) => ({ ...user })),
    contexts: config.contexts,
    currentContext: config.currentContext,
  });
  return copy;
}
