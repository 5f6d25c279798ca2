import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ApiError } from '../../kube/types.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { handleApi } from './api.ts';
import { AGGREGATED, discover, wantsAggregated } from './discovery.ts';
import { openApi } from './openapi.ts';
import { sendJson, sendStatus, sendText } from './respond.ts';

export interface HttpOptions {
  /** 0, the default, takes any free port. */
  port?: number | undefined;
  /** The loopback address by default: there is no authentication. */
  host?: string | undefined;
}

/** A running HTTP face. */
export interface HttpFace {
  /** `http://127.0.0.1:12345` */
  readonly url: string;
  /** Ends all connections, watches included. */
  close(): Promise<void>;
}

const HEALTH = new Set(['/healthz', '/livez', '/readyz']);

/**
 * Serves a cluster over HTTP, well enough for kubectl and for client libraries.
 * @throws Error when the port is taken
 */
export async function startHttp(cluster: Cluster, options: HttpOptions = {}): Promise<HttpFace> {
  const server = createServer((request, response) => {
    answer(cluster, request, response).catch((error: unknown) => {
      fail(response, error);
    });
  });
  // Watches stay open as long as their client wants them.
  server.requestTimeout = 0;
  server.timeout = 0;
  const port = await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  return {
    url: `http://${options.host ?? '127.0.0.1'}:${port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function answer(cluster: Cluster, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (HEALTH.has(url.pathname)) {
    sendText(response, 200, 'ok');
    return;
  }
  const aggregated = wantsAggregated(url.pathname, request.headers.accept ?? '');
  const found = discover(cluster, url.pathname, aggregated) ?? openApi(cluster, url.pathname);
  if (found !== undefined) sendJson(response, 200, found, aggregated ? { 'Content-Type': AGGREGATED } : {});
  else await handleApi(cluster, url, request, response);
}

function fail(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof ApiError
      ? error
      : new ApiError(
          500,
          'InternalError',
          `Internal error: ${error instanceof Error ? error.message : String(error)}`,
        );
  if (response.headersSent) response.destroy();
  else sendStatus(response, known);
}
