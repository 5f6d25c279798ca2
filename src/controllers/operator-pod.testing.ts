import type { Clock } from '../kube/clock.ts';
import { sleep } from '../kube/clock.ts';
import { abortable } from '../kube/deadline.ts';
import { RateLimitedClient } from '../kube/rate-limit.ts';
import { type ApiClient, ApiError, type KubeObject, type ResourceType, isApiError } from '../kube/types.ts';
import type { WatchEvent, WatchOptions } from '../kube/types.ts';
import type { TestCluster } from './cluster.testing.ts';
import { lead } from './lead.ts';
import { OperatorMetrics } from './metrics.ts';

const RESTART_MS = 1000;
const REQUEST_MS = 10_000;

/** How the API server is away: it answers with this error, or not at all. */
export type Outage = ApiError | 'silent';

/** The way to the API server, which can be cut: then requests fail as over HTTP, and watches break. */
export class Line {
  readonly #clock: Clock;
  #outage: Outage | undefined;
  #broken = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  cut(outage: Outage): void {
    this.#outage = outage;
    this.#broken.abort();
  }

  mend(): void {
    this.#outage = undefined;
    this.#broken = new AbortController();
  }

  /** The same API as long as the line holds and the process at this end lives. */
  client(inner: ApiClient, dead: AbortSignal, onNoAnswer: () => void): ApiClient {
    const send = async <T>(request: () => Promise<T>): Promise<T> => {
      try {
        await this.#pass(dead);
        const answer = await request();
        await this.#pass(dead);
        return answer;
      } catch (error) {
        if (isApiError(error, 0)) onNoAnswer();
        throw error;
      }
    };
    return {
      get: (...args) => send(() => inner.get(...args)),
      list: (...args) => send(() => inner.list(...args)),
      create: (...args) => send(() => inner.create(...args)),
      update: (...args) => send(() => inner.update(...args)),
      patch: (...args) => send(() => inner.patch(...args)),
      delete: (...args) => send(() => inner.delete(...args)),
      watch: <T extends KubeObject>(type: ResourceType, options: WatchOptions) =>
        this.#watch<T>(inner, type, options, dead),
    };
  }

  async *#watch<T extends KubeObject>(
    inner: ApiClient,
    type: ResourceType,
    options: WatchOptions,
    dead: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, void> {
    await this.#pass(dead);
    const broken = this.#broken.signal;
    const events = inner.watch<T>(type, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await abortable(Promise.resolve(events.next()), broken).catch(async (error: unknown) => {
          // A connection that broke; or one of which nobody knows that it did.
          if (this.#outage === 'silent') await untilAborted(options.signal);
          throw broken.aborted ? new ApiError(0, 'ConnectionFailed', 'other side closed') : error;
        });
        await this.#pass(dead);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      void events.return?.();
    }
  }

  async #pass(dead: AbortSignal): Promise<void> {
    if (dead.aborted) await new Promise(() => undefined);
    if (this.#outage === undefined) return;
    if (this.#outage !== 'silent') throw this.#outage;
    await sleep(this.#clock, REQUEST_MS);
    throw new ApiError(0, 'Timeout', 'no answer within 10 s');
  }
}

/** The operator as its Deployment runs it: it leads by a lease, and when it ends by itself it is started again. */
export class OperatorPod {
  readonly line: Line;
  /** How often it has ended by itself. */
  ended = 0;
  readonly #world: TestCluster;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(world: TestCluster) {
    this.#world = world;
    this.line = new Line(world.clock);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#world.clock.advance(60_000);
    await this.#running;
  }

  async #run(): Promise<void> {
    while ((await this.#process()) === 'lost') {
      this.ended++;
      await sleep(this.#world.clock, RESTART_MS);
    }
  }

  /** One process, wired as `main.ts` does it. */
  async #process(): Promise<'released' | 'lost' | 'never led'> {
    const { clock, cluster } = this.#world;
    const death = new AbortController();
    const direct = this.line.client(cluster.client({ user: 'songbird' }), death.signal, () => {
      operator.doubtWatches();
    });
    const leadership = lead({
      flags: { leaderElect: true, leaderElectionNamespace: 'shop' },
      client: direct,
      clock,
      identity: `process-${this.ended}`,
      metrics: new OperatorMetrics(),
      onError: () => undefined,
      random: this.#world.random,
    });
    const client = new RateLimitedClient(direct, {
      clock,
      overall: { perSecond: 50, burst: 100 },
      perObject: { perSecond: 5, burst: 20 },
      beforeWrite: leadership.assertLeader,
    });
    const operator = this.#world.operatorWith(client);
    await operator.start();
    const outcome = await leadership.run(this.#stopping.signal, async (signal) => {
      operator.work();
      await untilAborted(signal);
      await operator.shutdown();
    });
    // The end of a process is the end of all that it does, at once.
    death.abort();
    return outcome;
  }
}

function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else
      signal?.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}
