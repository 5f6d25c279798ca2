import type { EventEvidence } from '../../src/analysis/evidence.ts';
import { dispersionFactor } from '../../src/analysis/dispersion.ts';
import { limitEvidence } from '../../src/analysis/judge.ts';
import type { EventSettings, Weighed } from '../../src/analysis/judge.ts';
import { PRIOR_SPREAD } from '../../src/analysis/pods.ts';
import { hypotheses, LN_RATIOS, MOST_RATIO } from '../../src/analysis/ratios.ts';
import { costsOf } from '../../src/analysis/shares.ts';
import type { Shares } from '../../src/analysis/shares.ts';

/** Ratios that count as harmful are no smaller. */
const LN_LEAST_HARM = Math.log(2);

/** Of the limits here: what is implied where none is given. */
const LEAST_LIMIT = 0.01;

/** Two kinds of evidence that are so far from the limit (log10) don't reach it together. */
const MARGIN = 0.1;

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
  /** What evidence against stable rested on when it was weighed, and what it was (log10). */
  #latest: { shares: Shares; dispersion: number; againstStable: number } | undefined;

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
  reset({ compared, shares }: EventEvidence, { againstStable, dispersion }: Weighed): void {
    this.#latest = { shares, dispersion, againstStable };
    const costs = costsOf(shares);
    let most = -Infinity;
    LN_RATIOS.forEach((ln, i) => {
      if (ln >= LN_LEAST_HARM) most = Math.max(most, compared.bad * ln - (costs[i] ?? 0));
    });
    this.#most = most;
  }

  /** False only when evidence cannot have reached its limit. */
  mayFail(state: EventEvidence): boolean {
    // Evidence that begins anew at a weight is not bounded by that of the whole release.
    if (state.here.number > 1) return true;
    const { alpha, silence } = this.#settings;
    // Where pods are counted, equality may have less; that its share is more than α is certain.
    const equality = state.pods === undefined ? this.#equality : alpha;
    const needed = Math.log(equality / alpha) - ROUNDING;
    const dispersion = dispersionFactor(state.dispersion);
    if (this.#most > 0 && this.#most / dispersion >= needed && !this.#isAsBefore(state, dispersion))
      return true;
    // No limit that counts is smaller, and what is within it is no evidence.
    if (silence === 0 && state.counted <= LEAST_LIMIT * state.candidate.all) return false;
    return limitEvidence(state, this.#settings, dispersion) >= Math.log10(1 / alpha) - MARGIN;
  }

  /** Whether evidence against stable is what it was when it was weighed, and was some way from its limit. */
  #isAsBefore({ shares, pods }: EventEvidence, dispersion: number): boolean {
    const latest = this.#latest;
    if (latest === undefined || pods !== undefined) return false;
    if (latest.shares !== shares || latest.dispersion !== dispersion) return false;
    return latest.againstStable < Math.log10(1 / this.#settings.alpha) - MARGIN;
  }
}
