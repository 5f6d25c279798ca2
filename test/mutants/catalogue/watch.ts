import type { Mutant } from '../mutant.ts';

/** Caches that follow the API server, and the queue that their events go into. */
export const WATCH: readonly Mutant[] = [
  {
    name: 'gone-is-not-relisted',
    sentence: 'A watch whose version is too old is opened again from the same version.',
    file: 'kube/informer.ts',
    find: '  return error.code >= 400 && error.code < 500 && error.code !== 429;',
    replace: '  return error.code >= 400 && error.code < 500 && error.code !== 429 && error.code !== 410;',
  },
  {
    name: 'relist-keeps-the-deleted',
    sentence: 'A list that follows a lost watch adds what is new and keeps what is gone.',
    file: 'kube/store.ts',
    find: '    const gone = [...this.#objects].filter(([key]) => !keys.has(key));',
    replace: '    const gone = [...this.#objects].filter(([key]) => keys.size > 0 && key === "");',
  },
  {
    name: 'recreated-is-an-update',
    sentence:
      'A release that was deleted and made again under its name goes on with the status of the old one.',
    peer: 'client-node: delete and recreate across a 410 is one update',
    file: 'controllers/canary-release/controller.ts',
    find: '    const gathered = await this.#gather(key, this.#unwritten.over(key, object));',
    replace: `    const memory = this as unknown as { last?: Map<string, unknown> };
    memory.last ??= new Map();
    const isNew = object.status === undefined && object.metadata.deletionTimestamp === undefined;
    const status = isNew ? memory.last.get(key) : object.status;
    memory.last.set(key, status);
    const gathered = await this.#gather(key, { ...object, status } as typeof object);`,
  },
  {
    name: 'watch-stays-dead',
    sentence: 'A watch that ended with an error is not opened again.',
    peer: 'client-node: one HTTP 500 or failed list emits an error, and the informer stays dead',
    file: 'kube/informer.ts',
    find: "        await this.#recover(error, listing ? 'list' : 'watch');",
    replace:
      "        await this.#recover(error, listing ? 'list' : 'watch');\n        if (!isApiError(error, 410)) return;",
  },
  {
    name: 'version-not-followed',
    sentence: 'A watch is opened again from the version of the list, not from the last event.',
    file: 'kube/informer.ts',
    find: '    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;',
    replace: '    this.#resourceVersion ??= event.object.metadata.resourceVersion;',
  },
  {
    name: 'deletions-not-heard',
    sentence: 'Events of deletion are taken for changes.',
    file: 'kube/informer.ts',
    find: `event.type === 'DELETED' ? this.#store.delete(object) : this.#store.set(object)`,
    replace: `this.#store.set(object)`,
  },
  {
    name: 'requeue-forgotten',
    sentence: 'The time at which a pass wanted to be called again is forgotten.',
    file: 'controllers/operator.ts',
    find: '      if (next !== undefined) this.#queue.addAt(key, next.at);',
    replace: '      if (next !== undefined && next.at <= clock.now()) this.#queue.addAt(key, next.at);',
  },
  {
    name: 'added-meanwhile-forgotten',
    sentence: 'A key that is added while it is worked on is not worked on again.',
    file: 'kube/workqueue.ts',
    find: '      else if (this.#dirty.has(key)) this.#enqueue(key);\n      else this.#schedule();',
    replace: '      else {\n        this.#dirty.delete(key);\n        this.#schedule();\n      }',
  },
  {
    name: 'two-workers-on-a-key',
    sentence: 'A key that is added while it is worked on is given to a second worker at once.',
    file: 'kube/workqueue.ts',
    find: '    if (!this.#processing.has(key)) this.#enqueue(key);',
    replace: '    this.#enqueue(key);',
  },
  {
    name: 'later-time-wins',
    sentence: 'Of two times for a key the later one counts.',
    file: 'kube/workqueue.ts',
    find: 'at >= (this.#delayed.at(key) ?? Infinity)) return false;',
    replace: 'at <= (this.#delayed.at(key) ?? -Infinity)) return false;',
  },
  {
    name: 'backoff-without-error',
    sentence: 'A pass without an error counts as a retry, too: each look comes later than the last.',
    file: 'controllers/operator.ts',
    find: '      if (next !== undefined) this.#queue.addAt(key, next.at);',
    replace: `      const looks = ((this as unknown as { looks?: Map<string, number> }).looks ??= new Map());
      looks.set(key, (looks.get(key) ?? 0) + 1);
      if (next !== undefined) this.#queue.addAfter(key, Math.min(300_000, 50 * 2 ** (looks.get(key) ?? 0)));`,
  },
  {
    name: 'errors-not-retried',
    sentence: 'A pass that failed is not tried again until something happens.',
    file: 'kube/workqueue.ts',
    find: '      if (!this.#retriedMeanwhile.has(key)) this.addRateLimited(key);',
    replace: '',
  },
  {
    name: 'conflict-not-retried',
    sentence: 'After a conflict nobody looks again until something happens.',
    file: 'controllers/operator.ts',
    find: '      this.#queue.addRateLimited(key);',
    replace: '',
  },
  {
    name: 'pods-not-watched',
    sentence: 'A pod that changes wakes nobody.',
    file: 'controllers/operator.ts',
    find: "  { cache: 'pods', kind: 'labelled' },",
    replace: "  { cache: 'pods', kind: 'template' },",
  },
];
