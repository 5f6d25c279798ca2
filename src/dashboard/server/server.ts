import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Clock } from '../../kube/clock.ts';
import { isApiError } from '../../kube/types.ts';
import type { Session } from '../wire.ts';
import type { Asset } from './assets.ts';
import type { Board } from './board.ts';
import { Feed, type Sink, type Teller } from './feed.ts';
import { COOKIE, type Gate, type Visitor } from './gate.ts';
import { commandOf, giveOrder } from './orders.ts';
import { mayCommand } from './rights.ts';
import type { Surroundings } from './surroundings.ts';
import { DetailTeller, ListTeller } from './tellers.ts';

export interface DashboardOptions {
  readonly board: Board;
  readonly around: Surroundings;
  readonly gate: Gate;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly clock: Clock;
  /** Names by which it may be called; undefined where any will do, as behind a gateway. */
  readonly hosts?: ReadonlySet<string> | undefined;
  readonly onError: (error: unknown) => void;
}

/** More is no token and no command (bytes). */
const MOST_BODY = 64 * 1024;
/** A page that takes nothing for so long is given up (ms). */
const LONGEST_DRAIN_MS = 30_000;

/** Nothing but its own files runs on the page, and nobody frames it. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** An answer that is no success, as a sentence. */
class Refused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The dashboard over HTTP; not listening yet. */
export function dashboardServer(options: DashboardOptions): Server {
  return createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    answer(request, response, options).catch((error: unknown) => {
      const { code, message } = failureOf(error, options);
      // In the midst of a stream nothing can be said any more.
      if (response.headersSent) response.destroy();
      else sendJson(response, code, { message });
    });
  });
}

function failureOf(error: unknown, { onError }: DashboardOptions): { code: number; message: string } {
  if (error instanceof Refused) return { code: error.code, message: error.message };
  // The API server's own words: a person may not do this, or it breaks a rule.
  if (isApiError(error)) return { code: error.code >= 400 ? error.code : 502, message: error.message };
  onError(error);
  return { code: 500, message: 'the dashboard has failed; the log of the operator says how' };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: DashboardOptions,
): Promise<void> {
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '/', 'http://dashboard');
  checkHost(request, options);
  if (method === 'GET' || method === 'HEAD') {
    const asset = options.assets.get(url.pathname);
    if (asset !== undefined) send(request, response, asset);
    else if (url.pathname === '/api/session') sendJson(response, 200, await sessionOf(request, options));
    else if (url.pathname === '/api/updates') await stream(request, response, url, options);
    else throw new Refused(404, `there is nothing at ${url.pathname}`);
    return;
  }
  checkOrigin(request);
  switch (`${method} ${url.pathname}`) {
    case 'POST /api/session':
      return openSession(request, response, options);
    case 'DELETE /api/session':
      options.gate.close(request);
      response.setHeader('set-cookie', `${COOKIE}=; Path=/; Max-Age=0`);
      response.writeHead(204).end();
      return;
    case 'POST /api/commands':
      return command(request, response, options);
    default:
      throw new Refused(404, `there is nothing at ${url.pathname}`);
  }
}

/** A page of somebody else must not reach a server of this machine by a name that leads here (DNS rebinding). */
function checkHost({ headers }: IncomingMessage, { hosts }: DashboardOptions): void {
  const name = (headers.host ?? '').replace(/:\d+$/, '');
  if (hosts !== undefined && !hosts.has(name)) throw new Refused(421, `this is not ${name}`);
}

/** A page of somebody else must not give orders (CSRF): it cannot set this header, and it says where it is from. */
function checkOrigin({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  // A page without an origin of its own, as in a sandboxed frame, says null.
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
  if (!isOwn || headers['x-songbird'] === undefined)
    throw new Refused(403, 'this order is from another page');
}

function send(request: IncomingMessage, response: ServerResponse, { type, body, etag }: Asset): void {
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-cache');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'content-type': type, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function letIn(request: IncomingMessage, { gate }: DashboardOptions): Promise<Visitor> {
  const visitor = await gate.visitor(request);
  if (visitor === undefined) throw new Refused(401, 'show a token of the cluster first');
  return visitor;
}

async function sessionOf(request: IncomingMessage, { gate }: DashboardOptions): Promise<Session> {
  const visitor = await gate.visitor(request);
  return { name: visitor?.name ?? null, canLeave: visitor?.hasSession ?? false };
}

async function stream(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  options: DashboardOptions,
): Promise<void> {
  await letIn(request, options);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const { board, around, clock } = options;
  const feed = new Feed(sinkOf(response, clock), clock);
  const guard = { board, enter: () => options.gate.visitor(request), now: () => clock.now() };
  const key = url.searchParams.get('release');
  const poke = () => {
    feed.poke();
  };
  let teller: Teller;
  let stop: () => void;
  if (key === null) {
    const list = new ListTeller(guard.board, guard.enter, guard.now);
    teller = list;
    stop = board.listen((changed) => {
      list.changed(changed);
      feed.poke();
    });
  } else {
    const detail = new DetailTeller(guard, key, around, poke);
    teller = detail;
    const deaf = board.listen((changed) => {
      if (changed === undefined || changed === key) feed.poke();
    });
    stop = () => {
      deaf();
      detail.stop();
    };
  }
  response.once('close', () => {
    feed.stop();
  });
  try {
    await feed.run(teller);
  } finally {
    stop();
  }
}

/** Where a page's events go. What it has not taken yet stays in one buffer, and nobody adds to it. */
function sinkOf(response: ServerResponse, clock: Clock): Sink {
  return {
    write: (text) => {
      response.write(text);
    },
    drained: () =>
      new Promise((resolve) => {
        if (!response.writableNeedDrain || response.destroyed) {
          resolve();
          return;
        }
        const done = () => {
          timer.cancel();
          response.off('drain', done).off('close', done);
          resolve();
        };
        const timer = clock.after(LONGEST_DRAIN_MS, () => response.destroy());
        response.once('drain', done).once('close', done);
      }),
    end: () => {
      response.end();
    },
  };
}

async function openSession(
  request: IncomingMessage,
  response: ServerResponse,
  { gate }: DashboardOptions,
): Promise<void> {
  const { token } = await bodyOf(request);
  if (typeof token !== 'string' || token === '') throw new Refused(400, 'there is no token');
  const id = await gate.open(token.trim());
  if (id === undefined) throw new Refused(401, 'the cluster does not know this token, or it has expired');
  // A gateway in front of it speaks TLS, and says so.
  const isSecure = request.headers['x-forwarded-proto'] === 'https';
  const flags = `HttpOnly; SameSite=Strict; Path=/${isSecure ? '; Secure' : ''}`;
  response.setHeader('set-cookie', `${COOKIE}=${id}; ${flags}`);
  response.writeHead(204).end();
}

async function command(
  request: IncomingMessage,
  response: ServerResponse,
  options: DashboardOptions,
): Promise<void> {
  const visitor = await letIn(request, options);
  const { key, action, revision } = await bodyOf(request);
  const [namespace = '', release = ''] = String(key).split('/');
  const by = await visitor.user();
  const made = commandOf({ namespace, release, action, revision, by });
  if ('wrong' in made) throw new Refused(400, made.wrong);
  if (!(await mayCommand(visitor, namespace)))
    throw new Refused(403, `${visitor.name} may not give commands in namespace ${namespace}`);
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  sendJson(response, 201, await giveOrder(visitor, made, options.clock, gone.signal));
}

function sendJson(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** @throws Refused where it is too much, or no object */
async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BODY) throw new Refused(413, 'that is too much');
    chunks.push(chunk);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Refused(400, 'the body is no JSON object');
}
