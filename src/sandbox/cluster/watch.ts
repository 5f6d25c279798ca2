import type { Clock, Timer } from '../../kube/clock.ts';
import type { ApiError } from '../../kube/types.ts';
import { freeze, type Stored } from './object.ts';
import { checkVersionMatch, matcher, parseWatchVersion, present } from './reads.ts';
import type { ApiRequest, ClusterEvent } from './request.ts';
import { groupVersion, type Resource } from './resource.ts';
import type { Change, Store } from './store.ts';

/** A watch that times out says before that how far it got. */
const LAST_BOOKMARK_MS = 2000;

/** How often a watch that asked for bookmarks gets one, and how long a watch lasts that set no timeout. */
export interface WatchTiming {
  readonly bookmarkMs: number;
  readonly timeoutMs: number;
}

/**
 * One watch: events in order, until it times out, is closed, or fails. Iterate it once.
 */
export class Watch implements AsyncIterable<ClusterEvent> {
  readonly request: ApiRequest;
  readonly #resource: Resource;
  readonly #matches: (object: Stored) => boolean;
  readonly #queue: ClusterEvent[] = [];
  readonly #timers: Timer[] = [];
  #unlisten: () => void = () => undefined;
  #wake: (() => void) | undefined;
  #from = 0;
  #ended = false;
  #failure: ApiError | undefined;

  /** @throws ApiError 400 (selectors), 410 (too old) or 504 (of the future). */
  constructor(store: Store, clock: Clock, resource: Resource, request: ApiRequest, timing: WatchTiming) {
    this.request = request;
    this.#resource = resource;
    checkVersionMatch(request.options, true);
    this.#matches = matcher(resource, request.options);
    this.#start(store);
    this.#unlisten = store.listen(resource.table, (change) => {
      this.#take(change);
    });
    const { options } = request;
    const lasts = options.timeoutSeconds === undefined ? timing.timeoutMs : options.timeoutSeconds * 1000;
    this.#timers.push(
      clock.after(lasts, () => {
        this.close();
      }),
    );
    if (options.allowWatchBookmarks === true) {
      this.#bookmarkEvery(clock, store, timing.bookmarkMs);
      if (lasts > LAST_BOOKMARK_MS) this.#bookmarkIn(clock, store, lasts - LAST_BOOKMARK_MS);
    }
  }

  /** Ends the watch; events that wait are still delivered. */
  close(): void {
    this.#end();
  }

  /** Ends the watch with an error; events that wait are still delivered before it. */
  fail(error: ApiError): void {
    this.#failure = error;
    this.#end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ClusterEvent, void, undefined> {
    try {
      for (;;) {
        const event = this.#queue.shift();
        if (event !== undefined) yield event;
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#end();
    }
  }

  #start(store: Store): void {
    const { options, namespace } = this.request;
    const from = parseWatchVersion(options.resourceVersion);
    // Without a version, or from "any" version, a watch begins with what is there.
    if (
      options.sendInitialEvents === true ||
      ((from ?? 0) === 0 && options.sendInitialEvents === undefined)
    ) {
      const prefix = namespace === undefined ? '' : `${namespace}/`;
      for (const object of store.list(this.#resource.table, prefix)) {
        if (this.#matches(object)) this.#push({ type: 'ADDED', object: present(this.#resource, object) });
      }
      if (options.sendInitialEvents === true) {
        this.#bookmark(store.revision, { 'k8s.io/initial-events-end': 'true' });
      }
      return;
    }
    if (from === undefined || from === 0) return;
    // A watch from a revision to come is silent until then.
    this.#from = from;
    if (from > store.revision) return;
    for (const change of store.changesAfter(this.#resource.table, from)) this.#take(change);
  }

  #take({ before, after, revision }: Change): void {
    if (revision <= this.#from) return;
    const { namespace } = this.request;
    const metadata = (after ?? before)?.metadata;
    if (namespace !== undefined && metadata?.namespace !== namespace) return;
    const was = before !== undefined && this.#matches(before);
    const is = after !== undefined && this.#matches(after);
    if (is) this.#push({ type: was ? 'MODIFIED' : 'ADDED', object: present(this.#resource, after) });
    else if (was)
      this.#push({ type: 'DELETED', object: present(this.#resource, lastState(before, revision)) });
  }

  #bookmark(revision: number, annotations?: Record<string, string>): void {
    const { kind } = this.#resource;
    this.#push({
      type: 'BOOKMARK',
      object: freeze({
        kind,
        apiVersion: groupVersion(this.#resource),
        metadata: {
          resourceVersion: String(revision),
          ...(annotations === undefined ? {} : { annotations }),
        },
      }),
    });
  }

  #bookmarkIn(clock: Clock, store: Store, ms: number): void {
    this.#timers.push(
      clock.after(ms, () => {
        this.#bookmark(store.revision);
      }),
    );
  }

  #bookmarkEvery(clock: Clock, store: Store, ms: number): void {
    const again = () => {
      const timer = clock.after(ms, () => {
        if (this.#ended) return;
        this.#bookmark(store.revision);
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        again();
      });
      this.#timers.push(timer);
    };
    again();
  }

  #push(event: ClusterEvent): void {
    if (this.#ended) return;
    this.#queue.push(event);
    this.#awaken();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unlisten();
    for (const timer of this.#timers) timer.cancel();
    this.#awaken();
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** What a watcher sees of a deleted object: its last state, with the revision of its deletion. */
function lastState(before: Stored, revision: number): Stored {
  return freeze({ ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } });
}
