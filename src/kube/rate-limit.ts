import type { Clock } from './clock.ts';
import { keyOf } from './types.ts';
import type {
  ApiClient,
  DeleteOptions,
  KubeObject,
  ObjectRef,
  PatchType,
  ResourceType,
  WriteOptions,
} from './types.ts';

export interface Rate {
  /** Tokens that come back each second. */
  perSecond: number;
  /** Tokens in a full bucket: as many can be taken at once. */
  burst: number;
}

/** A token bucket. Those who wait are served first come, first served. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: number;
  readonly #waiting: (() => void)[] = [];
  #armed = false;

  /** @throws Error for a rate by which nobody would ever get a token. */
  constructor(clock: Clock, rate: Rate) {
    if (!(rate.perSecond > 0) || !(rate.burst >= 1))
      throw new Error(
        `a rate of ${rate.perSecond} a second with a burst of ${rate.burst} lets nothing through`,
      );
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = clock.monotonic();
  }

  /** True when nothing was taken for so long that forgetting the bucket changes nothing. */
  get isFull(): boolean {
    this.#fill();
    return this.#waiting.length === 0 && this.#tokens >= this.#rate.burst;
  }

  /** Takes a token, waiting for one as long as it takes. */
  take(): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#arm();
    });
  }

  /** Takes a token if there is one and nobody waits for it. */
  tryTake(): boolean {
    this.#fill();
    if (this.#waiting.length > 0 || this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes a token at once, on credit if need be; those who wait pay it back. */
  force(): void {
    this.#fill();
    this.#tokens--;
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    const earned = ((now - this.#filledAt) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
    this.#filledAt = now;
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    // Whole milliseconds, and never none, or rounding could leave us a hair short again and again.
    const ms = Math.max(1, Math.ceil(((1 - this.#tokens) / this.#rate.perSecond) * 1000));
    this.#clock.after(ms, () => {
      this.#armed = false;
      this.#serve();
    });
  }

  #serve(): void {
    this.#fill();
    while (this.#tokens >= 1) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#tokens--;
      next();
    }
    if (this.#waiting.length > 0) this.#arm();
  }
}

/** A write that is about to be sent. */
export interface Write {
  verb: 'create' | 'update' | 'patch' | 'delete';
  type: ResourceType;
  /** `namespace/name`; of an object whose name the server makes, its `generateName` is unknown here. */
  key: string;
}

export interface RateLimitedClientOptions {
  clock: Clock;
  /** Of all writes together. */
  overall: Rate;
  /** Of the writes to each object. */
  perObject: Rate;
  /**
   * Called right before each write is sent, after all waiting. What it throws is thrown to the writer and nothing is
   * sent: the place to ask whether we still lead.
   */
  beforeWrite?: (write: Write) => void;
}

const SWEEP_AT_BUCKETS = 1000;

/** Limits how fast writes reach an API server. Reads and watches pass freely. */
export class RateLimitedClient implements ApiClient {
  readonly #inner: ApiClient;
  readonly #options: RateLimitedClientOptions;
  readonly #overall: TokenBucket;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = SWEEP_AT_BUCKETS;

  readonly get: ApiClient['get'];
  readonly list: ApiClient['list'];
  readonly watch: ApiClient['watch'];

  constructor(inner: ApiClient, options: RateLimitedClientOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#overall = new TokenBucket(options.clock, options.overall);
    this.get = inner.get.bind(inner);
    this.list = inner.list.bind(inner);
    this.watch = inner.watch.bind(inner);
  }

  async create<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T> {
    await this.#admit({ verb: 'create', type, key: keyOf(object.metadata) }, options);
    return this.#inner.create(type, object, options);
  }

  async update<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T> {
    await this.#admit({ verb: 'update', type, key: keyOf(object.metadata) }, options);
    return this.#inner.update(type, object, options);
  }

  async patch<T extends KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    patchType: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T> {
    await this.#admit({ verb: 'patch', type, key: keyOf(ref) }, options);
    return this.#inner.patch<T>(type, ref, patchType, patch, options);
  }

  async delete(type: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<void> {
    await this.#admit({ verb: 'delete', type, key: keyOf(ref) });
    await this.#inner.delete(type, ref, options);
  }

  async #admit(write: Write, options?: WriteOptions): Promise<void> {
    const ofObject = this.#bucketOf(`${write.type.group}/${write.type.plural}/${write.key}`);
    if (options?.urgent === true) {
      ofObject.force();
      this.#overall.force();
    } else {
      // In this order, so that who waits for one busy object holds no token that others could use.
      await ofObject.take();
      await this.#overall.take();
    }
    this.#options.beforeWrite?.(write);
  }

  #bucketOf(id: string): TokenBucket {
    const known = this.#buckets.get(id);
    if (known !== undefined) return known;
    if (this.#buckets.size >= this.#sweepAt) this.#sweep();
    const bucket = new TokenBucket(this.#options.clock, this.#options.perObject);
    this.#buckets.set(id, bucket);
    return bucket;
  }

  #sweep(): void {
    for (const [id, bucket] of this.#buckets) if (bucket.isFull) this.#buckets.delete(id);
    this.#sweepAt = Math.max(SWEEP_AT_BUCKETS, 2 * this.#buckets.size);
  }
}
