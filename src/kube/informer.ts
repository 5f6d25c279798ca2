import { sleep } from './clock.ts';
import type { Clock } from './clock.ts';
import { Deadline } from './deadline.ts';
import { deepFreeze } from './json.ts';
import { ObjectStore } from './store.ts';
import type { Change, Indexer } from './store.ts';
import { ApiError, isApiError } from './types.ts';
import type { ApiClient, KubeObject, ListOptions, ResourceType, WatchEvent } from './types.ts';

/** Called after the store has changed, in the order of the changes. What they throw goes to `onError`. */
export interface InformerHandlers<T extends KubeObject> {
  added?(object: T): void;
  updated?(object: T, old: T): void;
  deleted?(old: T): void;
}

/** Where something went wrong; the informer goes on by itself in every case. */
export type InformerPhase = 'list' | 'watch' | 'handler';

export interface InformerOptions<T extends KubeObject> {
  client: ApiClient;
  type: ResourceType;
  clock: Clock;
  /** Watches one namespace only. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  handlers?: InformerHandlers<T>;
  onError: (error: unknown, phase: InformerPhase) => void;
  /** Told once after errors of lists or watches, when the cache follows the server again. */
  onRecovery?: () => void;
  /** Named functions for `byIndex`. They must be pure and must not throw. */
  indexers?: Readonly<Record<string, Indexer<T>>>;
  /** Changes each object before it is stored, to drop what nobody reads; it may change its argument. */
  transform?: (object: T) => T;
  /** Freezes every object, so that a write into the cache throws: for tests and development. */
  freeze?: boolean;
  /** Uniform in [0, 1). */
  random?: () => number;
  /** Time after which a watch is followed by a fresh list; 30 min by default. */
  relistMs?: number;
  /** A watch without event or bookmark for so long is given up; 150 s by default, bookmarks come every minute. */
  inactivityMs?: number;
  pageSize?: number;
}

// A server that is back after an outage is found at once, and so are rights that are given back: somebody may have ordered
// an abort meanwhile. A kind that the cluster lacks, or what is wrong otherwise, will stay so for a while.
const BACKOFF_MS = { first: 800, longestAway: 1_500, longestRefused: 30_000, longestAsked: 60_000 };
const WATCH_SECONDS = { shortest: 300, longest: 600 };
// A watch that ends sooner, and without an event, is a failure: a proxy that closes every watch must not be stormed.
const SHORTEST_WATCH_MS = 1000;

/**
 * A cache of all objects of one kind, kept up to date by list and watch. It never gives up: errors are reported and
 * tried again after 0.8 s, growing to 1.5 s while the server is away or does not let us in, and to 30 s while it refuses
 * for another reason. Meanwhile the last known objects stay.
 *
 * Objects belong to the cache: treat them as read-only.
 */
export class Informer<T extends KubeObject> {
  readonly type: ResourceType;
  readonly #options: Required<
    Pick<InformerOptions<T>, 'client' | 'clock' | 'random' | 'relistMs' | 'inactivityMs' | 'pageSize'>
  > &
    InformerOptions<T>;
  readonly #store: ObjectStore<T>;
  readonly #handlers: InformerHandlers<T>[];
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<undefined>();
  #running: Promise<void> | undefined;
  #hasSynced = false;
  #resourceVersion: string | undefined;
  #listedAt = 0;
  #failures = 0;
  /** The last failure was not the request's, as {@link isAway} says. */
  #away = false;
  /** Where the last error was that nothing has refuted yet. */
  #failing: 'list' | 'watch' | undefined;
  /** The last watch failed because its version was too old. */
  #expired = false;
  #lastEventAt: number;
  /** Ends the present watch; undefined while there is none. */
  #endWatch: (() => void) | undefined;

  constructor(options: InformerOptions<T>) {
    this.#options = {
      random: Math.random,
      relistMs: 30 * 60_000,
      inactivityMs: 150_000,
      pageSize: 500,
      ...options,
    };
    this.type = options.type;
    this.#store = new ObjectStore(options.indexers);
    this.#handlers = options.handlers === undefined ? [] : [options.handlers];
    this.#lastEventAt = options.clock.monotonic();
    // Nobody needs to wait for it.
    this.#synced.promise.catch(() => undefined);
  }

  /** True from the end of the first complete list on. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Milliseconds since the server was last heard of: how stale the cache may be. */
  get silentMs(): number {
    return this.#options.clock.monotonic() - this.#lastEventAt;
  }

  /** Resolves when the first list is in the cache; rejects when the informer is stopped before. */
  whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /** The object of a key as `keyOf` makes it. */
  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  /** All objects, or those of one namespace, in no order. */
  list(namespace?: string): T[] {
    return this.#store.list(namespace);
  }

  /** Objects for which the indexer of this name gives this value. */
  byIndex(name: string, value: string): T[] {
    return this.#store.byIndex(name, value);
  }

  /** Adds handlers; what is in the cache already is `added` to them at once. */
  addHandlers(handlers: InformerHandlers<T>): void {
    this.#handlers.push(handlers);
    for (const object of this.#store.list()) this.#tell(handlers, { type: 'added', object });
  }

  start(): void {
    if (this.#stop.signal.aborted) throw new Error(`the informer of ${this.type.plural} was stopped`);
    this.#running ??= this.#run();
  }

  /**
   * Opens the watch anew, from where it is. To be called when there is reason to think that its connection is dead: of a
   * connection that broke without a word nobody hears until `inactivityMs` are over.
   */
  rewatch(): void {
    this.#endWatch?.();
  }

  /** Ends the watch; when it resolves, nothing runs any more and no handler will be called. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#synced.reject(new Error(`the informer of ${this.type.plural} was stopped before its first list`));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const listing = this.#mustList();
      try {
        if (listing) await this.#relist();
        else await this.#watch();
      } catch (error) {
        await this.#recover(error, listing ? 'list' : 'watch');
      }
    }
  }

  #mustList(): boolean {
    const { clock, relistMs } = this.#options;
    return this.#resourceVersion === undefined || clock.monotonic() - this.#listedAt >= relistMs;
  }

  async #recover(error: unknown, phase: 'list' | 'watch'): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    if (phase === 'watch' && mustRelist(error)) this.#resourceVersion = undefined;
    // A version that has gone is the course of life, after an outage above all, and mended by one list at once.
    const wasExpired = this.#expired;
    this.#expired = phase === 'watch' && isApiError(error, 410);
    if (this.#expired && !wasExpired) return;
    const away = isAway(error);
    // Another sort of failure is news: after an outage, say, the first requests are refused for a moment.
    this.#failures = away === this.#away ? this.#failures + 1 : 1;
    this.#away = away;
    this.#failing = phase;
    this.#options.onError(error, phase);
    await sleep(this.#options.clock, this.#backoffMs(error), signal);
  }

  #backoffMs(error: unknown): number {
    const { first, longestAway, longestRefused, longestAsked } = BACKOFF_MS;
    const longest = this.#away ? longestAway : longestRefused;
    const whole = Math.min(first * 2 ** (this.#failures - 1), longest);
    const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    return Math.max(Math.min(asked, longestAsked), whole * (0.5 + this.#options.random() / 2));
  }

  async #relist(): Promise<void> {
    const { clock, transform = (object: T) => object, freeze } = this.#options;
    const startedAt = clock.monotonic();
    const { items, resourceVersion } = await this.#listAll();
    if (this.#stop.signal.aborted) return;
    const objects = items.map((item) => (freeze === true ? deepFreeze(transform(item)) : transform(item)));
    this.#resourceVersion = resourceVersion;
    this.#listedAt = startedAt;
    this.#lastEventAt = startedAt;
    const changes = this.#store.replace(objects);
    this.#hasSynced = true;
    // Where it is the watch that fails, a list proves nothing.
    if (this.#failing === 'list') this.#recovered();
    this.#tellAll(changes);
    this.#synced.resolve(undefined);
  }

  /** A consistent list: no resourceVersion is asked for, so that the cache never goes back in time. */
  async #listAll(): Promise<{ items: T[]; resourceVersion: string }> {
    const { client, type, namespace, labelSelector, fieldSelector, pageSize } = this.#options;
    const base: ListOptions = { namespace, labelSelector, fieldSelector, signal: this.#stop.signal };
    const first = await client.list<T>(type, { ...base, limit: pageSize });
    const pages = [first.items];
    let more = first.continue;
    while (more !== undefined) {
      try {
        const page = await client.list<T>(type, { ...base, limit: pageSize, continue: more });
        pages.push(page.items);
        more = page.continue;
      } catch (error) {
        if (!isApiError(error, 410)) throw error;
        // Paging took longer than the server keeps versions: one whole list always comes to an end.
        return client.list<T>(type, base);
      }
    }
    return { items: pages.flat(), resourceVersion: first.resourceVersion };
  }

  async #watch(): Promise<void> {
    const { client, type, clock, namespace, labelSelector, fieldSelector, inactivityMs, random } =
      this.#options;
    const { shortest, longest } = WATCH_SECONDS;
    const startedAt = clock.monotonic();
    const deadline = new Deadline(clock, this.#stop.signal);
    let heard = false;
    const doubt = new AbortController();
    this.#endWatch = () => {
      doubt.abort();
      deadline.dispose();
    };
    try {
      deadline.restart(inactivityMs);
      const events = client.watch<T>(type, {
        namespace,
        labelSelector,
        fieldSelector,
        resourceVersion: this.#resourceVersion ?? '',
        timeoutSeconds: Math.floor(shortest + random() * (longest - shortest)),
        signal: deadline.signal,
      });
      for await (const event of events) {
        if (this.#stop.signal.aborted) return;
        deadline.restart(inactivityMs);
        heard = true;
        this.#succeeded();
        this.#handle(event);
        // A server that lets a watch live for ever must not keep us from the slow list.
        if (this.#mustList()) return;
      }
    } finally {
      this.#endWatch = undefined;
      deadline.dispose();
    }
    if (doubt.signal.aborted) return;
    if (deadline.expired) throw broken(type, 'Timeout', `nothing was heard for ${inactivityMs / 1000} s`);
    if (!heard && clock.monotonic() - startedAt < SHORTEST_WATCH_MS)
      throw broken(type, 'ConnectionFailed', 'the server ended it at once');
    this.#succeeded();
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#expired = false;
    if (this.#failing !== undefined) this.#recovered();
  }

  #recovered(): void {
    this.#failing = undefined;
    this.#options.onRecovery?.();
  }

  #handle(event: WatchEvent<T>): void {
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#lastEventAt = this.#options.clock.monotonic();
    if (event.type === 'BOOKMARK') return;
    const { transform = (object: T) => object, freeze } = this.#options;
    const object = transform(event.object);
    if (freeze === true) deepFreeze(object);
    this.#tellAll(event.type === 'DELETED' ? this.#store.delete(object) : this.#store.set(object));
  }

  #tellAll(changes: readonly Change<T>[]): void {
    for (const change of changes) for (const handlers of this.#handlers) this.#tell(handlers, change);
  }

  #tell(handlers: InformerHandlers<T>, change: Change<T>): void {
    try {
      if (change.type === 'added') handlers.added?.(change.object);
      else if (change.type === 'updated') handlers.updated?.(change.object, change.old);
      else handlers.deleted?.(change.old);
    } catch (error) {
      this.#options.onError(error, 'handler');
    }
  }
}

function broken({ plural, group }: ResourceType, reason: string, what: string): ApiError {
  return new ApiError(0, reason, `watch ${group === '' ? plural : `${plural}.${group}`}: ${what}`);
}

/** True where it is not the request that is wrong: no answer, a server in trouble, credentials or rights that lack. */
function isAway(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return [0, 401, 403, 429].includes(error.code) || error.code >= 500;
}

/**
 * True where another watch from the same version cannot succeed, or may be as silent as the last: the version is too
 * old (410); the request is refused, for a reason that a list tells best; or the version is from the future, as after
 * etcd was restored from a backup. Of that API servers say nothing: such a watch just stays without bookmarks.
 */
function mustRelist(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true;
  if (error.code === 0) return error.reason === 'Timeout';
  return error.code >= 400 && error.code < 500 && error.code !== 429;
}
