import { SCHEDULES } from './cells.ts';
import type { Cell } from './cells.ts';
import { Random } from './random.ts';
import { emptyHistory, record } from './rivals/history.ts';
import type { Rung } from './rivals/ladder.ts';
import { Rival, RULES } from './rivals/rules.ts';
import { release, settingsOf } from './songbird.ts';
import { quantile, wilson } from './statistics.ts';
import { MOST_BAD } from './traffic.ts';
import { waldBound } from './wald.ts';

/** What one rule did in one cell. Shares are 0–1, times seconds since the candidate's first traffic. */
export interface RuleResult {
  readonly rolledBack: number;
  /** 95% interval of that share (Wilson's). */
  readonly interval: readonly [lower: number, upper: number];
  /** Of the releases that were rolled back; undefined when none was. */
  readonly delayP50?: number | undefined;
  readonly delayP95?: number | undefined;
  /** Failed requests that the candidate served before the verdict, on average over all releases. */
  readonly failed: number;
  /** The same until an hour after its first traffic: a promoted one has all traffic from then on. */
  readonly failedInHour: number;
}

export interface SongbirdResult extends RuleResult {
  readonly promoted: number;
  readonly inconclusive: number;
  /** Releases promoted in which at least 200 requests reached a candidate that is 5 times as bad or worse. */
  readonly harmfulPromotions: number;
  /** Releases promoted without any request having reached the candidate. */
  readonly blindPromotions: number;
  /** Standard error of `failed`. */
  readonly failedError: number;
}

/** What a rule would have done at one of its settings. */
export interface Setting {
  readonly setting: number;
  readonly rolledBack: number;
  readonly failed: number;
  readonly failedInHour: number;
}

export interface CellResult {
  readonly cell: Cell;
  readonly seed: number;
  readonly releases: number;
  readonly songbird: SongbirdResult;
  /** Wald's bound of failed requests; only for plain cells with a bad version. */
  readonly wald?: number | undefined;
  readonly rivals: Readonly<Record<string, RuleResult>>;
  readonly settings: Readonly<Record<string, readonly Setting[]>>;
}

const HOUR = 3600;

/** What a candidate serves after its promotion, on average over all releases, until an hour has passed. */
function failedAfter({ rps, base, ratio }: Cell, promoted: number, seconds: number): number {
  return promoted * Math.max(0, HOUR - seconds) * rps * Math.min(MOST_BAD, base * ratio);
}

/** So many requests must have reached a candidate before its promotion can be blamed on the rule. */
const ENOUGH = 200;
const HARMFUL = 5;

/** Runs one cell. The result depends on the arguments alone, not on what ran before or beside. */
export function measure(cell: Cell, seed: number, releases: number): CellResult {
  const name = hash(cell.name);
  return {
    cell,
    seed,
    releases,
    songbird: measureSongbird(cell, seed, name, releases),
    ...(cell.nuisance === 'none' && cell.ratio > 1
      ? { wald: waldBound(SCHEDULES[cell.schedule], cell) }
      : {}),
    ...measureRivals(cell, seed, name, releases),
  };
}

function measureSongbird(cell: Cell, seed: number, name: number, releases: number): SongbirdResult {
  const settings = settingsOf(cell);
  const seconds: number[] = [];
  let [promoted, inconclusive, harmful, blind] = [0, 0, 0, 0];
  let [failed, squares, promotedAfter] = [0, 0, 0];
  for (let i = 0; i < releases; i++) {
    const ending = release(cell, new Random(seed, name, i), settings);
    failed += ending.failed;
    squares += ending.failed ** 2;
    if (ending.outcome === 'RolledBack') seconds.push(ending.seconds);
    else if (ending.outcome === 'Inconclusive') inconclusive++;
    else {
      promoted++;
      promotedAfter += ending.seconds;
      if (cell.ratio >= HARMFUL && ending.served >= ENOUGH) harmful++;
      if (ending.served === 0) blind++;
    }
  }
  const mean = failed / releases;
  return {
    ...resultOf(seconds, failed, releases),
    failedInHour: mean + failedAfter(cell, promoted / releases, promotedAfter / Math.max(1, promoted)),
    failedError: Math.sqrt(Math.max(0, squares / releases - mean ** 2) / releases),
    promoted: promoted / releases,
    inconclusive: inconclusive / releases,
    harmfulPromotions: harmful / releases,
    blindPromotions: blind / releases,
  };
}

function measureRivals(
  cell: Cell,
  seed: number,
  name: number,
  releases: number,
): Pick<CellResult, 'rivals' | 'settings'> {
  const rivals = RULES.map((rule) => new Rival(rule));
  const history = emptyHistory(cell);
  for (let i = 0; i < releases; i++) {
    record(history, cell, new Random(seed, name, i));
    for (const rival of rivals) rival.release(history);
  }
  const inHour = ({ rolledBack, failed }: Rung) =>
    failed / releases + failedAfter(cell, 1 - rolledBack / releases, history.end);
  return {
    rivals: Object.fromEntries(
      rivals.map(({ rule, standard }) => [
        rule.name,
        {
          ...resultOf(standard.seconds, standard.failed, releases),
          failedInHour: inHour(standard),
        },
      ]),
    ),
    settings: Object.fromEntries(
      rivals.map(({ rule, tuned }) => [
        rule.name,
        tuned.rungs.map((rung) => ({
          setting: rung.setting,
          rolledBack: rung.rolledBack / releases,
          failed: rung.failed / releases,
          failedInHour: inHour(rung),
        })),
      ]),
    ),
  };
}

function resultOf(
  seconds: readonly number[],
  failed: number,
  releases: number,
): Omit<RuleResult, 'failedInHour'> {
  return {
    rolledBack: seconds.length / releases,
    interval: wilson(seconds.length, releases),
    ...(seconds.length === 0 ? {} : { delayP50: quantile(seconds, 0.5), delayP95: quantile(seconds, 0.95) }),
    failed: failed / releases,
  };
}

/** FNV-1a, so that each cell has chance of its own. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return value >>> 0;
}
