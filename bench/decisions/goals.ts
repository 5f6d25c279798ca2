import type { Summary } from './summary.ts';

/** What must hold, and whether it does. */
export interface Goal {
  readonly met: boolean;
  /** What was found and what was wanted, in a sentence. */
  readonly text: string;
}

/** Largest values allowed. */
export interface Bounds {
  readonly falseRollbackMaxUpper: number;
  readonly waldRatioP95: number;
  readonly waldRatioP95From3To10: number;
  /** Whether rivals are compared: medians over cells, and settings for all cells, need all cells. */
  readonly rivals: boolean;
}

/** The goals of a whole run. */
export const WHOLE: Bounds = {
  falseRollbackMaxUpper: 0.01,
  waldRatioP95: 2.5,
  waldRatioP95From3To10: 4,
  rivals: true,
};

/**
 * With a tenth of the releases intervals are three times as wide and means uncertain by some percent: a run as short can
 * only show that nothing is grossly wrong.
 */
export const QUICK: Bounds = {
  falseRollbackMaxUpper: 0.02,
  waldRatioP95: 2.8,
  waldRatioP95From3To10: 4.5,
  rivals: false,
};

const LEAST_SPEEDUP = 10;

export function goalsOf(summary: Summary, bounds: Bounds): Goal[] {
  const goals: Goal[] = [];
  const atMost = (what: string, value: number | undefined, bound: number, where = '') => {
    if (value === undefined) return;
    goals.push({ met: value <= bound, text: `${what} ${figure(value)}${where}; at most ${bound} is wanted` });
  };
  const { falseRollbackWorstCell: worst } = summary;
  atMost(
    'falseRollbackMaxUpper',
    summary.falseRollbackMaxUpper,
    bounds.falseRollbackMaxUpper,
    worst === undefined ? '' : ` in ${worst}`,
  );
  atMost('waldRatioP95', summary.waldRatioP95, bounds.waldRatioP95);
  atMost('waldRatioP95From3To10', summary.waldRatioP95From3To10, bounds.waldRatioP95From3To10);
  atMost('harmfulPromotionsMaxInformed', summary.harmfulPromotionsMaxInformed, 0);
  atMost('cells with promotions without a request', summary.blindPromotions, 0);
  atMost('healthyInconclusiveMax', summary.healthyInconclusiveMax, 0.01);
  return bounds.rivals ? [...goals, ...goalsAmongRivals(summary)] : goals;
}

function goalsAmongRivals({ speedupVsFlaggerWhereSound, speedupVsArgoWhereSound, losses }: Summary): Goal[] {
  const atLeast = (what: string, value: number | undefined): Goal[] =>
    value === undefined
      ? []
      : [
          {
            met: value >= LEAST_SPEEDUP,
            text: `${what} ${figure(value)}; at least ${LEAST_SPEEDUP} is wanted`,
          },
        ];
  return [
    ...atLeast('speedupVsFlaggerWhereSound', speedupVsFlaggerWhereSound),
    ...atLeast('speedupVsArgoWhereSound', speedupVsArgoWhereSound),
    // Who promotes bad versions early has few failed requests before the promotion.
    ...losses
      .filter(({ inHour }) => inHour)
      .map(({ cell, rule, ours, theirs, promoted }) => ({
        met: false,
        text:
          `${cell}: ${figure(ours)} failed requests, ${figure(theirs)} with ${rule} tuned, which promotes ` +
          `${figure(100 * promoted)}%; fewer are wanted`,
      })),
  ];
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}
