/** Chance from a seed, so that a failure can be repeated. */
export interface Chance {
  /** Uniform in [0, 1). */
  next(): number;
  /** How many of `trials` succeed; meant for few. */
  binomial(trials: number, share: number): number;
}

/** mulberry32: small, and good enough for tests. */
export function random(seed: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    binomial(trials, share) {
      // Gaps between successes are geometric: few draws where successes are few.
      const log = Math.log1p(-share);
      let successes = 0;
      for (let at = Math.floor(Math.log1p(-next()) / log); at < trials; successes++) {
        at += 1 + Math.floor(Math.log1p(-next()) / log);
      }
      return successes;
    },
  };
}
