const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A reproducible source of uids and name suffixes: the same seed gives the same cluster. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }

  /** A version 4 UUID. */
  uid(): string {
    const hex = (digits: number) => {
      let text = '';
      for (let index = 0; index < digits; index += 1) text += this.below(16).toString(16);
      return text;
    };
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'.charAt(this.below(4))}${hex(3)}-${hex(12)}`;
  }

  /** Five characters as the real server appends them to `generateName`. */
  suffix(): string {
    let text = '';
    for (let index = 0; index < 5; index += 1) text += NAME_ALPHABET.charAt(this.below(NAME_ALPHABET.length));
    return text;
  }

  // The splitmix32 generator.
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }
}
