import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { allCells, limitCells, quickCells } from './cells.ts';
import type { Cell } from './cells.ts';
import type { Task } from './worker.ts';

/** What to run, and how to tell it. */
export interface Options {
  readonly tasks: readonly Task[];
  readonly workers: number;
  readonly json: boolean;
  readonly quick: boolean;
  /** Whether all cells are run. */
  readonly whole: boolean;
  /** Whether docs/decisions.md and its images are written. */
  readonly write: boolean;
  /** Files with the lines of earlier runs: their cells are not run again. */
  readonly from: readonly string[];
}

/** The arguments are wrong; the message tells the person who wrote them. */
export class UsageError extends Error {}

export const USAGE = `npm run bench:decisions -- [--json] [--seed N] [--cell NAME]... [--releases N] [--workers N]
                           [--quick | --limits | --write] [--from FILE]...

  --json        one JSON line a cell, and a last one for the whole
  --seed N      another seed (1 by default)
  --cell NAME   only this cell, by its name in the tables; may be given several times
  --releases N  releases a cell (10000 by default; 1000 with --quick, 2000 with --limits)
  --workers N   threads (as many as there are processors by default)
  --quick       a choice of cells
  --limits      healthy cells with nuisances turned up
  --write       all cells and those of --limits, into docs/decisions.md
  --from FILE   lines of earlier runs with --json: their cells are not run again`;

const RELEASES = { whole: 10_000, quick: 1000, limits: 2000 };

/** Reads the command line. Throws a UsageError. */
export function optionsOf(args: readonly string[]): Options {
  const { quick, limits, write, json, cell, from = [], ...numbers } = parse(args);
  if ([quick, limits, write, cell !== undefined].filter(Boolean).length > 1) {
    throw new UsageError('Give at most one of --cell, --quick, --limits and --write.');
  }
  const seed = wholeNumber('--seed', numbers.seed, 1, 0);
  const tasks = (cells: readonly Cell[], mode: keyof typeof RELEASES) => {
    const releases = wholeNumber('--releases', numbers.releases, RELEASES[mode], 1);
    return cells.map((one) => ({ cell: one, seed, releases }));
  };
  return {
    tasks:
      cell !== undefined
        ? tasks([...new Set(cell)].map(cellOf), 'whole')
        : [
            ...(quick || limits ? [] : tasks(allCells(), 'whole')),
            ...(quick ? tasks(quickCells(), 'quick') : []),
            ...(limits || write ? tasks(limitCells(), 'limits') : []),
          ],
    workers: wholeNumber('--workers', numbers.workers, availableParallelism(), 1),
    whole: cell === undefined && !quick && !limits,
    ...{ json, quick, write, from },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        seed: { type: 'string' },
        cell: { type: 'string', multiple: true },
        releases: { type: 'string' },
        workers: { type: 'string' },
        quick: { type: 'boolean', default: false },
        limits: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        from: { type: 'string', multiple: true },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const MOST = 2 ** 31 - 1;

function wholeNumber(name: string, text: string | undefined, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= MOST) return value;
  throw new UsageError(`${name} is a whole number from ${least} to ${MOST}, not "${text}".`);
}

function cellOf(name: string): Cell {
  const known = [...allCells(), ...limitCells()];
  const cell = known.find((one) => one.name === name);
  if (cell !== undefined) return cell;
  const parts = name.split('/');
  const shared = (other: Cell) => other.name.split('/').filter((part, i) => part === parts[i]).length;
  const nearest = known.reduce((best, one) => (shared(one) > shared(best) ? one : best));
  throw new UsageError(
    `There is no cell "${name}". A name is nuisance/kind/schedule/requests/base/ratio, as in "${nearest.name}".`,
  );
}
