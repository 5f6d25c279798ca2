import { type Clock, WALL_JUMP_MS } from '../../kube/clock.ts';

interface Seen {
  /** How far the wall clock is ahead of the monotonic one (ms): at the last look, and when the window was opened. */
  readonly offset: number;
  readonly opened: number;
  readonly window: string | undefined;
}

/**
 * Notices that the wall clock was set forward while a weight was watched. Only the wall clock is the same in all processes,
 * so status holds its times; but time that did not pass was not watched, and must not make a step shorter.
 */
export class WatchedTime {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * To be asked at each look at a release.
   *
   * @param window when the present window was opened; undefined while there is none
   * @returns true while the wall clock has gained on the monotonic one since then
   */
  isSkipped(key: string, window: string | undefined): boolean {
    const offset = this.#clock.now() - this.#clock.monotonic();
    const before = this.#seen.get(key);
    // A window that is new was opened by the last look, if not by another process.
    const opened = before === undefined ? offset : before.window === window ? before.opened : before.offset;
    this.#seen.set(key, { offset, opened, window });
    return window !== undefined && offset - opened > WALL_JUMP_MS;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
