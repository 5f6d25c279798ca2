import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../cluster/random.ts';

/** How the app treats requests; may be changed while it runs. */
export interface Behaviour {
  /** Share of requests answered with {@link Behaviour.errorStatus} (0–1). */
  readonly errorRate: number;
  readonly errorStatus: number;
  /** Delay of the slow requests in ms. */
  readonly latencyMs: number;
  /** Share of requests that are slow (0–1). */
  readonly latencyRate: number;
}

/**
 * A young app is slow, as one whose caches fill: of its first requests this share takes `latencyMs` longer, and the share
 * falls steadily to none in `forMs`.
 */
export interface WarmUp {
  readonly forMs: number;
  readonly latencyMs: number;
  /** 0–1. */
  readonly rate: number;
}

/** Where the app listens: a TCP address (port 0 picks a free one) or a Unix socket. */
export type Listen = { readonly host: string; readonly port: number } | { readonly path: string };

export interface AppOptions extends Partial<Behaviour> {
  /** Sent with every answer, in the header `x-version` and in the body. */
  readonly version: string;
  /** Name of the pod, sent in the body. */
  readonly pod?: string;
  readonly listen: Listen;
  /** `/readyz` answers 503 for so many ms after the start. */
  readonly readyAfterMs?: number;
  /** `/readyz` never answers 200. */
  readonly neverReady?: boolean;
  /** How it is while it is young. */
  readonly warmUp?: WarmUp;
  /** The same seed draws the same errors and delays, request for request. */
  readonly seed?: number;
}

export interface App {
  readonly version: string;
  /** The address it really listens on. */
  readonly listen: Listen;
  readonly ready: boolean;
  /** Requests answered so far, readiness probes aside. */
  readonly served: number;
  readonly failed: number;
  /** Requests that it delayed because it was young. */
  readonly slowed: number;
  behave(change: Partial<Behaviour>): void;
  /**
   * Stops being ready, goes on answering for `drainMs` while it asks clients to close their connections, then closes.
   * Requests that are under way end well.
   */
  drain(drainMs: number): Promise<void>;
  /** Closes at once, breaking what is under way. */
  close(): Promise<void>;
}

const WELL: Behaviour = { errorRate: 0, errorStatus: 500, latencyMs: 0, latencyRate: 1 };
const WARM: WarmUp = { forMs: 0, latencyMs: 0, rate: 1 };

// Longer than proxies keep idle connections, so that none sends a request into a connection that is being closed.
const KEEP_ALIVE_MS = 65_000;

/**
 * Starts the demo app: an HTTP server that answers every path with its version, `/readyz` with its readiness, and
 * takes a new {@link Behaviour} by PUT at `/behaviour`.
 * @throws RangeError when a rate is not between 0 and 1, or the server's error when it cannot listen
 */
export async function startApp(options: AppOptions): Promise<App> {
  const app = new DemoApp(options);
  await app.start(options.listen);
  return app;
}

class DemoApp implements App {
  readonly version: string;
  readonly #pod: string;
  readonly #random: Random;
  readonly #server: Server;
  readonly #neverReady: boolean;
  readonly #readyAfterMs: number;
  readonly #warmUp: WarmUp;
  #behaviour: Behaviour;
  #readyAt = Infinity;
  #draining = false;
  #listen: Listen;
  #served = 0;
  #failed = 0;
  #slowed = 0;
  #firstRequestAt: number | undefined;

  constructor(options: AppOptions) {
    const {
      version,
      listen,
      pod = '',
      seed = 1,
      neverReady = false,
      readyAfterMs = 0,
      warmUp = WARM,
      ...behaviour
    } = options;
    this.version = version;
    this.#pod = pod;
    this.#listen = listen;
    this.#random = new Random(seed);
    this.#neverReady = neverReady;
    this.#readyAfterMs = readyAfterMs;
    this.#warmUp = warmUp;
    this.#behaviour = checked({ ...WELL, ...behaviour });
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  get listen(): Listen {
    return this.#listen;
  }

  get ready(): boolean {
    return !this.#draining && !this.#neverReady && performance.now() >= this.#readyAt;
  }

  get served(): number {
    return this.#served;
  }

  get failed(): number {
    return this.#failed;
  }

  get slowed(): number {
    return this.#slowed;
  }

  behave(change: Partial<Behaviour>): void {
    this.#behaviour = checked({ ...this.#behaviour, ...change });
  }

  async start(listen: Listen): Promise<void> {
    // What a killed process left behind would make the address look taken.
    if ('path' in listen) await rm(listen.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listen, resolve);
    });
    if (!('path' in listen)) {
      const { address, port } = this.#server.address() as AddressInfo;
      this.#listen = { host: address, port };
    }
    this.#readyAt = performance.now() + this.#readyAfterMs;
  }

  async drain(drainMs: number): Promise<void> {
    this.#draining = true;
    await delay(drainMs);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async close(): Promise<void> {
    this.#draining = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#draining) response.setHeader('connection', 'close');
    if (request.url === '/readyz') {
      this.#send(response, this.ready ? 200 : 503, { ready: this.ready });
      return;
    }
    const { errorRate, errorStatus, latencyMs, latencyRate } = this.#behaviour;
    const bad = this.#draw(errorRate);
    const slow = this.#draw(latencyRate);
    const body = await textOf(request);
    if (request.url === '/behaviour' && request.method === 'PUT') {
      this.#change(body, response);
      return;
    }
    const isCold = this.#isCold();
    if (slow && latencyMs > 0) await delay(latencyMs);
    if (isCold) await delay(this.#warmUp.latencyMs);
    this.#served += 1;
    if (bad) this.#failed += 1;
    this.#send(response, bad ? errorStatus : 200, { version: this.version, pod: this.#pod });
  }

  #change(text: string, response: ServerResponse): void {
    try {
      this.behave(JSON.parse(text) as Partial<Behaviour>);
      this.#send(response, 200, this.#behaviour);
    } catch (error) {
      this.#send(response, 400, { error: error instanceof Error ? error.message : String(error) });
    }
  }

  #isCold(): boolean {
    const { forMs, rate } = this.#warmUp;
    this.#firstRequestAt ??= performance.now();
    const left = 1 - (performance.now() - this.#firstRequestAt) / forMs;
    // The draws for everything else stay those of the seed.
    const isCold = forMs > 0 && left > 0 && this.#draw(rate * left);
    if (isCold) this.#slowed += 1;
    return isCold;
  }

  #draw(rate: number): boolean {
    return this.#random.below(1_000_000) < rate * 1_000_000;
  }

  #send(response: ServerResponse, status: number, body: object): void {
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'x-version': this.version,
    });
    response.end(text);
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function checked(behaviour: Behaviour): Behaviour {
  for (const name of ['errorRate', 'latencyRate'] as const) {
    const rate = behaviour[name];
    if (!(rate >= 0 && rate <= 1)) throw new RangeError(`${name} is ${rate}: it must be from 0 to 1`);
  }
  return behaviour;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * What a container's image and env say of the app's behaviour: VERSION (else the image's tag), ERROR_RATE, ERROR_STATUS,
 * LATENCY_MS, LATENCY_RATE, READY_AFTER_MS, NEVER_READY, SEED, and for a {@link WarmUp} WARM_UP_MS, WARM_UP_LATENCY_MS,
 * WARM_UP_RATE.
 * @throws RangeError naming the variable that holds no number
 */
export function behaviourFromEnv(env: Env, image = ''): Omit<AppOptions, 'listen'> {
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return {
    version: env['VERSION'] ?? tag ?? 'unknown',
    pod: env['HOSTNAME'] ?? '',
    errorRate: numberFrom(env, 'ERROR_RATE', WELL.errorRate),
    errorStatus: numberFrom(env, 'ERROR_STATUS', WELL.errorStatus),
    latencyMs: numberFrom(env, 'LATENCY_MS', WELL.latencyMs),
    latencyRate: numberFrom(env, 'LATENCY_RATE', WELL.latencyRate),
    readyAfterMs: numberFrom(env, 'READY_AFTER_MS', 0),
    neverReady: isSet(env['NEVER_READY']),
    warmUp: {
      forMs: numberFrom(env, 'WARM_UP_MS', WARM.forMs),
      latencyMs: numberFrom(env, 'WARM_UP_LATENCY_MS', WARM.latencyMs),
      rate: numberFrom(env, 'WARM_UP_RATE', WARM.rate),
    },
    seed: numberFrom(env, 'SEED', 1),
  };
}

function numberFrom(env: Env, name: string, otherwise: number): number {
  const text = env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new RangeError(`${name} is ${text}: it must be a number from 0`);
  return value;
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && !['', '0', 'false'].includes(text);
}

/** Where a process of the app listens: LISTEN_SOCKET, else HOST (127.0.0.1) and PORT (8080). */
function listenFromEnv(env: Env): Listen {
  const path = env['LISTEN_SOCKET'];
  if (path !== undefined && path !== '') return { path };
  return { host: env['HOST'] ?? '127.0.0.1', port: numberFrom(env, 'PORT', 8080) };
}

/**
 * The container's main program. Besides the above: CRASH_AFTER_MS ends it with exit status 1 after that time, and
 * DRAIN_MS (2000) is how long it goes on answering after SIGTERM, for proxies to learn that it is going.
 */
async function main(env: Env): Promise<void> {
  const crashAfterMs = numberFrom(env, 'CRASH_AFTER_MS', Infinity);
  const drainMs = numberFrom(env, 'DRAIN_MS', 2_000);
  const app = await startApp({ ...behaviourFromEnv(env, env['IMAGE']), listen: listenFromEnv(env) });
  process.stdout.write(`version ${app.version} listens on ${JSON.stringify(app.listen)}\n`);
  if (crashAfterMs !== Infinity) {
    setTimeout(() => {
      process.stderr.write(`crashing, as CRASH_AFTER_MS=${crashAfterMs} asks for\n`);
      process.exit(1);
    }, crashAfterMs);
  }
  process.once('SIGTERM', () => {
    void app.drain(drainMs).then(() => process.exit(0));
  });
}

if (import.meta.main) {
  main(process.env).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
