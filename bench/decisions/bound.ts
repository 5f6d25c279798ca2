import type { EventEvidence } from '../../src/analysis/evidence.ts';
import { dispersionFactor } from '../../src/analysis/dispersion.ts';
import { limitEvidence } from '../../src/analysis/judge.ts';
import type { EventSettings } from '../../src/analysis/judge.ts';
import { PRIOR_SPREAD } from '../../src/analysis/pods.ts';
import { hypotheses, LN_RATIOS, MOST_RATIO } from '../../src/analysis/ratios.ts';
import { costsOf } from '../../src/analysis/shares.ts';

/** Ratios that count as harmful are no smaller. */
const LN_LEAST_HARM = Math.log(2);

/** Of the limits here: what is implied where none is given. */
const LEAST_LIMIT = 0.01;

/** For what sums of floating-point numbers lose. */
const ROUNDING = 1e-6;

/**
 * Tells cheaply when evidence cannot have reached its limit, so that the bench need not weigh it at each of its 10^10 looks.
 *
 * Evidence against stable is the likelihood of harmful ratios, a mean, over that of healthy ones, of which equality has a
 * share and the likelihood 1. So it is at most the largest likelihood of a harmful ratio over that share. And none can have
 * become larger than it was by more than 1 / (the candidate's share of the requests) for each of its bad requests since.
 */
export class Bound {
  readonly #settings: EventSettings;
  /** What equality has among the healthy hypotheses where nothing is known of the pods. */
  readonly #equality: number;
  /** Upper bound of the largest log-likelihood of a harmful ratio, undispersed. */
  #most = 0;
  #stable = 0;

  constructor(settings: EventSettings) {
    this.#settings = settings;
    const { healthy } = hypotheses(settings.tolerance, PRIOR_SPREAD, MOST_RATIO);
    this.#equality = (1 - settings.warmUp.chance) * (healthy[LN_RATIOS.indexOf(0)] ?? 0);
  }

  /** Takes note of an interval in which stable had so many requests. */
  add(before: EventEvidence, after: EventEvidence, stable: number): void {
    this.#stable += stable;
    const all = after.compared.all - before.compared.all;
    if (all === 0) return;
    const bad = after.compared.bad - before.compared.bad;
    if (bad > 0) this.#most += bad * Math.log((all + this.#stable) / all);
    this.#stable = 0;
  }

  /** Sets the bound to what is true now. */
  reset({ compared, shares }: EventEvidence): void {
    const costs = costsOf(shares);
    let most = -Infinity;
    LN_RATIOS.forEach((ln, i) => {
      if (ln >= LN_LEAST_HARM) most = Math.max(most, compared.bad * ln - (costs[i] ?? 0));
    });
    this.#most = most;
  }

  /** False only when evidence cannot have reached its limit. */
  mayFail(state: EventEvidence): boolean {
    const { alpha, silence } = this.#settings;
    // Where pods are counted, equality may have less; that its share is more than α is certain.
    const equality = state.pods === undefined ? this.#equality : alpha;
    const needed = Math.log(equality / alpha) - ROUNDING;
    if (this.#most > 0 && this.#most >= needed) {
      const dispersion = dispersionFactor(state.dispersion);
      if (this.#most / dispersion >= needed) return true;
    }
    // No limit that counts is smaller, and what is within it is no evidence.
    if (silence === 0 && state.counted <= LEAST_LIMIT * state.candidate.all) return false;
    return limitEvidence(state, this.#settings, dispersionFactor(state.dispersion)) >= Math.log10(1 / alpha);
  }
}
