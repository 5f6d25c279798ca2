import { Informer } from '../kube/informer.ts';
import { type ApiClient, type KubeObject, type ResourceType, isApiError } from '../kube/types.ts';
import type { Shell } from './shell.ts';

/**
 * One object as it is and as it becomes; undefined while there is none. Goes on when the watch ends or the API server is
 * away, until the signal aborts.
 *
 * @throws ApiError when the person may not see it
 */
export async function* statesOf<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  { clock, output }: Pick<Shell, 'clock' | 'output'>,
  signal: AbortSignal,
): AsyncGenerator<T | undefined, void> {
  const news = new News<T | undefined>(signal);
  let isAway = false;
  const informer = new Informer<T>({
    client,
    type,
    clock,
    namespace,
    fieldSelector: `metadata.name=${name}`,
    handlers: {
      added: (object) => {
        news.put(object);
      },
      updated: (object) => {
        news.put(object);
      },
      deleted: () => {
        news.put(undefined);
      },
    },
    onError: (error) => {
      if (!isPassing(error)) news.fail(error);
      else if (!isAway) output.complain(`the API server does not answer: ${error.message}; trying again`);
      isAway = true;
    },
    onRecovery: () => {
      isAway = false;
    },
  });
  informer.start();
  informer.whenSynced().then(
    () => {
      if (informer.list().length === 0) news.put(undefined);
    },
    // Stopped before, as when the signal aborts.
    () => undefined,
  );
  try {
    yield* news.all();
  } finally {
    await informer.stop();
  }
}

/** What handlers tell, for whoever asks for one after the other. */
class News<T> {
  readonly #waiting: T[] = [];
  readonly #signal: AbortSignal;
  #error: { readonly reason: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  put(one: T): void {
    this.#waiting.push(one);
    this.#wake?.();
  }

  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.#wake?.();
  }

  /** Until the signal aborts. @throws what `fail` was told */
  async *all(): AsyncGenerator<T, void> {
    while (!this.#signal.aborted) {
      yield* this.#waiting.splice(0);
      if (this.#error !== undefined) throw this.#error.reason;
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => {
      resolve(undefined);
    };
    if (this.#waiting.length > 0 || this.#error !== undefined || this.#signal.aborted) this.#wake();
    await promise;
  }
}

/** True for what trying again may mend. */
function isPassing(error: unknown): error is Error {
  return (
    isApiError(error) && (error.code === 0 || error.code === 410 || error.code === 429 || error.code >= 500)
  );
}
