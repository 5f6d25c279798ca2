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

export type Verb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete';

/** A request other than a watch, on its way from a process to the API server. */
export interface Call {
  /** Counts the calls of all processes of a simulation from 1. */
  readonly number: number;
  readonly verb: Verb;
  readonly type: ResourceType;
  readonly ref: { readonly name?: string | undefined; readonly namespace?: string | undefined };
  readonly subresource: string | undefined;
  readonly isWrite: boolean;
}

/** What lies between the processes and the API server, and what may go wrong there. */
export interface Network {
  /** The number of the next call. */
  next(): number;
  /** On the way there: may take time, and may throw what the process then hears. Never settles for one that is lost. */
  before(call: Call, process: ProcessClock): Promise<void>;
  /** On the way back, after a call that was carried out. */
  after(call: Call, process: ProcessClock): Promise<void>;
  /** Each event of a watch on its way back: may take time, throw to break the watch, and say how often it arrives. */
  event(type: ResourceType, process: ProcessClock): Promise<'once' | 'twice' | 'never'>;
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
    return this.#call('get', type, ref, undefined, () => this.#server.get<T>(type, ref));
  }

  list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ListResult<T>> {
    const { signal, ...rest } = options;
    const listed = this.#call('list', type, { namespace: options.namespace }, undefined, () =>
      this.#server.list<T>(type, rest),
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
    const events = this.#server.watch<T>(type, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#clock.hear(events.next());
        if (next.done === true) return;
        const fate = await this.#clock.hear(this.#network.event(type, this.#clock));
        if (options.signal?.aborted === true) return;
        if (fate === 'never') continue;
        yield next.value;
        if (fate === 'twice') yield next.value;
      }
    } finally {
      void events.return?.();
    }
  }

  create<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#call('create', type, object.metadata, options.subresource, () =>
      this.#server.create(type, object, options),
    );
  }

  update<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    return this.#call('update', type, object.metadata, options.subresource, () =>
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
    return this.#call('patch', type, ref, options.subresource, () =>
      this.#server.patch<T>(type, ref, patchType, patch, options),
    );
  }

  delete(type: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    return this.#call('delete', type, ref, undefined, () => this.#server.delete(type, ref, options));
  }

  #call<R>(
    verb: Verb,
    type: ResourceType,
    ref: Call['ref'],
    subresource: string | undefined,
    execute: () => Promise<R>,
  ): Promise<R> {
    const isWrite = verb !== 'get' && verb !== 'list';
    const call: Call = { number: this.#network.next(), verb, type, ref, subresource, isWrite };
    const answer = (async () => {
      await this.#network.before(call, this.#clock);
      // A process that has ended meanwhile has not sent it.
      if (!this.#clock.isAlive) return new Promise<never>(() => undefined);
      const result = await execute();
      await this.#network.after(call, this.#clock);
      return result;
    })();
    return this.#clock.hear(answer).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 0) this.#unanswered();
      throw error;
    });
  }
}
