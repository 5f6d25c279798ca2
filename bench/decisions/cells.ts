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
  /** Which strength of it (0 when left out). */
  readonly strength?: number | undefined;
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

/**
 * By name, the strengths that are tried. The first is the one that has to be withstood: as strong as it is met in services
 * that nobody would call broken. The others tell how far it can be turned up.
 */
export const NUISANCES = {
  none: [{}],
  // Envoy's default of two retries, all of which fail: every incident counts three times.
  retries: [3, 4, 5, 6, 8, 10].map((size) => ({ cluster: { size } })),
  // Callers who try again until they are served: two attempts on average, with a long tail.
  storms: [2, 2.5, 3, 4, 5, 6].map((size) => ({ cluster: { size, geometric: true } })),
  // A fifth of difference between pods that nobody counts by pod, 30% where the source does.
  pods: [0.2, 0.25, 0.3, 0.35, 0.4, 0.5].map((spread) => ({ pods: { spread } })),
  'uneven-pods': [0.3, 0.4, 0.5, 0.6, 0.8, 1].map((spread) => ({ pods: { spread, counted: true } })),
  wander: [0.5, 0.75, 1, 1.25, 1.5, 2].map((wander) => ({ wander })),
  daily: [2, 4, 8, 16, 32, 64].map((bad) => ({ daily: { load: 3, bad } })),
  outage: [0.3, 0.5, 0.9, 1].map((share) => ({ outage: { share, seconds: 30 } })),
  // What the default warm-up of each kind of metric supposes.
  cold: [2, 2.5, 3, 4, 5, 8].map((ratio) => ({ cold: { ratio, seconds: 10 } })),
  'cold-latency': [3, 4, 5, 6, 8, 10].map((ratio) => ({ cold: { ratio, seconds: 10 } })),
  // Half of Prometheus' own default, and what Istio's samples set.
  scrape: [15, 30, 60].map((scrape) => ({ scrape })),
  // The two together: one side's scrape tells of the outage first.
  'scraped-outage': [0.3, 0.5, 0.9, 1].map((share) => ({ scrape: 15, outage: { share, seconds: 30 } })),
  // Clusters have to be learned from a few scrapes.
  'scraped-retries': [3, 4, 5, 6, 8, 10].map((size) => ({ scrape: 15, cluster: { size } })),
  restarts: [120, 60, 30, 10].map((restarts) => ({ restarts })),
  missing: [0.1, 0.2, 0.4, 0.6].map((missing) => ({ missing })),
  together: [
    {
      cluster: { size: 3 },
      pods: { spread: 0.2 },
      wander: 0.3,
      daily: { load: 3, bad: 2 },
      restarts: 600,
      missing: 0.02,
    },
  ],
} as const satisfies Record<string, readonly Nuisance[]>;

/** What disturbs a cell, at its strength. */
export function nuisanceOf({ nuisance, strength = 0 }: Pick<Cell, 'nuisance' | 'strength'>): Nuisance {
  return NUISANCES[nuisance][strength] ?? {};
}

/** Plain traffic of the first schedule, and what of it the others are tried with. */
const GRID = {
  rps: [1, 3, 10, 30, 100, 300, 1000],
  base: [0.0001, 0.001, 0.01, 0.05],
  ratio: [1, 1.5, 2, 3, 5, 10, 30, 100, 300],
};
/** Ratios that nobody can find out soon are tried at powers of ten only: they take longest. */
const LEAST_FOUND = 3;
const SPARSE_GRID = { rps: [1, 10, 100, 1000], base: [0.001, 0.01], ratio: [1, 3, 5, 10, 30, 100, 300] };

export function nameOf(cell: Omit<Cell, 'name'>): string {
  const { kind, schedule, rps, base, ratio, nuisance, strength = 0 } = cell;
  const share = Number((base * 100).toPrecision(3));
  const disturbed = strength === 0 ? nuisance : `${nuisance}+${strength}`;
  return [disturbed, kind, schedule, `${rps}rps`, `${share}%`, `x${Number(ratio.toPrecision(3))}`].join('/');
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
          if (ratio > 1 && ratio < LEAST_FOUND && !SPARSE_GRID.rps.includes(rps)) continue;
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
    for (const kind of KINDS[nuisance] ?? (['errors'] as const)) {
      for (const [schedule, rps, base] of NUISANCE_TRAFFIC) {
        cells.push(cell({ kind, schedule, rps, base, ratio: 1, nuisance }));
      }
      for (const ratio of [3, 10, 30]) {
        cells.push(cell({ kind, schedule: '5-40-60', rps: 100, base: 0.01, ratio, nuisance }));
      }
    }
  }
  const seen = new Set<string>();
  return cells.filter(({ name }) => !seen.has(name) && seen.add(name).has(name));
}

/** What else than errors is disturbed: durations are told every 5 s, of each version at another time. */
const KINDS: Partial<Record<keyof typeof NUISANCES, readonly Cell['kind'][]>> = {
  'cold-latency': ['slow'],
  outage: ['errors', 'slow'],
  retries: ['errors', 'slow'],
};

const NUISANCE_TRAFFIC: readonly (readonly [keyof typeof SCHEDULES, number, number])[] = [
  ['5-40-60', 10, 0.001],
  ['5-40-60', 10, 0.01],
  ['5-40-60', 100, 0.001],
  ['5-40-60', 100, 0.01],
  ['5-40-60', 1000, 0.001],
  ['5-40-60', 1000, 0.01],
  ['tens', 100, 0.01],
  ['careful', 10, 0.01],
  ['careful', 100, 0.01],
  ['halves', 100, 0.01],
];

/** A fixed choice that shows in short time whether something is grossly wrong. */
export function quickCells(): Cell[] {
  const some = new Set([
    ...['10rps/1%', '100rps/0.1%', '100rps/1%', '1000rps/0.1%'].flatMap((traffic) =>
      [1, 3, 5, 10, 30].map((ratio) => `none/errors/5-40-60/${traffic}/x${ratio}`),
    ),
    ...['halves', 'tens', 'careful'].flatMap((schedule) =>
      [1, 10, 30].map((ratio) => `none/errors/${schedule}/100rps/1%/x${ratio}`),
    ),
    ...Object.keys(NUISANCES).map((nuisance) => `${nuisance}/errors/5-40-60/100rps/1%/x1`),
    'cold-latency/slow/5-40-60/100rps/1%/x1',
  ]);
  return allCells().filter(({ name }) => some.has(name));
}

/** Healthy cells with each nuisance turned up, step by step. */
export function limitCells(): Cell[] {
  return (Object.keys(NUISANCES) as (keyof typeof NUISANCES)[]).flatMap((nuisance) =>
    NUISANCES[nuisance].slice(1).flatMap((_, more) =>
      LIMIT_TRAFFIC.map(([schedule, rps, base]) =>
        cell({
          kind: nuisance === 'cold-latency' ? 'slow' : 'errors',
          ...{ schedule, rps, base, ratio: 1, nuisance, strength: more + 1 },
        }),
      ),
    ),
  );
}

const LIMIT_TRAFFIC: readonly (readonly [keyof typeof SCHEDULES, number, number])[] = [
  ['5-40-60', 10, 0.01],
  ['5-40-60', 100, 0.01],
  ['5-40-60', 1000, 0.001],
];
