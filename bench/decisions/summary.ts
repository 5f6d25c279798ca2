import { defaultSettings } from '../../src/analysis/settings.ts';
import { SCHEDULES } from './cells.ts';
import type { Cell, WatchedStep } from './cells.ts';
import { RULES } from './rivals/rules.ts';
import type { Rule } from './rivals/rules.ts';
import type { CellResult, Setting } from './measure.ts';
import { DEADLINE } from './songbird.ts';
import { quantile } from './statistics.ts';

/** A rule turned until it rolls back no more healthy releases than Songbird. */
export interface TunedRule {
  readonly rule: Rule;
  /** Index in the rule's settings. */
  readonly index: number;
  readonly setting: number;
}

/** A cell in which a tuned rule let fewer requests fail before its verdict. */
export interface Loss {
  readonly cell: string;
  readonly rule: string;
  readonly ours: number;
  readonly theirs: number;
  /** Share of the bad releases that it promoted: from then on, everybody has them. */
  readonly promoted: number;
  /** Whether it still let fewer fail when an hour had passed. */
  readonly inHour: boolean;
}

/** All that is said of a run as a whole. Numbers that need cells which were not run are undefined. */
export interface Summary {
  /** The largest upper end of the 95% intervals over the healthy cells. */
  readonly falseRollbackMaxUpper: number | undefined;
  readonly falseRollbackWorstCell: string | undefined;
  /** The 95th percentile over plain cells with a ratio of at least 10 of failed requests over Wald's bound. */
  readonly waldRatioP95: number | undefined;
  /** The same for ratios from 3 to less than 10. */
  readonly waldRatioP95From3To10: number | undefined;
  /** The median over bad cells with a ratio of at least 10 of the rival's failed requests at its defaults over ours. */
  readonly speedupVsFlagger: number | undefined;
  readonly speedupVsArgo: number | undefined;
  /** The same over those whose healthy twin it rolls back in at most 5% of releases. */
  readonly speedupVsFlaggerWhereSound: number | undefined;
  readonly speedupVsArgoWhereSound: number | undefined;
  /** The same with Wald's bound in our place: what nobody could exceed by much. Plain cells only. */
  readonly boundVsFlaggerWhereSound: number | undefined;
  readonly boundVsArgoWhereSound: number | undefined;
  readonly tuned: readonly TunedRule[];
  readonly losses: readonly Loss[];
  /** The largest share promoted of candidates 5 times as bad or worse that 200 requests reached. */
  readonly harmfulPromotionsMax: number | undefined;
  /** The same where a good version would have had 10 bad requests in their place: there is something to tell it by. */
  readonly harmfulPromotionsMaxInformed: number | undefined;
  /** Cells in which releases were promoted without a request. */
  readonly blindPromotions: number;
  /** The largest share of healthy releases without a verdict, where every step can bring minRequests. */
  readonly healthyInconclusiveMax: number | undefined;
  readonly cells: number;
}

/** Rules are tuned, and compared when tuned, where there is this much traffic (requests/s). */
export const LEAST_RPS = 10;

/** More than so many false rollbacks, and nobody would use a rule as it is. */
export const SOUND = 0.05;

export function summarize(all: readonly CellResult[]): Summary {
  const results = all.filter(({ cell }) => (cell.strength ?? 0) === 0);
  const healthy = results.filter(({ cell }) => cell.ratio === 1);
  const bad = results.filter(({ cell }) => cell.ratio > 1);
  const worst = healthy.reduce<CellResult | undefined>(
    (most, one) => (most === undefined || one.songbird.interval[1] > most.songbird.interval[1] ? one : most),
    undefined,
  );
  const tuned = tune(healthy);
  const [soundForFlagger, soundForArgo] = [
    soundFor('flagger', bad, healthy),
    soundFor('argo-0', bad, healthy),
  ];
  return {
    falseRollbackMaxUpper: worst?.songbird.interval[1],
    falseRollbackWorstCell: worst?.cell.name,
    waldRatioP95: waldRatio(bad, 10, Infinity),
    waldRatioP95From3To10: waldRatio(bad, 3, 10),
    speedupVsFlagger: speedup(bad, 'flagger', ours),
    speedupVsArgo: speedup(bad, 'argo-0', ours),
    speedupVsFlaggerWhereSound: speedup(soundForFlagger, 'flagger', ours),
    speedupVsArgoWhereSound: speedup(soundForArgo, 'argo-0', ours),
    boundVsFlaggerWhereSound: speedup(soundForFlagger, 'flagger', bound),
    boundVsArgoWhereSound: speedup(soundForArgo, 'argo-0', bound),
    tuned,
    losses: lossesTo(tuned, bad),
    harmfulPromotionsMax: most(bad.map(({ songbird }) => songbird.harmfulPromotions)),
    harmfulPromotionsMaxInformed: most(
      bad
        .filter(({ cell }) => expectedOf(cell) >= INFORMED)
        .map(({ songbird }) => songbird.harmfulPromotions),
    ),
    blindPromotions: results.filter(({ songbird }) => songbird.blindPromotions > 0).length,
    healthyInconclusiveMax: most(
      healthy.filter(({ cell }) => canDecide(cell)).map(({ songbird }) => songbird.inconclusive),
    ),
    cells: all.length,
  };
}

/** So many bad requests of a good version, and it can be told from one five times as bad. */
const INFORMED = 10;

/** Bad requests that a good version would have as the candidate, over all steps. */
export function expectedOf({ schedule, rps, base }: Cell): number {
  const steps: readonly WatchedStep[] = SCHEDULES[schedule];
  return steps.reduce((sum, { weight, seconds }) => sum + (rps * base * weight * seconds) / 100, 0);
}

/** Whether every step brings twice the requests that a verdict needs, before its deadline. */
function canDecide({ schedule, rps, kind }: Cell): boolean {
  const steps: readonly WatchedStep[] = SCHEDULES[schedule];
  const needed = 2 * defaultSettings(kind).minRequests;
  return steps.every(({ weight, seconds }) => (rps * weight * (seconds + DEADLINE)) / 100 >= needed);
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}

/** Failed requests over those of Wald's bound, of one cell. */
export function waldRatioOf({ songbird, wald }: CellResult): number | undefined {
  return wald === undefined ? undefined : songbird.failed / wald;
}

function waldRatio(bad: readonly CellResult[], from: number, below: number): number | undefined {
  const ratios = bad
    .filter(({ cell }) => cell.ratio >= from && cell.ratio < below)
    .flatMap((result) => waldRatioOf(result) ?? []);
  return ratios.length === 0 ? undefined : quantile(ratios, 0.95);
}

const ours = ({ songbird }: CellResult) => songbird.failed;
const bound = ({ wald }: CellResult) => wald ?? NaN;

/** @param failed the failed requests that the rival's are divided by */
function speedup(
  bad: readonly CellResult[],
  rule: string,
  failed: (result: CellResult) => number,
): number | undefined {
  const ratios = bad
    .filter(({ cell }) => cell.ratio >= 10)
    .map((result) => (result.rivals[rule]?.failed ?? NaN) / failed(result))
    .filter((ratio) => !Number.isNaN(ratio));
  return ratios.length === 0 ? undefined : quantile(ratios, 0.5);
}

/** The bad cells whose healthy twin the rule leaves alone. */
function soundFor(
  rule: string,
  bad: readonly CellResult[],
  healthy: readonly CellResult[],
): readonly CellResult[] {
  const sound = new Set(
    healthy.filter(({ rivals }) => (rivals[rule]?.rolledBack ?? 1) <= SOUND).map(trafficOf),
  );
  return bad.filter((result) => sound.has(trafficOf(result)));
}

/** What a cell has in common with its healthy twin. */
export function trafficOf({ cell }: CellResult): string {
  return [cell.nuisance, cell.kind, cell.schedule, cell.rps, cell.base].join('/');
}

/** Each rule at its strictest setting that rolls back as few healthy releases in the worst cell as Songbird does. */
function tune(healthy: readonly CellResult[]): TunedRule[] {
  const cells = healthy.filter(({ cell }) => cell.rps >= LEAST_RPS);
  if (cells.length === 0) return [];
  const allowed = Math.max(...cells.map(({ songbird }) => songbird.rolledBack));
  return RULES.map((rule) => {
    const index = rule.settings.findIndex((_, i) =>
      cells.every((result) => settingAt(result, rule.name, i).rolledBack <= allowed),
    );
    return { rule, index, setting: rule.settings[index] ?? Infinity };
  });
}

/** What a rule would have done in a cell at one of its settings. */
export function settingAt({ settings, cell }: CellResult, rule: string, index: number): Setting {
  const found = settings[rule]?.[index];
  if (found === undefined) throw new Error(`no setting ${index} of ${rule} in ${cell.name}`);
  return found;
}

function lossesTo(tuned: readonly TunedRule[], bad: readonly CellResult[]): Loss[] {
  const losses: Loss[] = [];
  for (const result of bad) {
    if (result.cell.rps < LEAST_RPS || result.cell.ratio < 3) continue;
    for (const { rule, index } of tuned) {
      const theirs = settingAt(result, rule.name, index);
      const { failed, failedInHour } = result.songbird;
      if (failed < theirs.failed) continue;
      losses.push({
        cell: result.cell.name,
        rule: rule.name,
        ours: failed,
        theirs: theirs.failed,
        promoted: 1 - theirs.rolledBack,
        inHour: failedInHour >= theirs.failedInHour,
      });
    }
  }
  return losses;
}
