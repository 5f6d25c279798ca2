import { sleep } from './clock.ts';
import type { Clock, Timer } from './clock.ts';
import { hashOf } from './json.ts';
import { microTime } from './lease.ts';
import { TokenBucket } from './rate-limit.ts';
import type { Rate } from './rate-limit.ts';
import { isApiError, keyOf } from './types.ts';
import type { ApiClient, KubeObject } from './types.ts';
import { events } from './well-known.ts';

/** What happened to an object, in the words of events.k8s.io/v1. */
export interface EventDetails {
  type: 'Normal' | 'Warning';
  /** Why, in CamelCase: `WeightRaised`. */
  reason: string;
  /** What was done about it, in CamelCase: `ShiftTraffic`. */
  action: string;
  /** A sentence for people; the same sentence again makes a series. */
  note: string;
  /** Another object that plays a part. */
  related?: KubeObject | undefined;
}

/** `events.k8s.io/v1` Event. */
export interface EventObject extends KubeObject {
  eventTime: string;
  type: string;
  reason: string;
  action: string;
  note: string;
  reportingController: string;
  reportingInstance: string;
  regarding: Reference;
  related?: Reference;
  series?: { count: number; lastObservedTime: string };
}

interface Reference {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
}

export interface EventRecorderOptions {
  /** Best one with limits of its own: events must not use up what other writes need. */
  client: ApiClient;
  clock: Clock;
  /** Such as `songbird.dev/operator`. */
  reportingController: string;
  /** The pod, as a rule. */
  reportingInstance: string;
  /** Told of events that could not be written. */
  onError: (error: unknown) => void;
  /** New events of one object; 25 at once and one a minute by default. */
  perObject?: Rate;
  /** Events that wait to be written; 500 by default, more are dropped. */
  maxQueued?: number;
  /** A series is written so often at most; every minute by default. */
  seriesIntervalMs?: number;
}

interface Entry {
  readonly event: EventObject;
  /** Times it happened that the server knows of, and those that it doesn't. */
  written: number;
  unwritten: number;
  lastAt: number;
  writtenAt: number;
  timer: Timer | undefined;
}

// Of the API server's validation.
const LONGEST = { name: 253, word: 128, noteBytes: 1024 };
const REMEMBERED_EVENTS = 1000;
const STOP_MS = 5000;

/**
 * Writes Events in the background, one after another. It is best effort by design: `record` returns at once and never
 * throws; what cannot be written, or comes too fast, is counted in `dropped` and forgotten.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #perObject: Rate;
  readonly #maxQueued: number;
  readonly #seriesIntervalMs: number;
  /** By namespace and name of the Event, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #queue: Entry[] = [];
  #writing: Promise<void> | undefined;
  #dropped = 0;
  #stopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#perObject = options.perObject ?? { perSecond: 1 / 60, burst: 25 };
    this.#maxQueued = options.maxQueued ?? 500;
    this.#seriesIntervalMs = options.seriesIntervalMs ?? 60_000;
  }

  /** Events that were never written, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Records that something happened to an object. */
  record(regarding: KubeObject, details: EventDetails): void {
    const event = this.#eventOf(regarding, details);
    const key = keyOf(event.metadata);
    const known = this.#entries.get(key);
    if (this.#stopped || (known === undefined && !this.#admits(regarding))) {
      this.#dropped++;
      return;
    }
    const now = this.#options.clock.monotonic();
    const fresh = { event, written: 0, unwritten: 0, lastAt: 0, writtenAt: -Infinity, timer: undefined };
    const entry: Entry = known ?? fresh;
    entry.unwritten++;
    entry.lastAt = this.#options.clock.now();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forgetOldest();
    if (entry.timer !== undefined || this.#queue.includes(entry)) return;
    const wait = entry.writtenAt + this.#seriesIntervalMs - now;
    if (wait <= 0) this.#enqueue(entry);
    else
      entry.timer = this.#options.clock.after(wait, () => {
        entry.timer = undefined;
        this.#enqueue(entry);
      });
  }

  /** Resolves when everything that waits to be written has been tried. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Writes what waits, within 5 s; takes nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const entry of this.#entries.values()) {
      if (entry.timer === undefined) continue;
      entry.timer.cancel();
      entry.timer = undefined;
      this.#enqueue(entry);
    }
    const done = new AbortController();
    const flushed = this.flush().then(() => {
      done.abort();
    });
    await Promise.race([flushed, sleep(this.#options.clock, STOP_MS, done.signal)]);
    for (const entry of this.#queue.splice(0)) this.#dropped += entry.unwritten;
  }

  #eventOf(regarding: KubeObject, { type, reason, action, note, related }: EventDetails): EventObject {
    const { reportingController, reportingInstance, clock } = this.#options;
    const { name, uid = '', namespace = 'default' } = regarding.metadata;
    // The name is the same after a restart, so that a repetition finds the Event that is there.
    const hash = hashOf([regarding.kind, uid, type, reason, action, note, reportingController]).slice(0, 16);
    const prefix = name.slice(0, LONGEST.name - hash.length - 1).replace(/[-.]+$/, '');
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: `${prefix}.${hash}` },
      eventTime: microTime(clock.now()),
      type,
      reason: reason.slice(0, LONGEST.word),
      action: action.slice(0, LONGEST.word),
      note: shortened(note),
      reportingController,
      reportingInstance: reportingInstance.slice(0, LONGEST.word),
      regarding: referenceTo(regarding),
      ...(related === undefined ? {} : { related: referenceTo(related) }),
    };
  }

  #admits({ kind, metadata }: KubeObject): boolean {
    const id = `${kind}/${keyOf(metadata)}`;
    for (const [other, bucket] of this.#buckets) {
      if (this.#buckets.size < REMEMBERED_EVENTS) break;
      if (bucket.isFull) this.#buckets.delete(other);
    }
    const bucket = this.#buckets.get(id) ?? new TokenBucket(this.#options.clock, this.#perObject);
    this.#buckets.set(id, bucket);
    return bucket.tryTake();
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries;
    if (this.#entries.size <= REMEMBERED_EVENTS || oldest === undefined) return;
    const [key, entry] = oldest;
    this.#entries.delete(key);
    if (entry.timer === undefined) return;
    entry.timer.cancel();
    this.#enqueue(entry);
  }

  #enqueue(entry: Entry): void {
    if (this.#queue.length >= this.#maxQueued) {
      this.#dropped += entry.unwritten;
      entry.unwritten = 0;
      return;
    }
    this.#queue.push(entry);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // `record` is to return before anything is sent.
    await Promise.resolve();
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      const times = entry.unwritten;
      entry.unwritten = 0;
      entry.writtenAt = this.#options.clock.monotonic();
      try {
        await this.#write(entry, times);
      } catch (error) {
        this.#dropped += times;
        this.#options.onError(error);
        this.#forget(entry);
      }
    }
    this.#writing = undefined;
  }

  /** What could not be written is not brought up again later, when its object, or its namespace, may be long gone. */
  #forget(entry: Entry): void {
    this.#entries.delete(keyOf(entry.event.metadata));
    entry.timer?.cancel();
    this.#dropped += entry.unwritten;
    entry.unwritten = 0;
  }

  async #write(entry: Entry, times: number): Promise<void> {
    if (entry.written === 0 && (await this.#create(entry, times))) return;
    try {
      await this.#patchSeries(entry, times);
    } catch (error) {
      if (!isApiError(error, 404)) throw error;
      // Its time to live is over: the story begins anew.
      entry.written = 0;
      await this.#create(entry, times);
    }
  }

  /** @returns false when the Event exists, from before a restart; `entry.written` then is its count. */
  async #create(entry: Entry, times: number): Promise<boolean> {
    const { client } = this.#options;
    const lastObservedTime = microTime(entry.lastAt);
    const series = times > 1 ? { series: { count: times, lastObservedTime } } : {};
    try {
      await client.create<EventObject>(events, { ...entry.event, ...series });
      entry.written = times;
      return true;
    } catch (error) {
      if (!isApiError(error, 409)) throw error;
      const there = await client.get<EventObject>(events, entry.event.metadata);
      entry.written = there.series?.count ?? 1;
      return false;
    }
  }

  async #patchSeries(entry: Entry, times: number): Promise<void> {
    const count = entry.written + times;
    const series = { count, lastObservedTime: microTime(entry.lastAt) };
    await this.#options.client.patch(events, entry.event.metadata, 'merge', { series });
    entry.written = count;
  }
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject): Reference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** The beginning of a note, as many whole characters as the API server takes. */
function shortened(note: string): string {
  if (Buffer.byteLength(note) <= LONGEST.noteBytes) return note;
  const bytes = Buffer.from(note).subarray(0, LONGEST.noteBytes - Buffer.byteLength('…'));
  // A character that was cut in two decodes to U+FFFD.
  return `${bytes.toString('utf8').replace(/\uFFFD+$/, '')}…`;
}
