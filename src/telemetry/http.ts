import { Agent, request as send } from 'undici';

/** How the certificate of an https:// server is checked; as usual when left out. */
export interface Tls {
  /** Certificates of authorities that are trusted instead of the usual ones (PEM). */
  readonly ca?: string | undefined;
  /** The server's certificate is not checked. */
  readonly insecure?: boolean | undefined;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly tls?: Tls | undefined;
  /** For the whole exchange, the body included. */
  readonly timeoutMs: number;
  /** Most bytes of body that are read. */
  readonly maxBytes: number;
  /** Gives the exchange up. */
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** '' where the answer has none. */
  readonly contentType: string;
  /** Where a redirect leads; redirects are not followed. */
  readonly location?: string | undefined;
  /** When the server would be asked again: seconds or an HTTP date, as it wrote it. */
  readonly retryAfter?: string | undefined;
  readonly body: string;
}

/** One HTTP exchange. Any whole answer resolves, whatever its status; all else rejects with {@link HttpFailure}. */
export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

/** Why there is no answer: `refused` is a request that can't be sent as it is, such as one with a malformed header. */
export type HttpFailureReason = 'timeout' | 'unreachable' | 'tooLarge' | 'refused';

export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly reason: HttpFailureReason;

  constructor(reason: HttpFailureReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** HTTP by undici, with connections kept alive between the reads of a release. */
export function createHttp(): { readonly http: Http; readonly close: () => Promise<void> } {
  const agents = new Map<string, Agent>();
  const agentFor = ({ ca, insecure }: Tls = {}) => {
    const key = JSON.stringify([ca, insecure]);
    const known = agents.get(key);
    const agent =
      known ??
      new Agent({
        connect: {
          timeout: 10_000,
          ...(ca === undefined ? {} : { ca }),
          ...(insecure === true ? { rejectUnauthorized: false } : {}),
        },
      });
    // Put last, so that the first is the one not used for longest: certificates are rotated.
    agents.delete(key);
    agents.set(key, agent);
    const [oldest] = agents;
    if (agents.size > MOST_AGENTS && oldest !== undefined) {
      agents.delete(oldest[0]);
      // It ends once its requests are over, and there is nobody to tell when that fails.
      oldest[1].close().catch(() => undefined);
    }
    return agent;
  };
  return {
    http: (request) => exchange(agentFor(request.tls), request),
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.close()));
    },
  };
}

const MOST_AGENTS = 50;

async function exchange(agent: Agent, request: HttpRequest): Promise<HttpAnswer> {
  const deadline = AbortSignal.timeout(request.timeoutMs);
  try {
    const answer = await send(request.url, {
      dispatcher: agent,
      method: request.method,
      headers: { ...request.headers },
      body: request.body ?? null,
      signal: request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]),
    });
    const body = await readBody(answer.body, request.maxBytes);
    return {
      status: answer.statusCode,
      contentType: first(answer.headers['content-type']) ?? '',
      location: first(answer.headers['location']),
      retryAfter: first(answer.headers['retry-after']),
      body,
    };
  } catch (error) {
    throw failureOf(error, deadline, request);
  }
}

async function readBody(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > maxBytes) throw new HttpFailure('tooLarge', `the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function failureOf(error: unknown, deadline: AbortSignal, request: HttpRequest): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (deadline.aborted) {
    return new HttpFailure('timeout', `no whole answer within ${request.timeoutMs} ms`, error);
  }
  const code = codeOf(error);
  if (code === 'UND_ERR_INVALID_ARG' || code === 'ERR_INVALID_URL' || code === 'ERR_INVALID_CHAR') {
    return new HttpFailure('refused', messageOf(error), error);
  }
  return new HttpFailure('unreachable', messageOf(error), error);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node reports a failure on each of several addresses as an AggregateError without a message of its own.
  const inner = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : '';
  return error.message || inner || (codeOf(error) ?? error.name);
}
