import { MOST_BAD } from './traffic.ts';
import type { Nuisance } from './traffic.ts';
import type { EventMetric } from '../../src/analysis/telemetry.ts';

/** A weight (percent) and how long it is watched (seconds). */
export interface WatchedStep {
  readonly weight: number;
  readonly seconds: number;
}

/** One kind of release: everything that is the same for all its repetitions. */
export interface Cell {
  readonly name: string;
  readonly kind: EventMetric['kind'];
  readonly schedule: keyof typeof SCHEDULES;
  readonly rps: number;
  readonly base: number;
  readonly ratio: number;
  readonly nuisance: keyof typeof NUISANCES;
}

/** The steps before 100%. The last step has no stable traffic to compare with, so releases here end before it. */
export const SCHEDULES = {
  '5-40-60': [step(5, 120), step(40, 300), step(60, 300)],
  tens: [step(10, 60), step(20, 60), step(30, 60), step(40, 60), step(50, 60)],
  careful: [step(1, 300), step(5, 300), step(20, 300), step(50, 300)],
  halves: [step(20, 120), step(50, 300)],
} as const satisfies Record<string, readonly WatchedStep[]>;

function step(weight: number, seconds: number): WatchedStep {
  return { weight, seconds };
}

/** Each as strong as it is met in services that nobody would call broken. */
export const NUISANCES = {
  none: {},
  retries: { cluster: { size: 3 } },
  storms: { cluster: { size: 2, geometric: true } },
  pods: { pods: { spread: 0.2 } },
  'uneven-pods': { pods: { spread: 0.3, counted: true } },
  wander: { wander: 0.5 },
  daily: { daily: { load: 3, bad: 2 } },
  outage: { outage: { share: 0.3, seconds: 30 } },
  cold: { cold: { ratio: 2, seconds: 10 } },
  'cold-latency': { cold: { ratio: 3, seconds: 10 } },
  scrape: { scrape: 15 },
  restarts: { restarts: 120 },
  missing: { missing: 0.1 },
  together: {
    cluster: { size: 3 },
    pods: { spread: 0.2 },
    wander: 0.3,
    daily: { load: 3, bad: 2 },
    restarts: 600,
    missing: 0.02,
  },
} as const satisfies Record<string, Nuisance>;

/** Plain traffic of the first schedule, and what of it the others are tried with. */
const GRID = {
  rps: [1, 3, 10, 30, 100, 300, 1000],
  base: [0.0001, 0.001, 0.01, 0.05],
  ratio: [1, 1.5, 2, 3, 5, 10, 30, 100, 300],
};
const SPARSE_GRID = { rps: [1, 10, 100, 1000], base: [0.001, 0.01], ratio: [1, 3, 5, 10, 30, 100, 300] };

export function nameOf(cell: Omit<Cell, 'name'>): string {
  const { kind, schedule, rps, base, ratio, nuisance } = cell;
  const share = Number((base * 100).toPrecision(3));
  return [nuisance, kind, schedule, `${rps}rps`, `${share}%`, `x${Number(ratio.toPrecision(3))}`].join('/');
}

function cell(values: Omit<Cell, 'name'>): Cell {
  const { base, ratio } = values;
  const real = { ...values, ratio: Math.min(ratio, MOST_BAD / base) };
  return { ...real, name: nameOf(real) };
}

/** All cells: plain ones, bad and healthy; then healthy ones with nuisances; then bad ones with nuisances. */
export function allCells(): Cell[] {
  const cells: Cell[] = [];
  const schedules = Object.keys(SCHEDULES) as (keyof typeof SCHEDULES)[];
  for (const schedule of schedules) {
    const grid = schedule === '5-40-60' ? GRID : SPARSE_GRID;
    for (const rps of grid.rps) {
      for (const base of grid.base) {
        for (const ratio of grid.ratio) {
          cells.push(cell({ kind: 'errors', schedule, rps, base, ratio, nuisance: 'none' }));
        }
      }
    }
  }
  for (const rps of [10, 100]) {
    for (const ratio of [1, 3, 10, 30]) {
      cells.push(cell({ kind: 'slow', schedule: '5-40-60', rps, base: 0.005, ratio, nuisance: 'none' }));
    }
  }
  for (const nuisance of Object.keys(NUISANCES) as (keyof typeof NUISANCES)[]) {
    if (nuisance === 'none') continue;
    const kind = nuisance === 'cold-latency' ? 'slow' : 'errors';
    for (const [schedule, rps, base] of NUISANCE_TRAFFIC) {
      cells.push(cell({ kind, schedule, rps, base, ratio: 1, nuisance }));
    }
    for (const ratio of [3, 10, 30]) {
      cells.push(cell({ kind, schedule: '5-40-60', rps: 100, base: 0.01, ratio, nuisance }));
    }
  }
  const seen = new Set<string>();
  return cells.filter(({ name }) => !seen.has(name) && seen.add(name).has(name));
}

const NUISANCE_TRAFFIC: readonly (readonly [keyof typeof SCHEDULES, number, number])[] = [
  ['5-40-60', 10, 0.001],
  ['5-40-60', 10, 0.01],
  ['5-40-60', 100, 0.001],
  ['5-40-60', 100, 0.01],
  ['5-40-60', 1000, 0.0001],
  ['5-40-60', 1000, 0.001],
  ['5-40-60', 1000, 0.01],
  ['5-40-60', 100, 0.05],
  ['tens', 100, 0.01],
  ['careful', 100, 0.01],
  ['halves', 100, 0.01],
];
