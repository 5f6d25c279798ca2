import { type ApiClient, type KubeObject, type ResourceType, isApiError } from '../kube/types.ts';
import type { Shell } from './shell.ts';

/** After an API server gave no answer (ms). */
const AGAIN_MS = 1000;

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
  { sleep, output }: Pick<Shell, 'sleep' | 'output'>,
  signal: AbortSignal,
): AsyncGenerator<T | undefined, void> {
  const which = { namespace, fieldSelector: `metadata.name=${name}` };
  let isAway = false;
  const isOver = () => signal.aborted;
  while (!isOver()) {
    try {
      const { items, resourceVersion } = await client.list<T>(type, { ...which, signal });
      isAway = false;
      yield items[0];
      for await (const { type: kind, object } of client.watch<T>(type, {
        ...which,
        resourceVersion,
        signal,
      })) {
        if (kind === 'BOOKMARK') continue;
        yield kind === 'DELETED' ? undefined : object;
      }
    } catch (error) {
      if (isOver()) return;
      if (!isPassing(error)) throw error;
      if (!isAway) output.complain(`the API server does not answer: ${error.message}; trying again`);
      isAway = true;
      await sleep(AGAIN_MS, signal);
    }
  }
}

/** True for what trying again may mend. */
function isPassing(error: unknown): error is Error {
  return (
    isApiError(error) && (error.code === 0 || error.code === 410 || error.code === 429 || error.code >= 500)
  );
}
