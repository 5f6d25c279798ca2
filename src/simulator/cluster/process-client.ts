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
} from '../../kube/types.ts';
import { ApiError } from '../../kube/types.ts';
import type { ProcessClock } from './process-clock.ts';

/** After so long a client gives a call up (ms). */
export const CALL_TIMEOUT_MS = 10_000;

export type Verb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete';

/** A request other than a watch, on its way from a process to the API server. */
export interface Call {
  readonly verb: Verb;
  readonly type: ResourceType;
  readonly ref: { readonly name?: string | undefined; readonly namespace?: string | undefined };
  readonly subresource: string | undefined;
  readonly isWrite: boolean;
  /** After so long the process gives it up (ms). */
  readonly timeoutMs: number;
  /** What is sent: an object, a patch, or the preconditions of a deletion. */
  readonly body: unknown;
}

/** What lies between the processes and the API server, and what may go wrong there. */
export interface Network {
  /** A call is sent. @returns its name, different for every call */
  send(call: Call, process: ProcessClock): string;
  /** On the way there: may take time, and may throw what the process then hears. */
  before(name: string, call: Call, process: ProcessClock): Promise<void>;
  /** On the way back, after a call that was carried out. */
  after(name: string, call: Call, process: ProcessClock): Promise<void>;
  /** A watch is opened: may throw. */
  watch(type: ResourceType, process: ProcessClock): void;
  /**
   * Each event of a watch on its way back: may take time, throw to break the watch, and say how often it arrives.
   *
   * @param openedAt when the watch was opened (ms of the monotonic clock)
   */
  event(
    type: ResourceType,
    object: EventObject,
    process: ProcessClock,
    openedAt: number,
  ): Promise<'once' | 'twice' | 'never'>;
  /** So many revisions old is what a list answers with. */
  age(name: string, call: Call, process: ProcessClock): number;
}

/** What every event of a watch has. */
export interface EventObject {
  readonly metadata: { readonly name?: string; readonly resourceVersion?: string };
}

/** Comes to its end when the signal aborts, never without one. */
function givenUp(signal: AbortSignal | undefined): Promise<{ done: true; value: undefined }> {
  return new Promise((resolve) => {
    const end = () => {
      resolve({ done: true, value: undefined });
    };
    if (signal?.aborted === true) end();
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** The API server as one process sees it: through the network, and only while the process lives and is not stopped. */
export class ProcessClient implements ApiClient {
  readonly #server: ApiClient;
  readonly #clock: ProcessClock;
  readonly #network: Network;
  readonly #unanswered: () => void;

  /** @param unanswered told of each call that got no answer */
  constructor(server: ApiClient, clock: ProcessClock, network: Network, unanswered: () => void) {
    this.#server = server;
    this.#clock = clock;
    this.#network = network;
    this.#unanswered = unanswered;
  }

  get<T extends KubeObject>(type: ResourceType, ref: ObjectRef): Promise<T> {
    return this.#call('get', type, ref, {}, undefined, () => this.#server.get<T>(type, ref));
  }

  list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ListResult<T>> {
    const { signal, ...rest } = options;
    const listed = this.#call('list', type, { namespace: options.namespace }, {}, undefined, (name, call) =>
      this.#listed<T>(type, rest, this.#network.age(name, call, this.#clock)),
    );
    if (signal === undefined) return listed;
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        reject(new ApiError(0, 'Timeout', `list ${type.plural}: given up`));
      };
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      listed.then(resolve, reject);
    });
  }

  async *watch<T extends KubeObject>(
    type: ResourceType,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    this.#network.watch(type, this.#clock);
    const events = this.#server.watch<T>(type, options)[Symbol.asyncIterator]();
    const openedAt = this.#clock.monotonic();
    const given = givenUp(options.signal);
    try {
      for (;;) {
        const next = await Promise.race([this.#clock.hear(events.next()), given]);
        if (next.done === true) return;
        const arrival = this.#network.event(type, next.value.object, this.#clock, openedAt);
        const fate = await Promise.race([this.#clock.hear(arrival), given]);
        if (typeof fate !== 'string' || options.signal?.aborted === true) return;
        if (fate === 'never') continue;
        yield next.value;
        if (fate === 'twice') yield next.value;
      }
    } finally {
      void events.return?.();
    }
  }

  create<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#call('create', type, object.metadata, options, object, () =>
      this.#server.create(type, object, options),
    );
  }

  update<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#call('update', type, object.metadata, options, object, () =>
      this.#server.update(type, object, options),
    );
  }

  patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patchType: PatchType,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.#call('patch', type, ref, options, patch, () =>
      this.#server.patch<T>(type, ref, patchType, patch, options),
    );
  }

  delete(type: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    return this.#call('delete', type, ref, {}, options.preconditions, () =>
      this.#server.delete(type, ref, options),
    );
  }

  /** A list as it was some revisions ago, where history reaches back so far. */
  async #listed<T extends KubeObject>(
    type: ResourceType,
    options: ListOptions,
    age: number,
  ): Promise<ListResult<T>> {
    const present = await this.#server.list<T>(type, options);
    if (age === 0) return present;
    const resourceVersion = String(Math.max(1, Number(present.resourceVersion) - age));
    const older = { ...options, resourceVersion, resourceVersionMatch: 'Exact' };
    return this.#server.list<T>(type, older).catch(() => present);
  }

  #call<R>(
    verb: Verb,
    type: ResourceType,
    ref: Call['ref'],
    { subresource, timeoutMs = CALL_TIMEOUT_MS }: WriteOptions,
    body: unknown,
    execute: (name: string, call: Call) => Promise<R>,
  ): Promise<R> {
    const isWrite = verb !== 'get' && verb !== 'list';
    const call: Call = { verb, type, ref, subresource, isWrite, timeoutMs, body };
    const name = this.#network.send(call, this.#clock);
    const answer = (async () => {
      await this.#network.before(name, call, this.#clock);
      // A process that has ended meanwhile has not sent it.
      if (!this.#clock.isAlive) return new Promise<never>(() => undefined);
      const result = await execute(name, call);
      await this.#network.after(name, call, this.#clock);
      return result;
    })();
    return this.#clock.hear(this.#within(timeoutMs, answer, call)).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 0) this.#unanswered();
      throw error;
    });
  }

  /** Rejects when there is no answer in time; what the server does with the call is another matter. */
  #within<R>(timeoutMs: number, answer: Promise<R>, { verb, type }: Call): Promise<R> {
    if (timeoutMs >= CALL_TIMEOUT_MS) return answer;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        reject(new ApiError(0, 'Timeout', `${verb} ${type.plural}: no answer`));
      });
      answer.then(resolve, reject).finally(() => {
        timer.cancel();
      });
    });
  }
}
