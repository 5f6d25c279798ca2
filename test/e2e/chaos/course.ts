import type { VirtualService } from '../../../src/api/index.ts';
import type { Context, Release } from '../scenarios/context.ts';

/**
 * The moment from which the candidate has to lose its traffic: when it was decided or ordered, not when that was heard of.
 * Times are ms since the epoch.
 */
interface GivenUp {
  readonly revision: string;
  readonly at: number;
}

interface Routed {
  readonly at: number;
  readonly weights: Readonly<Record<string, number>>;
}

/** A release's way back to 0. */
export interface WayBack {
  readonly revision: string;
  readonly from: number;
  /** Undefined while it still has traffic. */
  readonly until: number | undefined;
}

/** The course of the release `shop` as the API server shows it: weights by revision, and when a candidate was given up. */
export class Course {
  readonly #ended = new AbortController();
  readonly #routed: Routed[] = [];
  readonly #givenUp = new Map<string, GivenUp>();
  readonly #changed = new Set<() => void>();
  readonly #decided = new Set<() => void>();

  static async follow(context: Context): Promise<Course> {
    const course = new Course();
    const { kube } = context.bed;
    const isOurs = ({ metadata }: Release | VirtualService) =>
      metadata.namespace === context.namespace && metadata.name === 'shop';
    const { signal } = course.#ended;
    await kube.watch<VirtualService>(
      'VirtualService',
      (service, gone) => {
        if (isOurs(service) && !gone) course.#noteWeights(service);
      },
      signal,
    );
    await kube.watch<Release>(
      'CanaryRelease',
      (release, gone) => {
        if (isOurs(release) && !gone) course.#noteStatus(release);
      },
      signal,
    );
    return course;
  }

  end(): void {
    this.#ended.abort();
  }

  /** Resolves at the next change of status or routes. */
  change(): Promise<void> {
    return next(this.#changed);
  }

  /** Resolves when the next candidate is given up by verdict or deadline: then its traffic is about to be taken away. */
  verdict(): Promise<void> {
    return next(this.#decided);
  }

  /** A person has ordered this revision's end: it counts from here, not from when the status says so. */
  ordered(revision: string, at: number): void {
    const attempt = `${revision} by command`;
    this.#givenUp.set(attempt, { revision, at });
  }

  /** The present weight of a revision in the routes (percent). */
  weightOf(revision: string): number {
    return this.#routed.at(-1)?.weights[revision] ?? 0;
  }

  /** The weights that a revision has had, one after the other; 0 where it had none after it had one. */
  weightsOf(revision: string): number[] {
    const all = this.#routed.map(({ weights }) => weights[revision] ?? 0);
    return all.filter((weight, index) => weight !== (all[index - 1] ?? 0));
  }

  /** When this revision first had this weight at or after a time. */
  firstAt(revision: string, weight: number, since = 0): number | undefined {
    return this.#routed.find(({ at, weights }) => at >= since && (weights[revision] ?? 0) === weight)?.at;
  }

  /**
   * Each revision that was given up while it had traffic, by verdict, deadline or command, from that moment to weight 0.
   */
  get waysBack(): WayBack[] {
    return [...this.#givenUp.values()].flatMap(({ revision, at: from }) => {
      const before = this.#routed.findLast(({ at }) => at <= from);
      if ((before?.weights[revision] ?? 0) === 0) return [];
      return [{ revision, from, until: this.firstAt(revision, 0, from) }];
    });
  }

  #noteWeights({ spec }: VirtualService): void {
    const route = spec.http?.[0]?.route ?? [];
    const weights = Object.fromEntries(
      route.map(({ destination, weight }) => [destination.subset ?? '', weight ?? 100]),
    );
    if (JSON.stringify(weights) === JSON.stringify(this.#routed.at(-1)?.weights)) return;
    this.#routed.push({ at: Date.now(), weights });
    tell(this.#changed);
  }

  #noteStatus({ status = {} }: Release): void {
    const { candidateRevision: revision = '', attempt, ending } = status;
    const key = `${revision} in attempt ${attempt?.number ?? 0}`;
    const ordered = this.#givenUp.has(`${revision} by command`);
    if (ending?.outcome === 'RolledBack' && !ordered && !this.#givenUp.has(key)) {
      this.#givenUp.set(key, { revision, at: Date.parse(ending.at) });
      tell(this.#decided);
    }
    tell(this.#changed);
  }
}

function next(waiting: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    waiting.add(resolve);
  });
}

function tell(waiting: Set<() => void>): void {
  for (const resolve of waiting) resolve();
  waiting.clear();
}
