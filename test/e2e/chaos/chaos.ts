import type { CanaryReleaseStatus } from '../../../src/api/index.ts';
import type { Random } from '../../../src/sandbox/cluster/random.ts';
import type { ControlPlane } from '../control-plane/start.ts';
import type { Context } from '../scenarios/context.ts';
import { Course } from './course.ts';
import { type Blow, type Losses, type Outage, tellApart } from './losses.ts';

/** From a failing verdict or the order `abort` to weight 0, wherever the API server answers (s). */
export const MOST_SECONDS_TO_ZERO = 2;
/** The gateway writes its log twice a second. */
export const LOG_FLUSH_MS = 1000;

export interface ChaosScenario {
  readonly name: string;
  run(chaos: Chaos): Promise<void>;
}

export interface ChaosOptions {
  readonly plane: ControlPlane;
  /** How often the operator is killed. */
  readonly kills: number;
  readonly random: Random;
}

/** A time in which nobody could write: the API server was away, or refused. */
interface Hindrance {
  readonly from: number;
  until: number;
}

/** One scenario's release, what is broken around it, and what its callers and the API server have seen of it. */
export class Chaos {
  readonly context: Context;
  readonly plane: ControlPlane;
  readonly kills: number;
  readonly random: Random;
  /** More figures, for people. */
  readonly notes: Record<string, number | string> = {};
  /** Which ways back are held against the limit; the others a scenario judges itself. */
  counts: (from: number, until: number) => boolean = () => true;
  readonly #blows: Blow[] = [];
  readonly #outages: Outage[] = [];
  readonly #hindrances: Hindrance[] = [];
  #course: Course | undefined;
  #commands = 0;

  constructor(context: Context, options: ChaosOptions) {
    this.context = context;
    this.plane = options.plane;
    this.kills = options.kills;
    this.random = options.random;
  }

  get course(): Course {
    if (this.#course === undefined) throw new Error('nothing goes its course yet: call healthy() first');
    return this.#course;
  }

  /** Brings up v1 and traffic to it, and follows the release from there on. */
  async healthy(spec: Record<string, unknown> = {}): Promise<CanaryReleaseStatus> {
    const status = await this.context.healthy(spec);
    this.#course = await Course.follow(this.context);
    return status;
  }

  /** To be called right before the scenario takes all ready pods of a revision; answers the time. */
  strikes(revision: string): number {
    const at = Date.now();
    this.#blows.push({ revision, at });
    return at;
  }

  /** Takes away a part that every request needs, for as long as `meanwhile` takes. */
  async outage(what: string, meanwhile: () => Promise<void>): Promise<void> {
    const from = Date.now();
    try {
      await meanwhile();
    } finally {
      this.#outages.push({ what, from, until: Date.now() });
    }
  }

  /** Keeps everybody, or the operator, from writing to the API server, for as long as `meanwhile` takes. */
  async hindered<T>(meanwhile: () => Promise<T>): Promise<T> {
    const hindrance: Hindrance = { from: Date.now(), until: Infinity };
    this.#hindrances.push(hindrance);
    try {
      return await meanwhile();
    } finally {
      hindrance.until = Date.now();
    }
  }

  /** Orders the end of the present release; counts from this moment. */
  async abort(): Promise<string> {
    const { kube } = this.context.bed;
    const { candidateRevision: revision = '' } = await this.context.status();
    this.#commands += 1;
    const at = Date.now();
    await kube.create({
      apiVersion: 'songbird.dev/v1alpha1',
      kind: 'ReleaseCommand',
      metadata: { name: `stop-${this.#commands}`, namespace: this.context.namespace },
      spec: { release: 'shop', revision, action: 'abort' },
    });
    this.course.ordered(revision, at);
    return revision;
  }

  /** The longest way back to 0 (s); infinite when one has not come to its end, null when none was to be gone. */
  secondsToZero(counts = this.counts): number | null {
    const seconds = this.course.waysBack.flatMap(({ from, until = Infinity }) => {
      const free = this.#hindrances.find((time) => from >= time.from && from <= time.until)?.until ?? from;
      return counts(free, until) ? [Math.max(0, until - free) / 1000] : [];
    });
    return seconds.length === 0 ? null : Math.round(Math.max(...seconds) * 1000) / 1000;
  }

  /** Whose fault the failed requests were. The gateway's log must have been written. */
  async losses(): Promise<Losses> {
    const faults = { blows: this.#blows, outages: this.#outages };
    return tellApart(this.context.load.failures, await this.context.bed.mesh.failures(), faults);
  }

  close(): void {
    this.#course?.end();
  }
}
