import { Agent, request } from 'undici';

/** One of the two servers that are compared. */
export interface Side {
  readonly name: string;
  readonly url: string;
  /** PEM of the certificate to trust, and a bearer token, where the server wants them. */
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Request {
  readonly method: Method;
  /** Path with query. */
  readonly path: string;
  /** Sent as JSON; a string goes out as it is. */
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly accept?: string | undefined;
}

export interface Answer {
  readonly status: number;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

/** A running watch; `next` gives undefined when the server has ended it. */
export interface Stream {
  next(limitMs: number): Promise<unknown>;
  close(): void;
}

const ANSWER_MS = 20_000;

/** Plain HTTP to one side: what was sent is what the test wrote, nothing is retried or interpreted. */
export class Transport {
  readonly side: Side;
  readonly #agent: Agent;
  requests = 0;

  constructor(side: Side) {
    this.side = side;
    this.#agent = new Agent(side.ca === undefined ? {} : { connect: { ca: side.ca } });
  }

  async send(wanted: Request): Promise<Answer> {
    this.requests += 1;
    const response = await request(this.side.url + wanted.path, {
      method: wanted.method,
      dispatcher: this.#agent,
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      headers: this.#headers(wanted),
      body: bodyOf(wanted),
    });
    return { status: response.statusCode, body: parse(await response.body.text()) };
  }

  /** Opens a watch; an error answer comes back as an Answer. */
  async open(path: string): Promise<Answer | Stream> {
    this.requests += 1;
    const abort = new AbortController();
    const response = await request(this.side.url + path, {
      dispatcher: this.#agent,
      headersTimeout: ANSWER_MS,
      bodyTimeout: 0,
      signal: abort.signal,
      headers: this.#headers({ method: 'GET', path }),
    });
    if (response.statusCode !== 200) {
      return { status: response.statusCode, body: parse(await response.body.text()) };
    }
    return readLines(response.body, abort);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #headers(wanted: Request): Record<string, string> {
    return {
      'user-agent': 'conformance/1',
      accept: wanted.accept ?? 'application/json',
      ...(wanted.body === undefined ? {} : { 'content-type': wanted.contentType ?? 'application/json' }),
      ...(this.side.token === undefined ? {} : { authorization: `Bearer ${this.side.token}` }),
    };
  }
}

function bodyOf(wanted: Request): string | null {
  if (wanted.body === undefined) return null;
  return typeof wanted.body === 'string' ? wanted.body : JSON.stringify(wanted.body);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Splits the stream of a watch into its JSON lines. */
function readLines(body: AsyncIterable<Uint8Array>, abort: AbortController): Stream {
  const events: unknown[] = [];
  let ended = false;
  let wake: () => void = () => undefined;
  void (async () => {
    let rest = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        rest += decoder.decode(chunk, { stream: true });
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        events.push(...lines.filter((line) => line !== '').map(parse));
        wake();
      }
    } catch (error) {
      if (!abort.signal.aborted) events.push(`broken: ${String(error)}`);
    }
    ended = true;
    wake();
  })();
  return {
    async next(limitMs) {
      const deadline = performance.now() + limitMs;
      while (events.length === 0 && !ended) {
        const left = deadline - performance.now();
        if (left <= 0) throw new Error(`the watch gave nothing for ${limitMs} ms`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return events.shift();
    },
    close: () => {
      abort.abort();
    },
  };
}
