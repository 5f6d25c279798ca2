import { setTimeout as delay } from 'node:timers/promises';
import { isRecord, Normalizer } from './normalize.ts';
import { KubeConfig } from '@kubernetes/client-node';
import { HttpApiClient } from '../../src/kube/client.ts';
import { kubeconfigOf } from '../e2e/control-plane/access.ts';
import type { Server } from './servers.ts';
import type { Answer, Method, Request, Stream, Transport } from './transport.ts';

/** What a server said to one request, ready to be compared. */
export interface Entry {
  readonly request: string;
  /** The body of the request, for the report. */
  readonly sent?: unknown;
  readonly status?: number;
  readonly body: unknown;
}

/** The object of an answer, loosely typed: cases read a few fields of it. */
export interface Found {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    uid: string;
    resourceVersion: string;
    continue?: string;
    finalizers?: string[];
    labels?: Record<string, string>;
    [key: string]: unknown;
  };
  items?: Found[];
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [key: string]: unknown;
}

export interface Recording {
  /** Compare the answer without what this leaves out (applied before normalising). */
  readonly only?: (body: unknown) => unknown;
  /** The message is the Go library's own prose: compare code and reason only. */
  readonly anyMessage?: boolean;
}

const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const EVENTUALLY_MS = 40_000;

/** One case told to one server: requests go out, what comes back is normalised and written down. */
export class Conversation {
  readonly namespace: string;
  readonly entries: Entry[] = [];
  readonly #server: Server;
  readonly #transport: Transport;
  readonly #normalizer = new Normalizer();
  readonly #watches: Stream[] = [];

  constructor(server: Server, namespace: string) {
    this.#server = server;
    this.#transport = server.transport;
    this.namespace = namespace;
  }

  /** The project's own client, as it is in production. */
  client(): HttpApiClient {
    const config = new KubeConfig();
    config.loadFromString(kubeconfigOf(this.#transport.side));
    return new HttpApiClient(config, { userAgent: 'conformance' });
  }

  /** Makes the server forget its history. */
  forget(): Promise<void> {
    return this.#server.forget();
  }

  /** Path of a namespaced resource, such as `at('apps/v1', 'deployments', 'a', 'status')`. */
  at(apiVersion: string, plural: string, ...rest: string[]): string {
    const root = apiVersion.includes('/') ? '/apis' : '/api';
    return [root, apiVersion, 'namespaces', this.namespace, plural, ...rest].join('/').replace('//', '/');
  }

  get(path: string, recording?: Recording): Promise<Found> {
    return this.send({ method: 'GET', path }, recording);
  }

  post(path: string, body: unknown, recording?: Recording): Promise<Found> {
    return this.send({ method: 'POST', path, body }, recording);
  }

  put(path: string, body: unknown, recording?: Recording): Promise<Found> {
    return this.send({ method: 'PUT', path, body }, recording);
  }

  patch(path: string, type: keyof typeof PATCH_TYPES, body: unknown, recording?: Recording): Promise<Found> {
    return this.send({ method: 'PATCH', path, body, contentType: PATCH_TYPES[type] }, recording);
  }

  delete(path: string, body?: unknown, recording?: Recording): Promise<Found> {
    return this.send({ method: 'DELETE', path, body }, recording);
  }

  /** Sends and records; gives the raw body. */
  async send(request: Request, recording: Recording = {}): Promise<Found> {
    const answer = await this.#transport.send(request);
    this.record(`${request.method} ${request.path}`, answer, recording, request.body);
    return answer.body as Found;
  }

  /** Sends without recording, for what only prepares or polls. */
  async quietly(method: Method, path: string, body?: unknown, contentType?: string): Promise<Answer> {
    return this.#transport.send({ method, path, body, contentType });
  }

  /** Polls `path` until `met`, then records the answer; records a failure when it takes too long. */
  async eventually(
    path: string,
    what: string,
    met: (found: Found, status: number) => boolean,
    recording: Recording & { readonly meanwhile?: () => Promise<void> } = {},
  ): Promise<Found> {
    const deadline = performance.now() + EVENTUALLY_MS;
    for (;;) {
      await recording.meanwhile?.();
      const answer = await this.#transport.send({ method: 'GET', path });
      const late = performance.now() > deadline;
      if (late || met(answer.body as Found, answer.status)) {
        const request = `${late ? 'NEVER MET' : 'eventually'} ${what}: GET ${path}`;
        this.record(request, answer, recording);
        return answer.body as Found;
      }
      await delay(50);
    }
  }

  /** Opens a watch; its events are recorded as they are taken. */
  async watch(path: string): Promise<Watch> {
    const opened = await this.#transport.open(path);
    if ('status' in opened) {
      this.record(`WATCH ${path}`, opened);
      throw new Error(`the watch was refused with ${opened.status}`);
    }
    this.#watches.push(opened);
    return new Watch(this, opened, path);
  }

  /** Writes down what a server said, normalised. */
  record(
    request: string,
    answer: { status?: number; body: unknown },
    recording: Recording = {},
    sent?: unknown,
  ): void {
    let { body } = answer;
    if (recording.only !== undefined) body = recording.only(body);
    if (recording.anyMessage === true && isRecord(body)) {
      const { message: _message, details: _details, ...rest } = body;
      body = rest;
    }
    this.entries.push({
      request: String(this.#normalizer.normalize(describe(request))),
      sent,
      ...(answer.status === undefined ? {} : { status: answer.status }),
      body: this.#normalizer.normalize(body),
    });
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}

/** The events of one watch. */
export class Watch {
  readonly #conversation: Conversation;
  readonly #stream: Stream;
  readonly #path: string;

  constructor(conversation: Conversation, stream: Stream, path: string) {
    this.#conversation = conversation;
    this.#stream = stream;
    this.#path = path;
  }

  /** Records the next `count` events; an end of the stream is recorded too. Bookmarks count. */
  async take(count: number, only?: (event: unknown) => unknown): Promise<WatchedEvent[]> {
    const events: WatchedEvent[] = [];
    for (let i = 0; i < count; i += 1) {
      const event = await this.#next(5_000);
      this.#conversation.record(`EVENT of ${this.#path}`, { body: only === undefined ? event : only(event) });
      if (event === undefined) break;
      events.push(event);
    }
    return events;
  }

  /** Records events up to and with the one of the object named `name`; bookmarks are left out. */
  async takeUntil(name: string, only?: (event: unknown) => unknown): Promise<void> {
    for (;;) {
      const event = await this.#next(5_000);
      if (event?.type === 'BOOKMARK') continue;
      this.#conversation.record(`EVENT of ${this.#path}`, { body: only === undefined ? event : only(event) });
      if (event === undefined || event.object.metadata.name === name) return;
    }
  }

  close(): void {
    this.#stream.close();
  }

  async #next(limitMs: number): Promise<WatchedEvent | undefined> {
    const event = await this.#stream.next(limitMs);
    return event === undefined ? undefined : normaliseBookmark(event as WatchedEvent);
  }
}

export interface WatchedEvent {
  type: string;
  object: Found;
}

/** A bookmark's version is the server's, not an object's. */
function normaliseBookmark(event: WatchedEvent): WatchedEvent {
  if (event.type !== 'BOOKMARK') return event;
  const metadata = { ...event.object.metadata, resourceVersion: '' };
  return { ...event, object: { ...event.object, metadata } };
}

/** Versions and tokens in a query are the server's. */
function describe(request: string): string {
  return request
    .replace(/resourceVersion=\d{2,}/, 'resourceVersion=<version>')
    .replace(/continue=[^&]{12,}/, 'continue=<token>');
}
