import { NUISANCES } from '../cells.ts';
import type { CellResult } from '../measure.ts';
import { mean, quantile } from '../statistics.ts';
import { expectedOf, SOUND, trafficOf, waldRatioOf } from '../summary.ts';
import { figure, percent, seconds, table, times } from './text.ts';

const most = (values: readonly number[]) => Math.max(0, ...values);

export function falseRollbackTable(cells: readonly CellResult[]): string {
  const rows = Object.keys(NUISANCES).map((nuisance) => {
    const own = cells.filter(({ cell }) => cell.ratio === 1 && cell.nuisance === nuisance);
    const worst = own.reduce<CellResult | undefined>(
      (found, one) =>
        found !== undefined && found.songbird.rolledBack >= one.songbird.rolledBack ? found : one,
      undefined,
    );
    const [lower, upper] = worst?.songbird.interval ?? [];
    const rival = (name: string) => percent(most(own.map(({ rivals }) => rivals[name]?.rolledBack ?? 0)));
    return [
      nuisance,
      String(own.length),
      percent(mean(own.map(({ songbird }) => songbird.rolledBack))),
      `${percent(worst?.songbird.rolledBack)} (${percent(lower)} to ${percent(upper)})`,
      ...['flagger', 'argo-0', 'kayenta', 'z-test'].map(rival),
    ];
  });
  return table(
    ['Nuisance', 'Cells', 'Songbird, mean', 'Songbird, worst', 'Flagger', 'Argo', 'Kayenta', 'z-test'],
    rows,
  );
}

const isPlain = ({ cell }: CellResult) => cell.nuisance === 'none' && cell.kind === 'errors';

export function failedTable(cells: readonly CellResult[]): string {
  const shown = cells.filter(
    (result) =>
      isPlain(result) &&
      result.cell.schedule === '5-40-60' &&
      [10, 100, 1000].includes(result.cell.rps) &&
      [0.001, 0.01].includes(result.cell.base) &&
      result.cell.ratio >= 3 &&
      result.cell.ratio !== 5,
  );
  const twins = new Map(
    cells.filter(({ cell }) => cell.ratio === 1).map((result) => [trafficOf(result), result]),
  );
  const rows = shown.map((result) => {
    const { cell, songbird, rivals } = result;
    const wrong = (name: string) =>
      (twins.get(trafficOf(result))?.rivals[name]?.rolledBack ?? 0) > SOUND ? ' †' : '';
    return [
      String(cell.rps),
      percent(cell.base),
      `${figure(cell.ratio)} ×`,
      percent(songbird.rolledBack),
      `${seconds(songbird.delayP50)}, ${seconds(songbird.delayP95)}`,
      `**${figure(songbird.failed)}**`,
      times(waldRatioOf(result)),
      ...['flagger', 'flagger-10s-2', 'argo-0', 'argo-5m', 'kayenta', 'z-test'].map(
        (name) => figure(rivals[name]?.failed) + wrong(name),
      ),
    ];
  });
  const head = ['Requests/s', 'Stable', 'Bad', 'Found', 'After (p50, p95)', 'Failed', 'Bound'];
  return [
    table([...head, 'Flagger', '10 s × 2', 'Argo', '5 min', 'Kayenta', 'z-test'], rows),
    `† rolls back more than ${percent(SOUND)} of the healthy releases with the same traffic`,
  ].join('\n\n');
}

export function boundTable(cells: readonly CellResult[]): string {
  const groups = [
    ['3', 3, 4],
    ['5', 5, 6],
    ['10', 10, 15],
    ['19 to 30', 15, 50],
    ['95 to 300', 50, 1000],
  ] as const;
  const rows = groups.flatMap(([name, from, below]) => {
    const ratios = cells
      .filter(({ cell }) => cell.nuisance === 'none' && cell.ratio >= from && cell.ratio < below)
      .flatMap((result) => waldRatioOf(result) ?? []);
    if (ratios.length === 0) return [];
    return [
      [
        `${name} ×`,
        String(ratios.length),
        times(quantile(ratios, 0.5)),
        times(quantile(ratios, 0.95)),
        times(most(ratios)),
      ],
    ];
  });
  return table(['Bad', 'Cells', 'Median', '95% of cells', 'Worst'], rows);
}

/** What is found of versions that are hardly worse. */
export function belowThree(cells: readonly CellResult[]): string {
  const rows = cells
    .filter(
      (result) =>
        isPlain(result) && result.cell.ratio > 1 && result.cell.ratio < 3 && result.cell.base >= 0.001,
    )
    .map(({ cell, songbird }) => [
      String(cell.rps),
      percent(cell.base),
      `${figure(cell.ratio)} ×`,
      percent(songbird.rolledBack),
      percent(songbird.inconclusive),
      percent(songbird.promoted),
      seconds(songbird.delayP50),
    ]);
  return [
    '### Less than three times as bad',
    'Two good versions differ by half now and then: other pods, other nodes, other callers. Songbird looks for versions that are at least twice as bad, more where `tolerance` is set. What it finds of those just below and there:',
    table(['Requests/s', 'Stable', 'Bad', 'Rolled back', 'Inconclusive', 'Promoted', 'After (p50)'], rows),
  ].join('\n\n');
}

export function harmfulTable(cells: readonly CellResult[]): string {
  const groups = [
    [0, 0.3],
    [0.3, 1],
    [1, 3],
    [3, 10],
    [10, Infinity],
  ] as const;
  const rows = groups.map(([from, below]) => {
    const own = cells.filter((result) => {
      const expected = expectedOf(result.cell);
      return isPlain(result) && expected >= from && expected < below;
    });
    const share = (least: number, under: number) => {
      const group = own.filter(({ cell }) => cell.ratio >= least && cell.ratio < under);
      const values = group.map(({ songbird }) => songbird.harmfulPromotions);
      return values.length === 0 ? '' : `${percent(mean(values))}, at most ${percent(most(values))}`;
    };
    const name =
      from === 0 ? `less than ${below}` : below === Infinity ? `${from} and more` : `${from} to ${below}`;
    return [name, share(5, 6), share(10, 15), share(15, 1000)];
  });
  return table(
    ['Bad requests to be expected', '5 times as bad, promoted', '10 times', '20 times and more'],
    rows,
  );
}

export function inconclusiveTable(cells: readonly CellResult[]): string {
  const rates = [...new Set(cells.map(({ cell }) => cell.rps))].sort((a, b) => a - b);
  const rows = rates.flatMap((rps) => {
    const own = cells.filter(({ cell }) => cell.rps === rps && cell.ratio === 1);
    if (own.length === 0) return [];
    const worst = own.reduce((found, one) =>
      found.songbird.inconclusive >= one.songbird.inconclusive ? found : one,
    );
    return [
      [
        String(rps),
        String(own.length),
        percent(mean(own.map(({ songbird }) => songbird.inconclusive))),
        percent(worst.songbird.inconclusive),
        worst.cell.name,
      ],
    ];
  });
  return [
    table(['Requests/s', 'Cells', 'Inconclusive, mean', 'Worst', 'Where'], rows),
    'At 1 request/s, 5% or less of the traffic does not bring 50 requests (`minRequests`) before the deadline: those releases end Inconclusive, as they should. Give such services larger first steps or more time.',
  ].join('\n\n');
}

export function allCellsTable(cells: readonly CellResult[]): string {
  const rows = cells.map((result) => {
    const { cell, songbird, rivals } = result;
    return [
      cell.name,
      `${percent(songbird.rolledBack)} (${songbird.interval.map(percent).join(', ')})`,
      seconds(songbird.delayP50),
      seconds(songbird.delayP95),
      figure(songbird.failed),
      times(waldRatioOf(result)),
      percent(songbird.inconclusive),
      percent(songbird.promoted),
      ...['flagger', 'argo-0'].map(
        (name) => `${figure(rivals[name]?.failed)} (${percent(rivals[name]?.rolledBack)})`,
      ),
    ];
  });
  return table(
    ['Cell', 'Rolled back', 'p50', 'p95', 'Failed', 'Bound', 'Inconclusive', 'Promoted', 'Flagger', 'Argo'],
    rows,
  );
}
