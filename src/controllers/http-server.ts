import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one path: a body with its content type, or a status other than 200. */
export type Endpoint = () => Promise<{ status?: number; type?: string; body: string }>;

/** A server for probes and metrics: GET on exactly the paths that it is given. */
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
    const split = address.lastIndexOf(':');
    const port = Number(address.slice(split + 1));
    if (split < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
      return Promise.reject(
        new Error(`"${address}" is no address to listen on: write host:port, such as 0.0.0.0:8080`),
      );
    }
    const host = address.slice(0, split).replace(/^\[(.*)\]$/, '$1');
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
  const endpoint = request.method === 'GET' ? endpoints[path] : undefined;
  try {
    const {
      status = 200,
      type = 'text/plain; charset=utf-8',
      body,
    } = endpoint === undefined ? { status: 404, body: 'not found\n' } : await endpoint();
    response.writeHead(status, { 'content-type': type }).end(body);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end(`${String(error)}\n`);
  }
}
