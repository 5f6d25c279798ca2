import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import { API_VERSION, type ReleaseCommand, parseCommand } from '../../api/index.ts';
import { releaseCommands } from '../../api/resources.ts';
import type { Clock } from '../../kube/clock.ts';
import { isApiError } from '../../kube/types.ts';
import { whoAmI } from '../../kube/who.ts';
import type { Asset } from './assets.ts';
import type { Board } from './board.ts';
import { COOKIE, type Gate, type Visitor } from './gate.ts';
import { Stream } from './stream.ts';
import type { Surroundings } from './surroundings.ts';

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
      if (!response.headersSent) response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ message }));
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
  const isOwn = origin === undefined || new URL(origin).host === host;
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

async function stream(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  options: DashboardOptions,
): Promise<void> {
  const visitor = await letIn(request, options);
  // Asked whether it would be let in.
  if (request.method === 'HEAD') {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  const told = new Stream(
    {
      write: (text) => response.write(text),
      end: () => response.end(),
    },
    options,
    visitor,
    url.searchParams.get('release') ?? undefined,
  );
  response.once('close', () => {
    told.stop();
  });
  await told.start();
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
  const by = await whoAmI(visitor.client());
  const object = {
    apiVersion: API_VERSION,
    kind: 'ReleaseCommand',
    metadata: {
      namespace,
      name: `${release}-${String(action).toLowerCase()}-${randomBytes(4).toString('hex')}`,
    },
    spec: { release, revision, action, ...(by === undefined ? {} : { by: by.slice(0, 256) }) },
  };
  const parsed = parseCommand(object);
  if (!parsed.ok) throw new Refused(400, parsed.problems.map(({ message }) => message).join('; '));
  if (!(await visitor.mayCommand(namespace)))
    throw new Refused(403, `${visitor.name} may not give commands in namespace ${namespace}`);
  const made = await visitor
    .client()
    .create<ReleaseCommand>(releaseCommands, object as unknown as ReleaseCommand);
  response.writeHead(201, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ name: made.metadata.name }));
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  if (Number(request.headers['content-length'] ?? 0) > MOST_BODY) throw new Refused(413, 'that is too much');
  try {
    const body: unknown = JSON.parse(await textOf(request));
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Refused(400, 'the body is no JSON object');
}
