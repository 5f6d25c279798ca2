import type { Clock } from '../../kube/clock.ts';

/** How long a pass waits for what it has begun to read (ms): quick answers come within it, slow ones wake the key. */
const BUDGET_MS = 200;

interface Entry<T> {
  readonly read: Promise<void>;
  /** A pass waits for it; otherwise its end wakes the key. */
  awaited: boolean;
  over: boolean;
  result: T | undefined;
}

export interface ReadingsDependencies<T> {
  readonly clock: Clock;
  /** Looks at the release with this key again. */
  readonly wake: (key: string) => void;
  /** What a read comes to that throws, which none should. */
  readonly failed: (error: unknown, key: string) => T;
}

/**
 * Reads that go on beside the passes, so that no source, however slow, holds up a pass: a rollback is decided without it.
 * Held in memory alone: what a restart loses is read again.
 */
export class Readings<T> {
  readonly #deps: ReadingsDependencies<T>;
  /** By key and id. */
  readonly #entries = new Map<string, Map<string, Entry<T>>>();

  constructor(dependencies: ReadingsDependencies<T>) {
    this.#deps = dependencies;
  }

  /** Begins a read, unless the one of this id is under way or over. */
  begin(key: string, id: string, read: () => Promise<T>): void {
    const entries = this.#entries.get(key) ?? new Map<string, Entry<T>>();
    this.#entries.set(key, entries);
    if (entries.has(id)) return;
    const reading = Promise.withResolvers<undefined>();
    const entry: Entry<T> = { read: reading.promise, awaited: true, over: false, result: undefined };
    entries.set(id, entry);
    const end = (result: T) => {
      entry.over = true;
      entry.result = result;
      reading.resolve(undefined);
      if (!entry.awaited && this.#entries.get(key)?.get(id) === entry) this.#deps.wake(key);
    };
    read().then(end, (error: unknown) => {
      end(this.#deps.failed(error, key));
    });
  }

  /** True while a read for this key is under way. */
  isBusy(key: string): boolean {
    return [...(this.#entries.get(key)?.values() ?? [])].some(({ over }) => !over);
  }

  /** What a read came to; undefined while it is under way, or was never begun. */
  result(key: string, id: string): T | undefined {
    return this.#entries.get(key)?.get(id)?.result;
  }

  /** Waits for the reads that were begun since the last time, but not for long. */
  async settle(key: string): Promise<void> {
    const begun = [...(this.#entries.get(key)?.values() ?? [])].filter(
      ({ awaited, over }) => awaited && !over,
    );
    await withinBudget(
      this.#deps.clock,
      begun.map(({ read }) => read),
    );
    for (const entry of begun) entry.awaited = false;
  }

  /** Forgets what was read for this key, except these. A read under way goes on, and tells nobody. */
  keep(key: string, ids: ReadonlySet<string>): void {
    const entries = this.#entries.get(key);
    if (entries === undefined) return;
    for (const id of entries.keys()) if (!ids.has(id)) entries.delete(id);
    if (entries.size === 0) this.#entries.delete(key);
  }
}

/** Resolves when all of these have, or after a short while. */
export async function withinBudget(clock: Clock, all: readonly Promise<unknown>[]): Promise<void> {
  if (all.length === 0) return;
  const budget = Promise.withResolvers<undefined>();
  const timer = clock.after(BUDGET_MS, () => {
    budget.resolve(undefined);
  });
  await Promise.race([Promise.all(all), budget.promise]);
  timer.cancel();
}
