import { isApiError } from '../../kube/types.ts';
import type { Told } from '../wire.ts';
import type { Board } from './board.ts';
import type { Feed, Teller } from './feed.ts';
import type { Visitor } from './gate.ts';
import { NO_RIGHTS, type Rights, rightsIn, seenOf } from './rights.ts';
import type { Look, Surroundings } from './surroundings.ts';

/** Lets in who asks, once more: a session may have ended, a token expired. @throws ApiError */
export type Enter = () => Promise<Visitor | undefined>;

/** Releases in one event: a page draws the first while the others come. */
const AT_ONCE = 500;

/** Asks for rights at each beat, and tells since when nobody answers. */
abstract class Guarded implements Teller {
  protected readonly board: Board;
  readonly #enter: Enter;
  readonly #now: () => number;
  #blindSince: number | undefined;
  #toldAway: number | undefined;

  constructor(board: Board, enter: Enter, now: () => number) {
    this.board = board;
    this.#enter = enter;
    this.#now = now;
  }

  async tell(feed: Feed, isBeat: boolean): Promise<boolean> {
    if (isBeat) {
      const visitor = await this.#renew();
      if (visitor === undefined) {
        await feed.send('out', null);
        return false;
      }
    }
    const since = this.board.awaySince ?? this.#blindSince;
    if (since !== this.#toldAway) await feed.send('away', since ?? null);
    this.#toldAway = since;
    // Whoever's rights nobody knows is shown nothing new.
    if (this.#blindSince === undefined) await this.due(feed);
    return true;
  }

  /** Asks what the person may do now. @throws ApiError */
  protected abstract rights(visitor: Visitor): Promise<void>;

  /** Tells what has changed. @throws ApiError */
  protected abstract due(feed: Feed): Promise<void>;

  /** @returns whoever looks, true where nobody can say, undefined where they are no longer let in */
  async #renew(): Promise<Visitor | true | undefined> {
    try {
      const visitor = await this.#enter();
      if (visitor !== undefined) await this.rights(visitor);
      this.#blindSince = undefined;
      return visitor;
    } catch (error) {
      if (!isApiError(error)) throw error;
      this.#blindSince ??= this.#now();
      return true;
    }
  }
}

/** All releases that a person may see: once whole, and then what changes. */
export class ListTeller extends Guarded {
  /** Those that the page has. */
  readonly #shown = new Set<string>();
  readonly #changed = new Set<string>();
  #seen: ReadonlyMap<string, boolean> = new Map();
  #visitor: Visitor | undefined;
  #isWhole = false;

  /** To be called for each change. */
  changed(key: string | undefined): void {
    if (key !== undefined && this.#isWhole) this.#changed.add(key);
  }

  protected async rights(visitor: Visitor): Promise<void> {
    const before = this.#seen;
    const keys = this.board.keys();
    this.#visitor = visitor;
    this.#seen = await seenOf(visitor, new Set([...keys, ...this.#shown].map(namespaceOf)));
    if (!this.#isWhole) return;
    for (const key of [...keys, ...this.#shown]) {
      const namespace = namespaceOf(key);
      if (before.get(namespace) !== this.#seen.get(namespace)) this.#changed.add(key);
    }
  }

  protected async due(feed: Feed): Promise<void> {
    if (!this.board.isComplete) return;
    if (!this.#isWhole) {
      this.#isWhole = true;
      await feed.send('reset', null);
      await this.#tellAll(feed, this.board.keys());
      await feed.send('complete', null);
      return;
    }
    const keys = [...this.#changed];
    this.#changed.clear();
    await this.#tellAll(feed, keys);
  }

  async #tellAll(feed: Feed, keys: readonly string[]): Promise<void> {
    await this.#askFor(keys);
    for (let from = 0; from < keys.length; from += AT_ONCE) {
      const lines: string[] = [];
      const gone: string[] = [];
      for (const key of keys.slice(from, from + AT_ONCE)) {
        const line = this.#seen.get(namespaceOf(key)) === true ? this.board.line(key) : undefined;
        if (line !== undefined) {
          lines.push(line.json);
          this.#shown.add(key);
        } else if (this.#shown.delete(key)) gone.push(key);
      }
      if (lines.length > 0) await feed.sendJson('releases', `[${lines.join(',')}]`);
      if (gone.length > 0) await feed.send('gone', gone);
    }
  }

  /** Rights in namespaces that are new. */
  async #askFor(keys: readonly string[]): Promise<void> {
    const unknown = new Set(keys.map(namespaceOf).filter((namespace) => !this.#seen.has(namespace)));
    if (unknown.size === 0 || this.#visitor === undefined) return;
    const found = await seenOf(this.#visitor, unknown);
    this.#seen = new Map([...this.#seen, ...found]);
  }
}

/** All of one release, again when it has changed. */
export class DetailTeller extends Guarded {
  readonly #key: string;
  readonly #around: Surroundings;
  readonly #onChange: () => void;
  readonly #told = new Map<keyof Told, string>();
  #rights: Rights = NO_RIGHTS;
  #isSeen = false;
  #look: Look | undefined;

  /** @param onChange called when there is something new around the release */
  constructor(
    guard: { readonly board: Board; readonly enter: Enter; readonly now: () => number },
    key: string,
    around: Surroundings,
    onChange: () => void,
  ) {
    super(guard.board, guard.enter, guard.now);
    this.#key = key;
    this.#around = around;
    this.#onChange = onChange;
  }

  /** Ends the watches of what is around the release. */
  stop(): void {
    this.#look?.end();
    this.#look = undefined;
  }

  protected async rights(visitor: Visitor): Promise<void> {
    const namespace = namespaceOf(this.#key);
    this.#isSeen = (await seenOf(visitor, [namespace])).get(namespace) === true;
    this.#rights = this.#isSeen ? await rightsIn(visitor, namespace) : NO_RIGHTS;
  }

  protected async due(feed: Feed): Promise<void> {
    if (!this.board.isComplete) return;
    const detail = this.#isSeen ? this.board.detail(this.#key) : undefined;
    const { mayCommand, maySeePods, maySeeEvents } = this.#rights;
    await this.#send(feed, 'rights', { mayCommand });
    await this.#send(feed, 'detail', detail ?? null);
    if (detail === undefined) {
      this.stop();
      return;
    }
    if (maySeePods || maySeeEvents) this.#look ??= this.#around.look(this.#key, this.#onChange);
    const { pods = [], events = [] } = this.#look?.around() ?? {};
    await this.#send(feed, 'pods', maySeePods ? pods : null);
    await this.#send(feed, 'events', maySeeEvents ? events : null);
  }

  /** What has not changed is not told again. */
  async #send<K extends keyof Told>(feed: Feed, event: K, data: Told[K]): Promise<void> {
    const json = JSON.stringify(data);
    if (this.#told.get(event) === json) return;
    this.#told.set(event, json);
    await feed.sendJson(event, json);
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
