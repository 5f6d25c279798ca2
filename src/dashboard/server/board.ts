import { type CanaryReleaseObject, parseRelease } from '../../api/index.ts';
import { type Course, courseAfter } from '../../core/course.ts';
import type { Detail, Summary } from '../wire.ts';
import { detailOf, summaryOf } from './views.ts';

interface Known {
  readonly object: CanaryReleaseObject;
  readonly summary: Summary;
  readonly course: Course | undefined;
}

/** What a listener is told of: a release that is new or has changed, or the key of one that is gone. */
export type BoardListener = (key: string, summary: Summary | undefined) => void;

/** All releases that the server knows of, and how those went that it saw going. */
export class Board {
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<BoardListener>();

  /** Called for each change from now on. @returns what ends it */
  listen(listener: BoardListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  set(object: CanaryReleaseObject): void {
    const { status } = parseRelease(object);
    const summary = summaryOf(object, status);
    const before = this.#known.get(summary.key);
    const course = sameObject(before?.object, object) ? before?.course : undefined;
    this.#known.set(summary.key, {
      object,
      summary,
      course: courseAfter(course, status),
    });
    this.#tell(summary.key, summary);
  }

  remove(key: string): void {
    if (this.#known.delete(key)) this.#tell(key, undefined);
  }

  /** Of all releases, in the order of their keys. */
  summaries(): Summary[] {
    return [...this.#known.values()]
      .map(({ summary }) => summary)
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  /** Undefined where there is no such release. */
  detail(key: string): Detail | undefined {
    const known = this.#known.get(key);
    return known === undefined ? undefined : detailOf(known.object, known.course);
  }

  #tell(key: string, summary: Summary | undefined): void {
    for (const listener of this.#listeners) listener(key, summary);
  }
}

/** A release that was deleted and made again is another one. */
function sameObject(a: CanaryReleaseObject | undefined, b: CanaryReleaseObject): boolean {
  return a !== undefined && a.metadata.uid === b.metadata.uid;
}
