import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Clock } from '../../kube/clock.ts';
import { serviceHost } from './hosts.ts';
import type { Pod } from './objects.ts';
import type { Router, Routing } from './router.ts';
import { closeServer, listen, type Sidecar } from './sidecar.ts';

/** Headers that belong to one connection and are not passed on (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

// Less than the apps keep idle connections, so that no request goes into one that is being closed.
const IDLE_MS = 30_000;

const RESET_MESSAGE = 'upstream connect error or disconnect/reset before headers';

/**
 * The mesh's entrance: an HTTP server on 127.0.0.1 that sends each request to the pod that the router chooses, once, and
 * counts the answer at that pod's sidecar.
 */
export class Front {
  readonly #router: Router;
  readonly #sidecars: ReadonlyMap<string, Sidecar>;
  readonly #clock: Clock;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64, scheduling: 'lifo', timeout: IDLE_MS });
  readonly #server: Server;

  /** @param sidecars by the pod's uid */
  constructor(router: Router, sidecars: ReadonlyMap<string, Sidecar>, clock: Clock) {
    this.#router = router;
    this.#sidecars = sidecars;
    this.#clock = clock;
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#handle(request, response);
    });
  }

  listen(port?: number): Promise<number> {
    return listen(this.#server, port);
  }

  /** Requests under way are answered first. */
  async close(): Promise<void> {
    await closeServer(this.#server);
    this.#agent.destroy();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const routing = this.#router.route({
      host: request.headers.host ?? '',
      method: request.method ?? 'GET',
      url: request.url ?? '/',
      headers: request.headers,
    });
    if ('pod' in routing) this.#forward(request, response, routing);
    else refuse(response, routing.status, routing.flag, routing.message);
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    { pod, port, service }: Extract<Routing, { pod: Pod }>,
  ) {
    const began = this.#clock.monotonic();
    const host = serviceHost(service.metadata.namespace ?? '', service.metadata.name);
    let counted = false;
    const count = (code: number, flags: string) => {
      if (counted) return;
      counted = true;
      const durationMs = this.#clock.monotonic() - began;
      this.#sidecars.get(pod.metadata.uid ?? '')?.record({ service: host, code, flags, durationMs });
    };
    const upstream = httpRequest({
      host: '127.0.0.1',
      port,
      agent: this.#agent,
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: { ...endToEnd(request.headers), 'x-forwarded-for': request.socket.remoteAddress ?? '' },
    });
    upstream.on('response', (answer) => {
      const code = answer.statusCode ?? 502;
      response.writeHead(code, endToEnd(answer.headers));
      answer.pipe(response);
      answer.on('end', () => {
        count(code, '-');
      });
      answer.on('error', () => {
        // The headers are gone already: all that is left is to break off, so that the caller sees a failure.
        count(code, 'UPE');
        response.destroy();
      });
    });
    upstream.on('error', () => {
      count(503, 'UC');
      if (response.headersSent) response.destroy();
      else refuse(response, 503, 'UC', RESET_MESSAGE);
    });
    response.on('close', () => {
      if (response.writableFinished) return;
      count(0, 'DC');
      upstream.destroy();
    });
    request.pipe(upstream);
  }
}

function refuse(response: ServerResponse, status: number, flag: string, message: string): void {
  response
    .writeHead(status, { 'content-type': 'text/plain', 'x-response-flags': flag, server: 'demo-mesh' })
    .end(`${message}\n`);
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = new Set(
    (headers.connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)),
  );
}
