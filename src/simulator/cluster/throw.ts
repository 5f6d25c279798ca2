import { Dice } from '../dice.ts';

/** A throw of dice with names. */
export class Throw {
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  /** True so often (0–1). */
  chance(share: number): boolean {
    return this.#dice.next() < share;
  }

  /** A whole number of these two or between them. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#dice.next() * (most - least + 1));
  }

  of<T>(values: readonly T[]): T {
    const value = values[Math.floor(this.#dice.next() * values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }
}
