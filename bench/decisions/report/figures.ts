import type { CellResult } from '../measure.ts';
import { quantile } from '../statistics.ts';
import { LEAST_RPS } from '../summary.ts';
import { figureOf, ticks } from './plot.ts';
import type { Axis, Panel, Series } from './plot.ts';
import { percent } from './text.ts';

const COLOURS: Readonly<Record<string, string>> = {
  songbird: '#1a7f37',
  flagger: '#cf222e',
  'flagger-10s-2': '#fa8c84',
  'argo-0': '#8250df',
  'argo-1': '#a475f9',
  'argo-3': '#c297ff',
  'argo-5m': '#6e40c9',
  kayenta: '#bf8700',
  'z-test': '#0969da',
};

/** An image of the documentation: its file name, and what it says to who cannot see it. */
export interface Figure {
  readonly name: string;
  readonly alt: string;
  readonly svg: string;
}

export function figures(results: readonly CellResult[]): Figure[] {
  return [failedByRatio(results), falseRollbacks(results), tradeOff(results)];
}

const RATIOS = ticks([3, 10, 30, 100, 300], String);

/** The rule with what it does to healthy releases: without that, few failed requests say nothing. */
function nameOf(name: string, results: readonly CellResult[]): string {
  const shares = results
    .filter(({ cell }) => cell.ratio === 1)
    .map(({ songbird, rivals }) => (name === 'songbird' ? songbird : rivals[name])?.rolledBack ?? 0);
  return `${name} (${percent(Math.max(0, ...shares))})`;
}

function failedByRatio(results: readonly CellResult[]): Figure {
  const panels = [10, 100, 1000].map((rps): Panel => {
    const cells = results.filter(
      ({ cell }) =>
        cell.nuisance === 'none' &&
        cell.schedule === '5-40-60' &&
        cell.kind === 'errors' &&
        cell.rps === rps &&
        cell.base === 0.001 &&
        cell.ratio >= 3,
    );
    const line = (name: string, of: (result: CellResult) => number | undefined, dashed = false): Series => ({
      name: name in COLOURS ? nameOf(name, results) : name,
      colour: COLOURS[name] ?? '#59636e',
      points: cells.flatMap((result) => {
        const y = of(result);
        return y === undefined ? [] : [[result.cell.ratio, y] as const];
      }),
      dashed,
    });
    return {
      title: `${rps} requests/s`,
      width: 290,
      x: { label: 'times as bad as stable', from: 2.7, to: 330, ticks: RATIOS },
      y: {
        label: 'failed requests served',
        from: 1,
        to: 100_000,
        ticks: ticks([1, 10, 100, 1000, 10_000, 100_000], (value) => value.toLocaleString('en-US')),
      },
      series: [
        ...['flagger', 'argo-0', 'kayenta', 'z-test'].map((name) =>
          line(name, ({ rivals }) => rivals[name]?.failed),
        ),
        line("Wald's bound", ({ wald }) => wald, true),
        line('songbird', ({ songbird }) => songbird.failed),
      ],
    };
  });
  return {
    name: 'decisions-failed',
    alt: "Failed requests served before the verdict, by how bad the candidate is, for Songbird, four rivals and Wald's bound",
    svg: figureOf(
      'Failed requests served before the verdict (stable at 0.1% errors); in brackets: healthy releases rolled back, worst cell',
      "For 10, 100 and 1,000 requests a second. Songbird stays near Wald's bound; Flagger and Argo serve the more the busier the service is.",
      panels,
    ),
  };
}

const SHARES: Axis = {
  label: 'healthy releases rolled back',
  from: 0.0001,
  to: 1,
  ticks: ticks([0.0001, 0.001, 0.01, 0.1, 1], percent),
};

function falseRollbacks(results: readonly CellResult[]): Figure {
  const healthy = results.filter(({ cell }) => cell.ratio === 1);
  const dots = (name: string, of: (result: CellResult) => number | undefined): Series => ({
    name,
    colour: COLOURS[name] ?? '#59636e',
    points: healthy.map((result) => [result.cell.rps * result.cell.base, of(result) ?? 0]),
    dots: true,
  });
  const panel = (title: string, series: readonly Series[]): Panel => ({
    title,
    width: 205,
    x: {
      label: 'bad requests a second, both versions',
      from: 0.00005,
      to: 100,
      ticks: ticks([0.0001, 0.01, 1, 100], String),
    },
    y: SHARES,
    series,
  });
  const rival = (name: string) => dots(name, ({ rivals }) => rivals[name]?.rolledBack);
  return {
    name: 'decisions-false-rollbacks',
    alt: 'Healthy releases that were rolled back, one dot for each cell, for Songbird, Flagger, Argo, Kayenta and the z-test at their defaults',
    svg: figureOf(
      'Healthy releases rolled back, at defaults; each dot a cell, nuisances included',
      'Songbird stays below 1% in all cells. The thresholds of Flagger and Argo roll back nearly all healthy releases of services that are near 1%, and the peeking z-test between 5% and all.',
      [
        panel('Songbird', [dots('songbird', ({ songbird }) => songbird.rolledBack)]),
        panel('Flagger', [rival('flagger')]),
        panel('Argo', [rival('argo-0')]),
        panel('Kayenta, z-test', [rival('kayenta'), rival('z-test')]),
      ],
    ),
  };
}

const SHOWN = ['flagger', 'flagger-10s-2', 'argo-0', 'argo-1', 'kayenta', 'z-test'];

/** For each rule and setting: the worst share of healthy releases rolled back, and how many requests bad ones fail. */
function tradeOff(results: readonly CellResult[]): Figure {
  const busy = results.filter(({ cell }) => cell.rps >= LEAST_RPS);
  const healthy = busy.filter(({ cell }) => cell.ratio === 1);
  const bad = busy.filter(({ cell }) => cell.ratio >= 10);
  const curves = SHOWN.map((name): Series => ({
    name,
    colour: COLOURS[name] ?? '#59636e',
    points: (results[0]?.settings[name] ?? []).map((_, i) => [
      Math.max(SHARES_FROM, ...healthy.map(({ settings }) => settings[name]?.[i]?.rolledBack ?? 0)),
      quantile(
        bad.map(
          ({ settings, songbird }) => (settings[name]?.[i]?.failedInHour ?? NaN) / songbird.failedInHour,
        ),
        0.5,
      ),
    ]),
  }));
  const own: Series = {
    name: 'songbird',
    colour: COLOURS['songbird'] ?? '',
    points: [[Math.max(SHARES_FROM, ...healthy.map(({ songbird }) => songbird.rolledBack)), 1]],
    dots: true,
  };
  return {
    name: 'decisions-trade-off',
    alt: 'For each rule at many settings, the worst share of healthy releases rolled back against the failed requests of bad releases in an hour',
    svg: figureOf(
      'Every rule at all its settings',
      'Across: healthy releases rolled back in the worst cell. Up: failed requests in the hour after the first traffic, times those with Songbird, the median over bad cells.',
      [
        {
          title: '',
          width: 620,
          x: {
            label: 'healthy releases rolled back, worst cell',
            from: SHARES_FROM,
            to: 1,
            ticks: ticks([0.001, 0.01, 0.1, 1], percent),
          },
          y: {
            label: 'failed in the hour, times Songbird’s',
            from: 0.3,
            to: 100_000,
            ticks: ticks([1, 10, 100, 1000, 10_000, 100_000], (value) => value.toLocaleString('en-US')),
          },
          series: [...curves, own],
        },
      ],
    ),
  };
}

const SHARES_FROM = 0.001;
