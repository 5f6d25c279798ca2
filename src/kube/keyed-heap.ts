interface Entry {
  readonly key: string;
  at: number;
}

/** A binary heap that holds each key at most once, with a number to order by. Every operation is O(log n). */
export class KeyedHeap {
  #entries: Entry[] = [];
  readonly #positions = new Map<string, number>();

  get size(): number {
    return this.#entries.length;
  }

  /** The key with the smallest number, and that number. */
  get first(): Readonly<Entry> | undefined {
    return this.#entries[0];
  }

  /** The number of a key. */
  at(key: string): number | undefined {
    const position = this.#positions.get(key);
    return position === undefined ? undefined : this.#entries[position]?.at;
  }

  /** Puts the key at this number, wherever it was before. */
  set(key: string, at: number): void {
    const position = this.#positions.get(key) ?? this.#entries.length;
    this.#place({ key, at }, position);
    this.#sink(this.#rise(position));
  }

  delete(key: string): void {
    const position = this.#positions.get(key);
    const last = this.#entries.at(-1);
    if (position === undefined || last === undefined) return;
    this.#entries.pop();
    this.#positions.delete(key);
    if (last.key === key) return;
    this.#place(last, position);
    this.#sink(this.#rise(position));
  }

  clear(): void {
    this.#entries = [];
    this.#positions.clear();
  }

  #place(entry: Entry, position: number): void {
    this.#entries[position] = entry;
    this.#positions.set(entry.key, position);
  }

  #rise(start: number): number {
    let position = start;
    while (position > 0) {
      const above = (position - 1) >> 1;
      if (!this.#swapIfEarlier(position, above)) break;
      position = above;
    }
    return position;
  }

  #sink(start: number): void {
    for (let position = start; ;) {
      const left = 2 * position + 1;
      const below = this.#isEarlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(below, position)) return;
      position = below;
    }
  }

  #isEarlier(a: number, b: number): boolean {
    const [one, other] = [this.#entries[a], this.#entries[b]];
    return one !== undefined && other !== undefined && one.at < other.at;
  }

  #swapIfEarlier(lower: number, upper: number): boolean {
    const [low, up] = [this.#entries[lower], this.#entries[upper]];
    if (low === undefined || up === undefined || low.at >= up.at) return false;
    this.#place(low, upper);
    this.#place(up, lower);
    return true;
  }
}
