import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { HttpApiClient } from './client.ts';
import type { HttpApiClientOptions } from './client.ts';
import { ApiError } from './types.ts';

/** A request as it came in. */
export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}
export type Handler = (request: Received, response: ServerResponse) => void;

/** For tests: an HTTP server on loopback whose answers the test writes, and clients of it. */
export class HttpFixture {
  readonly received: Received[] = [];
  handle: Handler = (_request, response) => {
    answer(response, 200, { metadata: { name: 'web' } });
  };
  readonly #clients: HttpApiClient[] = [];
  readonly #server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body };
      this.received.push(one);
      this.handle(one, response);
    });
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A KubeConfig for this server; `path` is where the API begins. */
  config(user: Record<string, unknown> = {}, path = ''): KubeConfig {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'test', server: `${this.address}${path}`, skipTLSVerify: false }],
      users: [{ name: 'me', ...user }],
      contexts: [{ name: 'test', cluster: 'test', user: 'me' }],
      currentContext: 'test',
    });
    return config;
  }

  client(options: HttpApiClientOptions = {}, config = this.config()): HttpApiClient {
    const client = new HttpApiClient(config, options);
    this.#clients.push(client);
    return client;
  }

  /** Stops listening and drops every connection; may be called twice. */
  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function answer(response: ServerResponse, code: number, body: unknown, headers = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A Status as API servers send it. */
export function failureStatus(code: number, reason: string, message: string, details = {}): unknown {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code,
  };
}

/** Waits for a condition; the test's own time limit bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** The ApiError that the promise rejects with; anything else is an Error of this function. */
export async function failureOf(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
