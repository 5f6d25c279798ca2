import { type Clock, sleep } from '../../kube/clock.ts';
import type { Told } from '../wire.ts';

/** Where a feed writes: an answer of HTTP. */
export interface Sink {
  write(text: string): void;
  /** Resolves when what was written has been taken; at once where the reader keeps up. @throws Error where it never does */
  drained(): Promise<void>;
  end(): void;
}

/** What a feed is about. */
export interface Teller {
  /**
   * Tells what is due, after each {@link Feed.poke}; and now and then, as at the very beginning, as a beat: then rights are
   * to be asked anew. One call at a time. @returns false when there will be nothing more
   */
  tell(feed: Feed, isBeat: boolean): Promise<boolean>;
}

/** Changes that come close together are told together (ms): a busy cluster must not be a busy page. */
const TOGETHER_MS = 100;
/** Something is sent at least so often (ms), so that nobody in between takes the stream for dead. */
const BEAT_MS = 15_000;

/**
 * Server-sent events to one page. It tells one thing after another, and nothing new before the page has taken what was
 * told: a slow page hears less often, and costs no memory.
 */
export class Feed {
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  #isDue = false;
  #wake: () => void = () => undefined;

  constructor(sink: Sink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Something has changed. */
  poke(): void {
    this.#isDue = true;
    this.#wake();
  }

  stop(): void {
    this.#over.abort();
    this.#wake();
  }

  /** Tells until {@link stop}, or until there is nothing more. @throws what the teller throws */
  async run(teller: Teller): Promise<void> {
    const { signal } = this.#over;
    // The page comes again soon when the server was away.
    this.#sink.write('retry: 1000\n\n');
    let nextBeat = this.#clock.monotonic();
    while (!signal.aborted) {
      this.#isDue = false;
      const isBeat = this.#clock.monotonic() >= nextBeat;
      if (isBeat) nextBeat = this.#clock.monotonic() + BEAT_MS;
      if (!(await teller.tell(this, isBeat))) break;
      if (isBeat) this.#sink.write(':\n\n');
      await this.#sink.drained();
      await sleep(this.#clock, TOGETHER_MS, signal);
      await this.#next(nextBeat - this.#clock.monotonic());
    }
    this.#sink.end();
  }

  /** Writes one event, and waits where the page is behind. */
  async send<K extends keyof Told>(event: K, data: Told[K]): Promise<void> {
    await this.sendJson(event, JSON.stringify(data));
  }

  /** The same of what is JSON already. */
  async sendJson(event: keyof Told, json: string): Promise<void> {
    if (this.#over.signal.aborted) return;
    this.#sink.write(`event: ${event}\ndata: ${json}\n\n`);
    await this.#sink.drained();
  }

  /** Resolves when something is due, or after so long (ms). */
  #next(ms: number): Promise<void> {
    if (this.#isDue || this.#over.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
