import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one path: a body with its content type, or a status other than 200. */
export type Endpoint = () => Promise<{ status?: number; type?: string; body: string }>;

/** Where to listen: port 0 takes any free one. Of IPv6 the brackets are left out. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, or says what is wrong with it. */
export function parseAddress(text: string): Address | { error: string } {
  const split = text.lastIndexOf(':');
  const port = Number(text.slice(split + 1));
  if (split < 1 || !/^\d+$/.test(text.slice(split + 1)) || port > 65_535) {
    return { error: `"${text}" is no address to listen on: write host:port, such as 0.0.0.0:8080` };
  }
  return { host: text.slice(0, split).replace(/^\[(.*)\]$/, '$1'), port };
}

/** A server for probes and metrics: GET and HEAD on exactly the paths that it is given. */
export class PlainServer {
  readonly #server: Server;

  constructor(endpoints: Readonly<Record<string, Endpoint>>) {
    this.#server = createServer((request, response) => {
      void answer(endpoints, request, response);
    });
  }

  /**
   * Listens on `host:port` (port 0: any free one) and resolves with the port.
   * @throws Error when the address is taken or no address at all
   */
  listen(address: string): Promise<number> {
    const parsed = parseAddress(address);
    if ('error' in parsed) return Promise.reject(new Error(parsed.error));
    const { host, port } = parsed;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }
}

async function answer(
  endpoints: Readonly<Record<string, Endpoint>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const endpoint = endpoints[path];
  const say = (status: number, text: string, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(text);
  if (endpoint === undefined) {
    say(404, `not found; served here: ${Object.keys(endpoints).join(', ')}\n`);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    say(405, 'only GET and HEAD are allowed\n', { allow: 'GET, HEAD' });
    return;
  }
  try {
    const { status = 200, type, body } = await endpoint();
    say(status, body, type === undefined ? {} : { 'content-type': type });
  } catch (error) {
    say(500, `${String(error)}\n`);
  }
}
