import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { messageOf } from '../control-plane/build.ts';

const TICK_MS = 5;
const SAMPLES = 20;
/** Names each request, so that what a client met can be found in the logs of proxies. */
export const ID_HEADER = 'x-load-id';

export interface LoadOptions {
  /** Where to send to: the mesh's `url`. */
  readonly url: string;
  /** The host meant, such as `reviews.bookinfo`. */
  readonly host: string;
  /** Requests a second, sent whether or not earlier ones have been answered. */
  readonly rate: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A request without an answer for so long has failed; default 10 s. */
  readonly timeoutMs?: number;
  /** Answers that take longer are counted as slow; default: none. */
  readonly slowMs?: number;
}

/** Requests of one version, or of all. */
export interface Tally {
  requests: number;
  /** Answered 5xx, or not at all. */
  failed: number;
  slow: number;
}

/** A request that failed. Times are ms since the epoch. */
export interface Failure {
  /** Sent along in the header {@link ID_HEADER}: the gateway's log has it. */
  readonly id: string;
  readonly sentAt: number;
  readonly at: number;
  /** The HTTP status; `error` without an answer. */
  readonly status: string;
  /** The version that answered; '' where none did. */
  readonly version: string;
  readonly said: string;
}

/** What clients have experienced. Times are ms since the epoch. */
export interface LoadSummary extends Tally {
  readonly seconds: number;
  /** By HTTP status; `error` for requests without an answer. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** By the version that answered; '' where none did (the mesh's own 503, a broken connection). */
  readonly byVersion: Readonly<Record<string, Readonly<Tally>>>;
  /** When the first answer came that was failed or slow, and the last. */
  readonly firstBadAt: number | undefined;
  readonly lastBadAt: number | undefined;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The first failures, in words. */
  readonly samples: readonly string[];
}

/** Clients that send real requests at a steady rate, over connections that they keep. */
export class Load {
  readonly #options: LoadOptions;
  readonly #agent: Agent;
  readonly #started = performance.now();
  readonly #underWay = new Set<Promise<void>>();
  readonly #byStatus: Record<string, number> = {};
  readonly #byVersion: Record<string, Tally> = {};
  readonly #latencies: number[] = [];
  readonly #failures: Failure[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #stoppedAfter: number | undefined;
  #firstBadAt: number | undefined;
  #lastBadAt: number | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#agent = new Agent({ pipelining: 1, keepAliveTimeout: 60_000 });
    this.#timer = setInterval(() => {
      this.#sendDue();
    }, TICK_MS);
  }

  /** The summary up to now. */
  summary(): LoadSummary {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const quantile = (q: number) => Math.round((sorted[Math.floor(q * (sorted.length - 1))] ?? 0) * 10) / 10;
    const total: Tally = { requests: 0, failed: 0, slow: 0 };
    for (const tally of Object.values(this.#byVersion)) {
      total.requests += tally.requests;
      total.failed += tally.failed;
      total.slow += tally.slow;
    }
    return {
      ...total,
      seconds: (this.#stoppedAfter ?? performance.now() - this.#started) / 1000,
      byStatus: { ...this.#byStatus },
      byVersion: structuredClone(this.#byVersion),
      firstBadAt: this.#firstBadAt,
      lastBadAt: this.#lastBadAt,
      latencyMs: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
      samples: this.#failures.slice(0, SAMPLES).map(inWords),
    };
  }

  /** All requests that failed so far, in the order of their ends. */
  get failures(): readonly Failure[] {
    return this.#failures;
  }

  /** Sends no more, waits for the answers that are due, and tells what happened. May be called twice. */
  async stop(): Promise<LoadSummary> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stoppedAfter ??= performance.now() - this.#started;
    await Promise.all(this.#underWay);
    await this.#agent.close().catch(() => undefined);
    return this.summary();
  }

  /** Sends what should have been sent by now; a late timer makes a small burst, never a lower rate. */
  #sendDue(): void {
    const due = Math.floor(((performance.now() - this.#started) / 1000) * this.#options.rate);
    while (this.#sent < due) {
      this.#sent += 1;
      const request = this.#send(`${this.#options.host}/${this.#sent}`);
      this.#underWay.add(request);
      void request.finally(() => this.#underWay.delete(request));
    }
  }

  async #send(id: string): Promise<void> {
    const { url, host, path = '/', headers, timeoutMs = 10_000, slowMs = Infinity } = this.#options;
    const started = performance.now();
    const sentAt = Date.now();
    let status = 'error';
    let version = '';
    let said = '';
    try {
      const response: Dispatcher.ResponseData = await this.#agent.request({
        origin: url,
        method: 'GET',
        path,
        headers: { ...headers, host, [ID_HEADER]: id },
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = String(response.statusCode);
      version = String(response.headers['x-version'] ?? '');
      said = (await response.body.text()).trim();
    } catch (error) {
      status = 'error';
      said = messageOf(error);
    }
    const tookMs = performance.now() - started;
    const tally = (this.#byVersion[version] ??= { requests: 0, failed: 0, slow: 0 });
    const failed = status === 'error' || status.startsWith('5');
    const slow = tookMs > slowMs;
    tally.requests += 1;
    if (failed) tally.failed += 1;
    if (slow) tally.slow += 1;
    this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1;
    this.#latencies.push(tookMs);
    if (!failed && !slow) return;
    const at = Date.now();
    this.#firstBadAt ??= at;
    this.#lastBadAt = at;
    if (failed) this.#failures.push({ id, sentAt, at, status, version, said });
  }
}

function inWords({ at, status, version, said }: Failure): string {
  return `${new Date(at).toISOString()} ${status} ${version} ${said}`;
}
