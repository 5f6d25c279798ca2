/**
 * Chooses among weighted targets so that every run of `sum of weights` choices holds each target exactly `weight`
 * times, spread as evenly as can be (smooth weighted round robin). A share of 5% is every twentieth request, not five in
 * a row.
 */
export class WeightedChoice {
  readonly #weights: readonly number[];
  readonly #total: number;
  readonly #credit: number[];

  /** @param weights not negative; a target of weight 0 is never chosen */
  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.#total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#credit = weights.map(() => 0);
  }

  /** The index of the target for the next request; undefined when all weights are 0. */
  next(): number | undefined {
    if (this.#total <= 0) return undefined;
    let chosen = 0;
    let best = -Infinity;
    for (const [index, weight] of this.#weights.entries()) {
      const credit = (this.#credit[index] ?? 0) + weight;
      this.#credit[index] = credit;
      if (weight > 0 && credit > best) {
        best = credit;
        chosen = index;
      }
    }
    this.#credit[chosen] = best - this.#total;
    return chosen;
  }
}
