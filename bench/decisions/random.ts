/** A seeded source of chance: the same seed gives the same releases on any machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;
  #spare: number | undefined;

  /** @param seeds any integers; each sequence of them gives a stream of its own */
  constructor(...seeds: readonly number[]) {
    let hash = 0x811c9dc5;
    const word = () => {
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      hash ^= hash >>> 16;
      return hash | 0;
    };
    for (const seed of seeds) {
      hash = Math.imul((hash ^ seed) + 0x9e3779b9, 0x01000193);
      word();
    }
    this.#a = word();
    this.#b = word() ^ 0x5bd1e995;
    this.#c = word() ^ 0x1b873593;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** Uniform in [0, 1): sfc32 (C. Doty-Humphrey's small fast counting generator). */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Log-normal with mean 1. */
  logNormal(sd: number): number {
    return Math.exp(sd * this.normal() - (sd * sd) / 2);
  }

  /** Poisson: by inversion where the mean is small, rounded normal where it is large (mean and variance agree). */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > LARGE_MEAN) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    let term = Math.exp(-mean);
    let rest = this.next() - term;
    let count = 0;
    while (rest > 0 && count < MOST_OF_SMALL) {
      count++;
      term *= mean / count;
      rest -= term;
    }
    return count;
  }
}

const LARGE_MEAN = 40;
const MOST_OF_SMALL = 400;
