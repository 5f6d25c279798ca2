import type { Clock, Timer } from '../../kube/clock.ts';
import type { Summary, Told } from '../wire.ts';
import type { Board } from './board.ts';
import type { Around, Surroundings } from './surroundings.ts';
import type { Visitor } from './gate.ts';

/** Where a stream writes: an answer of HTTP. */
export interface Sink {
  write(text: string): void;
  end(): void;
}

/** Changes are told together after so long (ms): a busy cluster must not be a busy page. */
const TOGETHER_MS = 100;
/** Rights are asked again, and something is sent, so that nobody in between takes the stream for dead (ms). */
const AGAIN_MS = 20_000;

/** What one page is told: the releases that its person may see; or, of one that is looked at, all. */
export class Stream {
  readonly #sink: Sink;
  readonly #board: Board;
  readonly #around: Surroundings;
  readonly #clock: Clock;
  readonly #visitor: Visitor;
  readonly #looked: string | undefined;
  /** By namespace: whether the person may see it. */
  #rights = new Map<string, Promise<boolean>>();
  readonly #changed = new Map<string, Summary | undefined>();
  #timer: Timer | undefined;
  #beat: Timer | undefined;
  #stop: (() => void) | undefined;
  /** Ends the look at what is around the release. */
  #away: (() => void) | undefined;
  #latest: Around = { pods: [], events: [] };
  #isOver = false;

  /** @param looked the key of the release that is looked at; undefined for the list of all */
  constructor(
    sink: Sink,
    { board, around, clock }: { readonly board: Board; readonly around: Surroundings; readonly clock: Clock },
    visitor: Visitor,
    looked: string | undefined,
  ) {
    this.#sink = sink;
    this.#board = board;
    this.#around = around;
    this.#clock = clock;
    this.#visitor = visitor;
    this.#looked = looked;
  }

  /** Tells all there is, and what changes from now on. @throws ApiError where nobody says what the person may see */
  async start(): Promise<void> {
    this.#stop = this.#board.listen((key, summary) => {
      this.#changed.set(key, summary);
      this.#timer ??= this.#clock.after(TOGETHER_MS, () => {
        this.#timer = undefined;
        void this.#flush();
      });
    });
    await this.#all();
    this.#again();
  }

  stop(): void {
    this.#isOver = true;
    this.#stop?.();
    this.#away?.();
    this.#timer?.cancel();
    this.#beat?.cancel();
  }

  async #all(): Promise<void> {
    this.#rights = new Map();
    if (this.#looked !== undefined) return this.#detail(this.#looked);
    const everywhere = await this.#visitor.maySee(undefined);
    const summaries = this.#board.summaries();
    const seen = everywhere
      ? summaries
      : (
          await Promise.all(summaries.map(async (one) => ((await this.#maySee(one.key)) ? [one] : [])))
        ).flat();
    if (everywhere)
      for (const { key } of summaries) this.#rights.set(namespaceOf(key), Promise.resolve(true));
    this.#tell('list', seen);
  }

  /** Asks for the rights anew: what the person may no longer see goes. */
  #again(): void {
    this.#beat = this.#clock.after(AGAIN_MS, () => {
      void this.#all()
        .catch(() => {
          // Who cannot be asked cannot be shown anything: the page comes again.
          this.#sink.end();
        })
        .then(() => {
          if (!this.#isOver) this.#again();
        });
    });
  }

  async #flush(): Promise<void> {
    const changes = [...this.#changed];
    this.#changed.clear();
    if (this.#looked !== undefined) {
      if (changes.some(([key]) => key === this.#looked)) await this.#detail(this.#looked);
      return;
    }
    for (const [key, summary] of changes) {
      if (!(await this.#maySee(key).catch(() => false))) continue;
      if (summary === undefined) this.#tell('gone', key);
      else this.#tell('release', summary);
    }
  }

  async #detail(key: string): Promise<void> {
    const isSeen = await this.#maySee(key).catch(() => false);
    const namespace = namespaceOf(key);
    const mayCommand = isSeen && (await this.#visitor.mayCommand(namespace).catch(() => false));
    this.#tell('person', { name: this.#visitor.name, mayCommand });
    this.#tell('detail', isSeen ? (this.#board.detail(key) ?? null) : null);
    if (!isSeen) {
      this.#away?.();
      this.#away = undefined;
    } else if (!this.#isOver)
      this.#away ??= this.#around.look(key, (around) => {
        this.#tellAround(around);
      });
  }

  /** What has not changed is not told again. */
  #tellAround({ pods, events }: Around): void {
    if (JSON.stringify(pods) !== JSON.stringify(this.#latest.pods)) this.#tell('pods', pods);
    if (JSON.stringify(events) !== JSON.stringify(this.#latest.events)) this.#tell('events', events);
    this.#latest = { pods, events };
  }

  #maySee(key: string): Promise<boolean> {
    const namespace = namespaceOf(key);
    const known = this.#rights.get(namespace);
    if (known !== undefined) return known;
    const asked = this.#visitor.maySee(undefined).then((all) => all || this.#visitor.maySee(namespace));
    this.#rights.set(namespace, asked);
    return asked;
  }

  #tell<K extends keyof Told>(event: K, data: Told[K]): void {
    if (!this.#isOver) this.#sink.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
