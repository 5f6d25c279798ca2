import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NODE_IP } from '../harness/network.ts';

/** What a service says of itself. */
export interface Health {
  readonly status: string;
  readonly queue: number;
}

/** An HTTP server outside of the mesh that tells a service's health as JSON, to those who have its token. */
export class HealthApi {
  readonly #token: string;
  readonly #server: Server;
  readonly #asked = new Set<string>();
  #health: Health = { status: 'ok', queue: 3 };
  #refused = 0;

  private constructor(token: string) {
    this.#token = token;
    this.#server = createServer((request, response) => {
      this.#answer(request, response);
    });
  }

  static async start(token: string): Promise<HealthApi> {
    const api = new HealthApi(token);
    await new Promise<void>((resolve, reject) => {
      api.#server.once('error', reject);
      api.#server.listen({ host: NODE_IP, port: 0 }, resolve);
    });
    return api;
  }

  get url(): string {
    return `http://${NODE_IP}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Paths with queries that were asked for with the token. */
  get asked(): readonly string[] {
    return [...this.#asked];
  }

  /** Requests without the token. */
  get refused(): number {
    return this.#refused;
  }

  say(health: Health): void {
    this.#health = health;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const known = headers.authorization === `Bearer ${this.#token}`;
    if (known) this.#asked.add(url);
    else this.#refused += 1;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? this.#health : { error: 'no such token' }));
  }
}
