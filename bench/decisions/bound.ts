import type { EventEvidence, Tally } from '../../src/analysis/evidence.ts';
import type { EventSettings } from '../../src/analysis/settings.ts';
import { dispersionOf, limitEvidence } from '../../src/analysis/weigh.ts';
import type { Weighed } from '../../src/analysis/weigh.ts';
import { PRIOR_SPREAD } from '../../src/analysis/pods.ts';
import { hypotheses, LN_RATIOS, MOST_RATIO } from '../../src/analysis/ratios.ts';
import { costsOf } from '../../src/analysis/shares.ts';
import type { Shares } from '../../src/analysis/shares.ts';

/** Ratios that count as harmful are no smaller. */
const LN_LEAST_HARM = Math.log(2);

/** Of the limits here: what is implied where none is given. */
const LEAST_LIMIT = 0.01;

/** For what sums of floating-point numbers lose. */
const ROUNDING = 1e-6;

/** What evidence (log10) loses or gains at most when nothing but the largest ratio that is possible has changed. */
const MARGIN = 0.1;

/** Upper bound of the largest log-likelihood (undispersed) of a harmful ratio. */
class Most {
  #value = 0;
  #of: Shares = {};

  /** Takes note of bad requests that came while the candidate had a certain share of all: at most by so much it grew. */
  add(bad: number, each: number): void {
    if (bad > 0) this.#value += bad * each;
  }

  clear(): void {
    this.#value = 0;
  }

  /** Whether the likelihood may exceed this; where the bound says so, by the likelihood itself. */
  mayExceed(ln: number, { compared, shares }: Tally): boolean {
    if (this.#value <= ln) return false;
    if (this.#of !== shares) {
      const costs = costsOf(shares);
      this.#value = -Infinity;
      LN_RATIOS.forEach((ratio, i) => {
        if (ratio >= LN_LEAST_HARM)
          this.#value = Math.max(this.#value, compared.bad * ratio - (costs[i] ?? 0));
      });
      this.#of = shares;
    }
    return this.#value > ln;
  }
}

/**
 * Tells cheaply when evidence cannot have reached its limit, so that the bench need not weigh it at each of its 10^10 looks.
 *
 * Evidence against stable is the likelihood of harmful ratios, a mean, over that of healthy ones, of which equality has a
 * share and the likelihood 1. So it is at most the largest likelihood of a harmful ratio over that share. And none can have
 * become larger than it was by more than 1 / (the candidate's share of the requests) for each of its bad requests since.
 * Evidence in all is less than the largest of its parts: those of the whole release and those of the present weight.
 */
export class Bound {
  readonly #settings: EventSettings;
  /** What equality has among the healthy hypotheses where nothing is known of the pods. */
  readonly #equality: number;
  readonly #whole = new Most();
  readonly #here = new Most();
  #stable = 0;
  /** What evidence against stable rested on when it was weighed, and what it was (log10). */
  #latest: { whole: Shares; here: Shares; dispersion: number; againstStable: number } | undefined;

  constructor(settings: EventSettings) {
    this.#settings = settings;
    const { healthy } = hypotheses(settings.tolerance, PRIOR_SPREAD, MOST_RATIO);
    this.#equality = (1 - settings.warmUp.chance) * (healthy[LN_RATIOS.indexOf(0)] ?? 0);
  }

  /** Takes note of an interval in which stable had so many requests. */
  add(before: EventEvidence, after: EventEvidence, stable: number): void {
    if (before.here.number !== after.here.number) this.#here.clear();
    this.#stable += stable;
    const all = after.compared.all - before.compared.all;
    if (all === 0) return;
    const bad = after.compared.bad - before.compared.bad;
    const each = Math.log((all + this.#stable) / all);
    this.#whole.add(bad, each);
    this.#here.add(bad, each);
    this.#stable = 0;
  }

  /** Takes note of what the evidence was. */
  weighed({ shares, here }: EventEvidence, { againstStable, dispersion }: Weighed): void {
    this.#latest = { whole: shares, here: here.shares, dispersion, againstStable };
  }

  /** False only when evidence cannot have reached its limit. */
  mayFail(state: EventEvidence): boolean {
    const { alpha } = this.#settings;
    const dispersion = dispersionOf(state);
    if (this.#mayFailAgainstStable(state, dispersion)) return true;
    const { here } = state;
    // No limit that counts is smaller, and what is within it is no evidence.
    const isWithin = ({ held }: Tally) => held.bad <= LEAST_LIMIT * held.all;
    if (state.lump === 0 && isWithin(state) && isWithin(here)) return false;
    const needed = Math.log10(1 / alpha) - ROUNDING;
    return [state, here].some((tally) => limitEvidence(tally, state, this.#settings, dispersion) >= needed);
  }

  #mayFailAgainstStable(state: EventEvidence, dispersion: number): boolean {
    const { shares, here, pods } = state;
    const { alpha } = this.#settings;
    // Where pods are counted, equality may have less; that its share is more than α is certain.
    const equality = pods === undefined ? this.#equality : alpha;
    const ln = Math.max(0, (Math.log(equality / alpha) - ROUNDING) * dispersion);
    const mayExceed = this.#whole.mayExceed(ln, state) || (here.number > 1 && this.#here.mayExceed(ln, here));
    if (!mayExceed || pods !== undefined || this.#latest === undefined) return mayExceed;
    const { whole, here: latest, dispersion: before, againstStable } = this.#latest;
    const isAsBefore = whole === shares && latest === here.shares && before === dispersion;
    return !isAsBefore || againstStable >= Math.log10(1 / alpha) - MARGIN;
  }
}
