/**
 * Random numbers from a seed: the same seed gives the same run on every machine. The generator is sfc32 (Doty-Humphrey,
 * PractRand), whose period is far beyond what a simulation draws.
 */
export class Dice {
  #a = 0;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    this.#c ^= Math.floor(seed / 2 ** 32);
    // The first numbers of similar seeds are alike.
    for (let i = 0; i < 16; i++) this.next();
  }

  /** Evenly in [0, 1). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** How many events happen when `mean` are expected; by a normal approximation above 200. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > 200) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    let left = Math.exp(-Math.min(mean, 200));
    let probability = left;
    const drawn = this.next();
    let events = 0;
    while (drawn > left && probability > 0) {
      events++;
      probability *= mean / events;
      left += probability;
    }
    return events;
  }

  /** How many of `tries` succeed, each with probability `p`; by a normal approximation where over 30 are expected. */
  binomial(tries: number, p: number): number {
    if (p > 0.5) return tries - this.binomial(tries, 1 - p);
    if (tries <= 0 || p <= 0) return 0;
    const mean = tries * p;
    if (mean > 30) {
      const drawn = Math.round(mean + Math.sqrt(mean * (1 - p)) * this.normal());
      return Math.min(tries, Math.max(0, drawn));
    }
    let probability = (1 - p) ** tries;
    let left = probability;
    const drawn = this.next();
    let successes = 0;
    while (drawn > left && successes < tries) {
      probability *= ((tries - successes) / (successes + 1)) * (p / (1 - p));
      successes++;
      left += probability;
    }
    return successes;
  }
}
