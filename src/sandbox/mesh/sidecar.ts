import { createServer, type Server } from 'node:http';
import { type Answered, type Destination, PodStats } from './stats.ts';

/**
 * What stands for a pod's istio-proxy: its counters, served at `GET /stats/prometheus` on a port of its own on
 * 127.0.0.1. (Requests reach the pod's app directly; the front counts them here.)
 */
export class Sidecar {
  readonly #stats: PodStats;
  readonly #server: Server;
  #statsPort = 0;

  private constructor(destination: Destination) {
    this.#stats = new PodStats(destination);
    this.#server = createServer((request, response) => {
      if (request.method === 'GET' && request.url?.split('?')[0] === '/stats/prometheus') {
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(this.#stats.render());
      } else {
        response.writeHead(404).end();
      }
    });
  }

  static async start(destination: Destination): Promise<Sidecar> {
    const sidecar = new Sidecar(destination);
    sidecar.#statsPort = await listen(sidecar.#server);
    return sidecar;
  }

  get statsPort(): number {
    return this.#statsPort;
  }

  record(answered: Answered): void {
    this.#stats.record(answered);
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }
}

/** Listens on 127.0.0.1, on any free port unless one is wanted; resolves with the port. */
export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('the server has no port'));
      else resolve(address.port);
    });
  });
}

/** Stops listening and drops what is idle; resolves when the last request has been answered. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
  });
}
