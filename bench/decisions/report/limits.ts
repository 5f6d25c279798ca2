import { NUISANCES, nuisanceOf } from '../cells.ts';
import type { CellResult } from '../measure.ts';
import { percent, table } from './text.ts';

const GOAL = 0.01;

/** How far each nuisance can be turned up before more than 1% of the healthy releases of a cell are rolled back. */
export function limitsTable(results: readonly CellResult[]): string {
  const turned = results.filter(({ cell }) => (cell.strength ?? 0) > 0);
  if (turned.length === 0) return '';
  const traffic = new Set(turned.map(trafficOf));
  const rows = (Object.keys(NUISANCES) as (keyof typeof NUISANCES)[])
    .filter((nuisance) => NUISANCES[nuisance].length > 1)
    .map((nuisance) => {
      const shares = NUISANCES[nuisance].map((_, strength) => {
        const own = results.filter(
          ({ cell }) => cell.nuisance === nuisance && (cell.strength ?? 0) === strength && cell.ratio === 1,
        );
        const compared = own.filter((result) => traffic.has(trafficOf(result)));
        return {
          text: strengthOf(nuisance, strength),
          share: Math.max(0, ...compared.map(({ songbird }) => songbird.rolledBack)),
        };
      });
      const beyond = shares.findIndex(({ share }) => share > GOAL);
      const held = shares.slice(0, beyond < 0 ? undefined : beyond).at(-1);
      return [
        nuisance,
        shares[0]?.text ?? '',
        held === undefined ? 'none' : `${held.text} (${percent(held.share)})`,
        beyond < 0 ? 'not found' : `${shares[beyond]?.text ?? ''} (${percent(shares[beyond]?.share)})`,
      ];
    });
  const releases = turned[0]?.releases ?? 0;
  return [
    '## How much more it bears',
    `Each nuisance turned up, ${releases.toLocaleString('en-US')} healthy releases at each of ${traffic.size} kinds of traffic. In brackets: rolled back in the worst of them.`,
    table(['Nuisance', 'As above', 'Up to', 'Too much'], rows),
  ].join('\n\n');
}

function trafficOf({ cell }: CellResult): string {
  return [cell.schedule, cell.rps, cell.base].join('/');
}

function strengthOf(nuisance: keyof typeof NUISANCES, strength: number): string {
  const { cluster, pods, wander, daily, outage, cold, scrape, restarts, missing } = nuisanceOf({
    nuisance,
    strength,
  });
  if (cluster !== undefined)
    return `${cluster.size} attempts${cluster.geometric === true ? ' on average' : ''}`;
  if (pods !== undefined) return `${percent(pods.spread)} between pods`;
  if (wander !== undefined) return `ln(load) ± ${wander}`;
  if (daily !== undefined) return `${daily.bad} × as bad at the peak`;
  if (outage !== undefined) return `${percent(outage.share)} of requests`;
  if (cold !== undefined) return `${cold.ratio} × as bad at first`;
  if (scrape !== undefined) return `every ${scrape} s`;
  if (restarts !== undefined) return `every ${restarts} s`;
  return `${percent(missing)} of reads`;
}
