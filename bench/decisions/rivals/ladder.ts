/** What a rule did in a cell at one setting. */
export interface Rung {
  /** The setting: the larger, the more lenient. */
  readonly setting: number;
  rolledBack: number;
  /** Sum over all releases of the failed requests that the candidate served. */
  failed: number;
  /** When releases were rolled back (seconds since the candidate's first traffic). */
  readonly seconds: number[];
}

/**
 * A rule at many settings at once. A release is described by a value that grows as the release goes on, such as the largest
 * error rate of a minute so far: the rule rolls back as soon as the value exceeds its setting.
 */
export class Ladder {
  readonly rungs: readonly Rung[];
  #crossed = 0;

  /** @param settings in ascending order */
  constructor(settings: readonly number[]) {
    this.rungs = settings.map((setting) => ({ setting, rolledBack: 0, failed: 0, seconds: [] }));
  }

  /** The value has reached this; rules that it exceeds roll back at that time, after so many failed requests. */
  raise(value: number, seconds: number, failed: number): void {
    for (;;) {
      const rung = this.rungs[this.#crossed];
      if (rung === undefined || rung.setting >= value) return;
      rung.rolledBack++;
      rung.failed += failed;
      rung.seconds.push(seconds);
      this.#crossed++;
    }
  }

  /** The strictest setting that has not been exceeded in this release. */
  get next(): number {
    return this.rungs[this.#crossed]?.setting ?? Infinity;
  }

  /** The release is over: at settings that were not exceeded the candidate served so many failed requests. */
  end(failed: number): void {
    for (const rung of this.rungs.slice(this.#crossed)) rung.failed += failed;
    this.#crossed = 0;
  }
}
