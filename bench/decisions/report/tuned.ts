import type { CellResult } from '../measure.ts';
import { quantile } from '../statistics.ts';
import { LEAST_RPS, settingAt } from '../summary.ts';
import type { Summary } from '../summary.ts';
import { figure, percent, table } from './text.ts';

/** The rivals made as careful as Songbird, and what that costs. */
export function tunedText({ tuned, losses }: Summary, cells: readonly CellResult[]): string {
  const bad = cells.filter(({ cell }) => cell.rps >= LEAST_RPS && cell.ratio >= 3);
  const rows = tuned.map(({ rule, index, setting }) => {
    const own = bad.map((result) => ({ result, theirs: settingAt(result, rule.name, index) }));
    const found = own.filter(({ theirs }) => theirs.rolledBack > 0.5).length;
    const more = own.filter(({ result, theirs }) => theirs.failed > result.songbird.failed).length;
    const inHour = own.filter(
      ({ result, theirs }) => theirs.failedInHour > result.songbird.failedInHour,
    ).length;
    const ratio = quantile(
      own.map(({ result, theirs }) => theirs.failedInHour / result.songbird.failedInHour),
      0.5,
    );
    return [
      rule.name,
      rule.turned,
      setting === Infinity ? 'never acts' : rule.standard < 1 ? percent(setting) : figure(setting),
      `${found} of ${own.length}`,
      `${more} of ${own.length}`,
      `${inHour} of ${own.length}`,
      `${figure(ratio)} ×`,
    ];
  });
  const allowed = Math.max(
    0,
    ...cells
      .filter(({ cell }) => cell.ratio === 1 && cell.rps >= LEAST_RPS)
      .map(({ songbird }) => songbird.rolledBack),
  );
  const still = losses.filter(({ inHour }) => inHour);
  const idle = losses.filter(({ promoted }) => promoted > 0.5).length;
  return [
    '## Rivals as careful as Songbird',
    `Each rival is turned, once for all cells, until it rolls back at most ${percent(allowed)} of the healthy releases of any cell with at least ${LEAST_RPS} requests/s: as few as Songbird. With less traffic than that, all of them would have to be turned until they never act. Found: bad cells (3 times and more) in which more than half of the releases are rolled back. The last three columns: in how many of them more requests fail than with Songbird before the verdict, and until an hour after the first traffic, a promoted version having all of it; and the median of how many times as many.`,
    table(
      [
        'Rule',
        'Turned',
        'To',
        'Bad cells found',
        'More fail before the verdict',
        'More in the hour',
        'Median',
      ],
      rows,
    ),
    losses.length === 0
      ? 'In every cell every tuned rival lets more requests fail.'
      : `In ${losses.length} pairs of cell and rule fewer fail before the verdict; in ${idle} of them because the rule promotes most of the bad versions, which ends the count. ${still.length === 0 ? 'An hour later none of them is ahead.' : `An hour later ${still.length} still are.`}`,
  ].join('\n\n');
}
