import { ApiError } from './types.ts';
import type { ApiClient, KubeObject, ListOptions, ListResult, WatchEvent, WatchOptions } from './types.ts';

/** A watch that the test feeds. */
export class ScriptedWatch {
  readonly options: WatchOptions;
  readonly #queue: (WatchEvent<KubeObject> | ApiError | 'end')[] = [];
  #wake = Promise.withResolvers<undefined>();
  /** True when the reader has left or was sent away. */
  closed = false;

  constructor(options: WatchOptions) {
    this.options = options;
    options.signal?.addEventListener('abort', () => {
      this.#push('end');
    });
  }

  send(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    this.#push({ type, object });
  }

  bookmark(resourceVersion: string): void {
    this.#push({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });
  }

  end(): void {
    this.#push('end');
  }

  fail(error: ApiError): void {
    this.#push(error);
  }

  async *read(): AsyncGenerator<WatchEvent<KubeObject>, void, void> {
    try {
      for (;;) {
        const next = this.#queue.shift();
        if (next === undefined) await this.#wake.promise;
        else if (next === 'end') return;
        else if (next instanceof ApiError) throw next;
        else yield next;
      }
    } finally {
      this.closed = true;
    }
  }

  #push(item: WatchEvent<KubeObject> | ApiError | 'end'): void {
    this.#queue.push(item);
    this.#wake.resolve(undefined);
    this.#wake = Promise.withResolvers<undefined>();
  }
}

/** For tests: the reading half of an API whose answers the test writes one by one. */
export class ScriptedApi {
  /** What the next lists answer; when it is empty, a list waits for ever or until it is given up. */
  readonly answers: (ListResult<KubeObject> | Promise<ListResult<KubeObject>> | ApiError)[] = [];
  readonly lists: ListOptions[] = [];
  readonly watches: ScriptedWatch[] = [];

  /** The watch that was opened last. */
  get watch(): ScriptedWatch {
    const last = this.watches.at(-1);
    if (last === undefined) throw new Error('no watch was opened');
    return last;
  }

  readonly client: ApiClient = {
    list: async <T extends KubeObject>(_type: unknown, options: ListOptions = {}) => {
      this.lists.push(options);
      const answer = this.answers.shift();
      if (answer instanceof ApiError) throw answer;
      if (answer !== undefined) return (await answer) as ListResult<T>;
      return new Promise<never>((_resolve, reject) => {
        options.signal?.addEventListener('abort', () => {
          reject(new ApiError(0, 'ConnectionFailed', 'given up'));
        });
      });
    },
    watch: <T extends KubeObject>(_type: unknown, options: WatchOptions) => {
      const watch = new ScriptedWatch(options);
      this.watches.push(watch);
      return watch.read() as AsyncGenerator<WatchEvent<T>, void, void>;
    },
    get: notScripted,
    create: notScripted,
    update: notScripted,
    patch: notScripted,
    delete: notScripted,
  };
}

async function notScripted(): Promise<never> {
  throw new Error('the script has no such request');
}
