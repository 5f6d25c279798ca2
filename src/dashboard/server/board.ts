import { type Course, courseAfter } from '../../core/course.ts';
import type { Detail, Summary } from '../wire.ts';
import { byUrgency } from '../web/rank.ts';
import type { SeenRelease } from './seen.ts';
import { detailOf, summaryOf } from './views.ts';

/** A line of the list, as the page takes it. */
export interface Line {
  readonly summary: Summary;
  /** The same as JSON: made once, however many pages take it. */
  readonly json: string;
}

interface Known extends Line {
  readonly object: SeenRelease;
  readonly course: Course | undefined;
}

/** What a listener is told of: a release that is new, has changed or is gone; undefined when it is the board itself. */
export type BoardListener = (key: string | undefined) => void;

/** Courses of releases that are over; more would fill the memory of an operator with thousands of them. */
const MOST_ENDED = 200;

/** All releases that the server knows of, and how those went that it saw going. */
export class Board {
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<BoardListener>();
  /** Keys of releases that are over and whose course is still there, the longest over first. */
  readonly #ended = new Set<string>();
  #isComplete = false;
  #awaySince: number | undefined;

  /** False until all releases have been seen once. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Since when the cluster has not answered (ms since the epoch); undefined when it does. */
  get awaySince(): number | undefined {
    return this.#awaySince;
  }

  /** Called for each change from now on. @returns what ends it */
  listen(listener: BoardListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  complete(): void {
    this.#isComplete = true;
    this.#tell(undefined);
  }

  /** @param since ms since the epoch; undefined when the cluster answers again */
  away(since: number | undefined): void {
    // An outage begins once.
    if (since !== undefined && this.#awaySince !== undefined) return;
    if (since === this.#awaySince) return;
    this.#awaySince = since;
    this.#tell(undefined);
  }

  set(object: SeenRelease): void {
    const { status } = object;
    const summary = summaryOf(object);
    const { key } = summary;
    const before = this.#known.get(key);
    const course = courseAfter(sameObject(before?.object, object) ? before?.course : undefined, status);
    const json = JSON.stringify(summary);
    this.#known.set(key, { object, summary, json, course });
    if (course !== undefined && status.candidateRevision === undefined) this.#keep(key);
    else this.#ended.delete(key);
    this.#tell(key);
  }

  remove(key: string): void {
    this.#ended.delete(key);
    if (this.#known.delete(key)) this.#tell(key);
  }

  /** Undefined where there is no such release. */
  line(key: string): Line | undefined {
    return this.#known.get(key);
  }

  /** The keys of all releases, the most urgent first. */
  keys(): string[] {
    return [...this.#known.values()]
      .map(({ summary }) => summary)
      .sort(byUrgency)
      .map(({ key }) => key);
  }

  /** Undefined where there is no such release. */
  detail(key: string): Detail | undefined {
    const known = this.#known.get(key);
    return known === undefined ? undefined : detailOf(known.object, known.course);
  }

  #keep(key: string): void {
    this.#ended.add(key);
    if (this.#ended.size <= MOST_ENDED) return;
    const [oldest = key] = this.#ended;
    this.#ended.delete(oldest);
    const known = this.#known.get(oldest);
    if (known !== undefined) this.#known.set(oldest, { ...known, course: undefined });
  }

  #tell(key: string | undefined): void {
    for (const listener of this.#listeners) listener(key);
  }
}

/** A release that was deleted and made again is another one. */
function sameObject(a: SeenRelease | undefined, b: SeenRelease): boolean {
  return a !== undefined && a.metadata.uid === b.metadata.uid;
}
