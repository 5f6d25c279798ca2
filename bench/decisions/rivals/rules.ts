import { argo, flagger } from './thresholds.ts';
import type { Thresholds } from './thresholds.ts';
import type { History } from './history.ts';
import { kayenta } from './kayenta.ts';
import { Ladder } from './ladder.ts';
import type { Rung } from './ladder.ts';
import { zTest } from './z-test.ts';

/** A rule as its document or code has it, and what of it is turned to make it as careful as Songbird. */
export interface Rule {
  readonly name: string;
  /** The setting that belongs to its defaults. */
  readonly standard: number;
  /** What is turned, in words. */
  readonly turned: string;
  /** Settings to turn it to, in ascending order; the last stands for never. */
  readonly settings: readonly number[];
  /** Applies it to a release. */
  apply(history: History, ladder: Ladder): void;
  /** The same with the mercy that is shown when it is tuned; the same rule where there is none. */
  applyTuned(history: History, ladder: Ladder): void;
}

/** errorRate of Songbird's default, request-success-rate ≥ 99 in Flagger's examples; the same for all rules. */
const LIMIT = 0.01;

const LIMITS = [
  ...[0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5],
  ...[0.6, 0.7, 0.8, 0.9, 0.99, Infinity],
];

/** The normal quantile of 1%: of one side of the z-test, of each side of Kayenta's interval. */
const ONE_PERCENT = 2.326;

const QUANTILES = [
  ...[ONE_PERCENT, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4, 4.25, 4.5, 5, 5.5, 6, 6.5, 7, 8, 9, 10, 12, 15, 20, 30],
  Infinity,
];

function limits(name: string, rule: typeof flagger, thresholds: Omit<Thresholds, 'emptyFails'>): Rule {
  return {
    name,
    standard: LIMIT,
    turned: 'the largest error rate allowed; a time without requests no longer fails',
    settings: LIMITS,
    apply: (history, ladder) => {
      rule(history, { ...thresholds, emptyFails: true }, ladder);
    },
    applyTuned: (history, ladder) => {
      rule(history, { ...thresholds, emptyFails: false }, ladder);
    },
  };
}

/**
 * All rivals. Flagger's defaults are interval 60s, threshold 1 and metrics over 1m; the second is its smallest interval.
 * Argo's failureLimit is 0 unless set, and its interval is the user's: a minute here, as in the documents' example of a step
 * with several measurements. The last has the interval of their background analyses; their failureLimit of 3 would take
 * 20 minutes to act.
 */
export const RULES: readonly Rule[] = [
  limits('flagger', flagger, { interval: 60, range: 60, checks: 1 }),
  limits('flagger-10s-2', flagger, { interval: 10, range: 60, checks: 2 }),
  limits('argo-0', argo, { interval: 60, range: 60, checks: 1 }),
  limits('argo-1', argo, { interval: 60, range: 60, checks: 2 }),
  limits('argo-3', argo, { interval: 60, range: 60, checks: 4 }),
  limits('argo-5m', argo, { interval: 300, range: 300, checks: 1 }),
  {
    name: 'kayenta',
    standard: ONE_PERCENT,
    turned: 'the confidence',
    settings: QUANTILES,
    apply: kayenta,
    applyTuned: kayenta,
  },
  {
    name: 'z-test',
    standard: ONE_PERCENT,
    turned: 'the critical value',
    settings: QUANTILES,
    apply: zTest,
    applyTuned: zTest,
  },
];

/** A rule's ladders for one cell: at its defaults, and at all settings. */
export class Rival {
  readonly rule: Rule;
  readonly tuned: Ladder;
  readonly #standard: Ladder | undefined;

  constructor(rule: Rule) {
    this.rule = rule;
    this.tuned = new Ladder(rule.settings);
    if (rule.apply !== rule.applyTuned) this.#standard = new Ladder([rule.standard]);
  }

  release(history: History): void {
    this.rule.applyTuned(history, this.tuned);
    if (this.#standard !== undefined) this.rule.apply(history, this.#standard);
  }

  /** What the rule did at its defaults. */
  get standard(): Rung {
    const rung = (this.#standard ?? this.tuned).rungs.find(({ setting }) => setting === this.rule.standard);
    if (rung === undefined) throw new Error(`${this.rule.name} has no setting ${this.rule.standard}`);
    return rung;
  }
}
