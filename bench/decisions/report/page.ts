import { goalsOf, WHOLE } from '../goals.ts';
import type { CellResult } from '../measure.ts';
import { summarize } from '../summary.ts';
import type { Figure } from './figures.ts';
import {
  allCellsTable,
  belowThree,
  boundTable,
  failedTable,
  falseRollbackTable,
  harmfulTable,
  inconclusiveTable,
} from './tables.ts';
import { limitsTable } from './limits.ts';
import { CANNOT, METHOD, RIVALS, RUN, TRAFFIC } from './prose.ts';
import { tunedText } from './tuned.ts';
import { figure, percent, table } from './text.ts';

/** docs/decisions.md. */
export function page(results: readonly CellResult[], images: readonly Figure[]): string {
  const cells = results.filter(({ cell }) => (cell.strength ?? 0) === 0);
  const image = (name: string) => {
    const found = images.find((one) => one.name === name);
    return found === undefined ? '' : `![${found.alt}](images/${name}.svg)`;
  };
  const { seed = 0, releases = 0 } = cells[0] ?? {};
  return [
    '# Decisions: how quick, how honest',
    `How soon Songbird finds a bad version, and how often it takes a good one back. Measured by \`npm run bench:decisions\`, which also writes this page: ${cells.length} kinds of release (cells), ${releases.toLocaleString('en-US')} releases each, seed ${seed}, at the default settings. All traffic is simulated; the functions that decide are those of production.`,
    '## In short',
    inShort(cells),
    image('decisions-failed'),
    METHOD,
    TRAFFIC,
    RIVALS,
    '## Healthy releases rolled back',
    'By nuisance, the worst cell of each. Rivals at their defaults, the worst of the same cells.',
    falseRollbackTable(cells),
    image('decisions-false-rollbacks'),
    '## Failed requests and delay',
    "Of bad versions without nuisances, at 5% → 40% → 60%. Failed requests are those that the candidate served before the verdict, on average. The bound is Wald's: what a test would need that knew the true ratio, and saw of each bad request only whose it is. Promoted versions count as found never: their failed requests are those up to the promotion.",
    failedTable(cells),
    'Over all plain cells, failed requests over those of the bound:',
    boundTable(cells),
    belowThree(cells),
    tunedText(summarize(cells), cells),
    image('decisions-trade-off'),
    '## Bad versions promoted',
    'No rule can tell a version that is five times as bad from a good one before there was something to tell it by. The table sorts the cells by how many bad requests a good version would have had in its place, over all steps, of plain errors and ratios of 5 and more with at least 200 requests.',
    harmfulTable(cells),
    'With one bad request to be expected, a good version has none or one, and a version five times as bad has two or fewer in one release of eight. Below that a release is a matter of trust; `minRequests`, longer steps or more traffic change it, `songbird simulate` says by how much.',
    '## Healthy releases without a verdict',
    'A step is held while something leans to worse, or as long as too few requests came. At the deadline it is Inconclusive.',
    inconclusiveTable(cells),
    limitsTable(results),
    CANNOT,
    RUN,
    '## All cells',
    'In brackets: the 95% interval of the share. Names are nuisance/metric/schedule/requests a second/share of bad requests on stable/times as bad.',
    `<details><summary>${cells.length} cells</summary>`,
    allCellsTable(cells),
    '</details>',
    '',
  ].join('\n\n');
}

function inShort(cells: readonly CellResult[]): string {
  const summary = summarize(cells);
  const missed = goalsOf(summary, WHOLE).filter(({ met }) => !met);
  const rows: (readonly [string, string, string])[] = [
    [
      'healthy releases rolled back, worst cell, upper end of the 95% interval',
      '≤ 1%',
      percent(summary.falseRollbackMaxUpper),
    ],
    [
      "failed requests over Wald's bound, 10 times as bad and more, 95% of plain cells",
      '≤ 2.5',
      figure2(summary.waldRatioP95),
    ],
    ['the same from 3 to 10 times', '≤ 4', figure2(summary.waldRatioP95From3To10)],
    [
      "Flagger's failed requests over Songbird's, median, where it leaves 95% of healthy releases alone",
      '≥ 10',
      figure(summary.speedupVsFlaggerWhereSound),
    ],
    ["the same of Argo's", '≥ 10', figure(summary.speedupVsArgoWhereSound)],
    [
      "Flagger's and Argo's over Wald's bound in those cells: what a test could reach that knew the ratio",
      '',
      `${figure(summary.boundVsFlaggerWhereSound)}, ${figure(summary.boundVsArgoWhereSound)}`,
    ],
    [
      "Flagger's over Songbird's in all cells, however often it is wrong",
      '',
      figure(summary.speedupVsFlagger),
    ],
    ["Argo's", '', figure(summary.speedupVsArgo)],
    [
      'healthy releases without a verdict, worst cell in which `minRequests` can come',
      '≤ 1%',
      percent(summary.healthyInconclusiveMax),
    ],
    [
      'versions 5 times as bad and worse promoted, worst cell with 10 bad requests to be expected of a good one',
      'none',
      summary.harmfulPromotionsMaxInformed === 0 ? 'none' : percent(summary.harmfulPromotionsMaxInformed),
    ],
    ['promotions without a request', 'none', summary.blindPromotions === 0 ? 'none' : 'some'],
  ];
  const text =
    missed.length === 0
      ? 'All goals are met.'
      : `Not met:\n\n${missed.map((goal) => `- ${goal.text}.`).join('\n')}`;
  return `${table(['', 'Goal', 'Found'], rows)}\n\n${text}`;
}

function figure2(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}
