import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { ServerAccess } from './access.ts';

/**
 * What the current context of a kubeconfig gives access to. Credentials of `exec` plugins are fetched once: they are good
 * as long as the plugin says.
 * @param source where it comes from, for messages
 * @throws Error saying what is missing, or what these tests cannot do
 */
export async function accessOf(source: string, load: (config: KubeConfig) => void): Promise<ServerAccess> {
  const config = new KubeConfig();
  load(config);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error(`${source} has no cluster in its current context: set current-context`);
  for (const [field, given] of [
    ['proxy-url', cluster.proxyUrl],
    ['tls-server-name', cluster.tlsServerName],
    ['insecure-skip-tls-verify', cluster.skipTLSVerify],
  ] as const) {
    if (given !== undefined && given !== false && given !== '') {
      throw new Error(`${source} has ${field}, which these tests cannot follow: give a kubeconfig without`);
    }
  }
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const headers = new Headers(options.headers as Record<string, string>);
  const token = /^Bearer (.+)$/.exec(headers.get('authorization') ?? '')?.[1]?.trim();
  const [ca, cert, key] = [options.ca, options.cert, options.key].map((pem) =>
    typeof pem === 'string' || Buffer.isBuffer(pem) ? pem.toString() : undefined,
  );
  if (token === undefined && (cert === undefined || key === undefined)) {
    throw new Error(`${source} gives its user neither a token nor a client certificate with its key`);
  }
  return { url: cluster.server.replace(/\/$/, ''), ca, token, cert, key };
}
