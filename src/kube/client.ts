import type { KubeConfig } from '@kubernetes/client-node';
import { request as httpRequest } from 'undici';
import type { Dispatcher } from 'undici';
import { errorOf, errorOfEvent, parseJson, whyOf } from './answers.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { Deadline, abortable } from './deadline.ts';
import { isObject } from './json.ts';
import { linesOf } from './lines.ts';
import { objectPath, pathOf } from './paths.ts';
import { Transport } from './transport.ts';
import { ApiError, apiVersionOf, keyOf } from './types.ts';
import type {
  ApiClient,
  DeleteOptions,
  KubeObject,
  ListOptions,
  ListResult,
  ObjectRef,
  PatchType,
  ResourceType,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './types.ts';

/** One request, as told to an observer when its answer is there. */
export interface RequestInfo {
  /** `apply` is server-side apply; JSON and merge patches are `patch`. */
  verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'apply' | 'delete';
  /** `deployments.apps`, or with a subresource `canaryreleases.songbird.dev/status`. */
  resource: string;
  /** HTTP status; 0 when there was no answer. */
  code: number;
  /** From the call to the whole answer; of a watch, to its beginning. */
  ms: number;
  dryRun: boolean;
}

export interface HttpApiClientOptions {
  clock?: Clock;
  /** Limit of one call, credentials and the whole answer included; 10 s by default. */
  timeoutMs?: number;
  /** A watch that says nothing for so long has failed; 150 s by default, API servers send a bookmark every minute. */
  watchInactivityMs?: number;
  userAgent?: string;
  /** Called after every request. It must not throw. */
  onRequest?: (info: RequestInfo) => void;
}

interface Call {
  verb: RequestInfo['verb'];
  method: Dispatcher.HttpMethod;
  type: ResourceType;
  path: string;
  /** For messages: `shop/web`, or `in shop`. */
  target: string;
  subresource?: string | undefined;
  dryRun?: boolean | undefined;
  timeoutMs?: number | undefined;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal | undefined;
}

const PATCH_CONTENT_TYPE: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
};

// A server under load may let a watch wait in its queues; it is not silent for longer than this.
const WATCH_OPEN_MS = 30_000;

/**
 * An {@link ApiClient} that speaks HTTP to a real API server, as the current context of a KubeConfig says. It retries
 * nothing, save a request that was refused with 401 and that fresh credentials may mend.
 */
export class HttpApiClient implements ApiClient {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #watchInactivityMs: number;
  readonly #userAgent: string;
  readonly #onRequest: (info: RequestInfo) => void;

  /** @throws Error when the config names no usable cluster. */
  constructor(config: KubeConfig, options: HttpApiClientOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#transport = new Transport(config, this.#clock);
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#watchInactivityMs = options.watchInactivityMs ?? 150_000;
    this.#userAgent = options.userAgent ?? 'songbird';
    this.#onRequest = options.onRequest ?? (() => undefined);
  }

  async get<T extends KubeObject>(type: ResourceType, ref: ObjectRef): Promise<T> {
    const path = objectPath(type, ref);
    return this.#object<T>({ verb: 'get', method: 'GET', type, path, target: keyOf(ref) });
  }

  async list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ListResult<T>> {
    const { namespace, signal, ...query } = options;
    const call: Call = {
      verb: 'list',
      method: 'GET',
      type,
      path: pathOf(type, namespace, undefined, undefined, { ...query }),
      target: placeOf(namespace),
      signal,
    };
    const answer = await this.#call(call);
    if (!isObject(answer) || !isObject(answer['metadata']) || !Array.isArray(answer['items']))
      throw strange(call, 'which is no list of objects');
    const { resourceVersion, continue: more } = answer['metadata'];
    // A server leaves these two out of the items of its built-in kinds.
    const kind = { apiVersion: apiVersionOf(type), kind: type.kind };
    return {
      items: (answer['items'] as T[]).map((item) => ({ ...kind, ...item })),
      resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
      continue: typeof more === 'string' && more !== '' ? more : undefined,
    };
  }

  async *watch<T extends KubeObject>(
    type: ResourceType,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, void> {
    const { namespace, signal, ...query } = options;
    const path = pathOf(type, namespace, undefined, undefined, {
      ...query,
      watch: true,
      allowWatchBookmarks: true,
    });
    const call: Call = { verb: 'watch', method: 'GET', type, path, target: placeOf(namespace) };
    const deadline = new Deadline(this.#clock, signal);
    try {
      deadline.restart(WATCH_OPEN_MS);
      const { body } = await this.#observed(call, () => this.#exchange(call, deadline.signal));
      deadline.restart(this.#watchInactivityMs);
      for await (const line of linesOf(body)) {
        deadline.pause();
        yield eventOf<T>(call, parseJson(line));
        deadline.restart(this.#watchInactivityMs);
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      throw this.#failure(call, error, deadline, 'nothing was heard for too long');
    } finally {
      deadline.dispose();
    }
  }

  async create<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T> {
    const { name, namespace } = object.metadata;
    const query = queryOf(options);
    // The name goes into the path only where a subresource of one object is created, such as an eviction.
    const path =
      options?.subresource === undefined
        ? pathOf(type, required(type, namespace), undefined, undefined, query)
        : objectPath(type, object.metadata, options.subresource, query);
    return this.#object<T>({
      verb: 'create',
      method: 'POST',
      type,
      path,
      target: keyOf({ name, namespace }),
      ...written(options),
      body: object,
      contentType: 'application/json',
    });
  }

  async update<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T> {
    return this.#object<T>({
      verb: 'update',
      method: 'PUT',
      type,
      path: objectPath(type, object.metadata, options?.subresource, queryOf(options)),
      target: keyOf(object.metadata),
      ...written(options),
      body: object,
      contentType: 'application/json',
    });
  }

  async patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patchType: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T> {
    const force = patchType === 'apply' ? options?.force : undefined;
    return this.#object<T>({
      verb: patchType === 'apply' ? 'apply' : 'patch',
      method: 'PATCH',
      type,
      path: objectPath(type, ref, options?.subresource, { ...queryOf(options), force }),
      target: keyOf(ref),
      ...written(options),
      body: patch,
      contentType: PATCH_CONTENT_TYPE[patchType],
    });
  }

  async delete(type: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    await this.#call({
      verb: 'delete',
      method: 'DELETE',
      type,
      path: objectPath(type, ref),
      target: keyOf(ref),
      body: { kind: 'DeleteOptions', apiVersion: 'v1', ...options },
      contentType: 'application/json',
    });
  }

  /** Ends every connection; what is in flight fails with `ConnectionFailed`. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #object<T extends KubeObject>(call: Call): Promise<T> {
    const answer = await this.#call(call);
    if (!hasMetadata(answer)) throw strange(call, 'which is no Kubernetes object');
    return answer as T;
  }

  async #call(call: Call): Promise<unknown> {
    const deadline = new Deadline(this.#clock, call.signal);
    const { timeoutMs = this.#timeoutMs } = call;
    deadline.restart(timeoutMs);
    try {
      const text = await this.#observed(call, async () => {
        const { statusCode, body } = await this.#exchange(call, deadline.signal);
        return { statusCode, text: await body.text() };
      });
      const answer = parseJson(text.text);
      if (answer === undefined) throw strange(call, `which is no JSON: ${text.text.slice(0, 300)}`);
      return answer;
    } catch (error) {
      throw this.#failure(call, error, deadline, `no answer within ${timeoutMs / 1000} s`);
    } finally {
      deadline.dispose();
    }
  }

  /** Tells the observer of the request, whichever way it ends. */
  async #observed<R extends { statusCode: number }>(call: Call, send: () => Promise<R>): Promise<R> {
    const started = this.#clock.monotonic();
    let code = 0;
    try {
      const result = await send();
      code = result.statusCode;
      return result;
    } catch (error) {
      if (error instanceof ApiError) code = error.code;
      throw error;
    } finally {
      this.#onRequest({
        verb: call.verb,
        resource: resourceOf(call),
        code,
        ms: this.#clock.monotonic() - started,
        dryRun: call.dryRun ?? false,
      });
    }
  }

  /** Sends the request, and once more with fresh credentials where that may help. */
  async #exchange(call: Call, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let response = await this.#send(call, signal);
    if (response.statusCode === 401 && this.#transport.renew()) {
      await response.body.dump();
      response = await this.#send(call, signal);
    }
    if (response.statusCode >= 200 && response.statusCode < 300) return response;
    const text = await response.body.text();
    throw errorOf(describe(call), response.statusCode, response.headers, text, this.#clock.now());
  }

  async #send(call: Call, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { dispatcher, headers } = await abortable(this.#transport.access(), signal);
    const { origin, pathname } = this.#transport.server;
    const content = call.contentType === undefined ? {} : { 'content-type': call.contentType };
    return httpRequest(`${origin}${pathname.replace(/\/$/, '')}${call.path}`, {
      dispatcher,
      method: call.method,
      headers: { accept: 'application/json', 'user-agent': this.#userAgent, ...content, ...headers },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal,
    });
  }

  #failure(call: Call, error: unknown, deadline: Deadline, late: string): ApiError {
    if (error instanceof ApiError) return error;
    const cause = { cause: error };
    if (deadline.expired) return new ApiError(0, 'Timeout', `${describe(call)}: ${late}`, cause);
    if (deadline.signal.aborted)
      return new ApiError(0, 'ConnectionFailed', `${describe(call)}: given up before the answer`, cause);
    const server = this.#transport.server.origin;
    const message = `${describe(call)}: no answer from ${server}: ${whyOf(error)}`;
    return new ApiError(0, 'ConnectionFailed', message, cause);
  }
}

function eventOf<T extends KubeObject>(call: Call, event: unknown): WatchEvent<T> {
  if (!isObject(event) || !hasMetadata(event['object'])) throw strange(call, 'which is no watch event');
  switch (event['type']) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return event as WatchEvent<T>;
    case 'ERROR':
      throw errorOfEvent(describe(call), event['object']);
    default:
      throw strange(call, `which is a watch event of type ${JSON.stringify(event['type'])}`);
  }
}

function hasMetadata(value: unknown): boolean {
  return isObject(value) && isObject(value['metadata']);
}

function strange(call: Call, what: string): ApiError {
  return new ApiError(0, 'ConnectionFailed', `${describe(call)}: the server sent something ${what}`);
}

function describe(call: Call): string {
  return `${call.verb} ${resourceOf(call)} ${call.target}`.trim();
}

function resourceOf({ type, subresource }: Call): string {
  const resource = type.group === '' ? type.plural : `${type.plural}.${type.group}`;
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

function placeOf(namespace: string | undefined): string {
  return namespace === undefined ? '' : `in ${namespace}`;
}

function required(type: ResourceType, namespace: string | undefined): string | undefined {
  if (type.namespaced && namespace === undefined)
    throw new Error(`${type.kind}: metadata.namespace is missing`);
  return namespace;
}

function written(options: WriteOptions | undefined): Pick<Call, 'subresource' | 'dryRun' | 'timeoutMs'> {
  return { subresource: options?.subresource, dryRun: options?.dryRun, timeoutMs: options?.timeoutMs };
}

function queryOf(options: WriteOptions | undefined): Record<string, string | undefined> {
  return {
    fieldManager: options?.fieldManager,
    dryRun: options?.dryRun === true ? 'All' : undefined,
  };
}
