import type { Options } from './arguments.ts';
import type { CellResult } from './measure.ts';
import { waldRatioOf } from './summary.ts';
import type { Summary } from './summary.ts';

/** A cell's result as a line of JSON. */
export function jsonLine({ cell, settings, ...rest }: CellResult): string {
  return JSON.stringify({ ...cell, ...rest, settings: settingsLists(settings) }, rounded);
}

/** Settings as lists of numbers: setting, rolled back, failed, failed in the hour. JSON has no infinity: null is never. */
function settingsLists(settings: CellResult['settings']): Record<string, number[][]> {
  return Object.fromEntries(
    Object.entries(settings).map(([rule, list]) => [
      rule,
      list.map(({ setting, rolledBack, failed, failedInHour }) => [
        setting,
        rolledBack,
        failed,
        failedInHour,
      ]),
    ]),
  );
}

/** The last line of JSON. */
export function summaryLine(
  summary: Summary,
  { seed, releases }: Pick<Options, 'seed' | 'releases'>,
): string {
  const { tuned, losses, ...rest } = summary;
  return JSON.stringify(
    {
      ...rest,
      // JSON has no infinity: null stands for a rule that had to be turned until it never acts.
      tuned: Object.fromEntries(tuned.map(({ rule, setting }) => [rule.name, setting])),
      losses,
      seed,
      releases,
    },
    rounded,
  );
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

/** A cell's result as a line for people. */
export function cellLine(result: CellResult): string {
  const { cell, songbird, rivals } = result;
  const { rolledBack, interval, delayP50, delayP95, failed, inconclusive } = songbird;
  const wald = waldRatioOf(result);
  const rival = (name: string) => `${figure(rivals[name]?.failed)} (${percent(rivals[name]?.rolledBack)})`;
  return [
    cell.name.padEnd(52),
    `back ${percent(rolledBack)} [${percent(interval[0])}, ${percent(interval[1])}]`.padEnd(30),
    `after ${figure(delayP50)}/${figure(delayP95)} s`.padEnd(20),
    `failed ${figure(failed)}${wald === undefined ? '' : ` = ${figure(wald)} × bound`}`.padEnd(28),
    `inconclusive ${percent(inconclusive)}`.padEnd(22),
    `flagger ${rival('flagger')}, argo ${rival('argo-0')}`,
  ].join(' ');
}

/** The whole, for people. */
export function summaryLines(summary: Summary): string[] {
  const { tuned, losses, ...rest } = summary;
  return [
    ...Object.entries(rest).map(
      ([key, value]) =>
        `${key.padEnd(28)} ${typeof value === 'number' ? figure(value) : (value ?? 'not run')}`,
    ),
    ...tuned.map(({ rule, setting }) => `${`tuned ${rule.name}`.padEnd(28)} ${figure(setting)}`),
    ...losses.map(
      ({ cell, rule, ours, theirs }) => `${cell}: ${rule} ${figure(theirs)}, Songbird ${figure(ours)}`,
    ),
  ];
}

export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${Number((100 * share).toPrecision(2))}%`;
}

export function figure(value: number | undefined): string {
  return value === undefined ? '–' : String(Number(value.toPrecision(3)));
}
