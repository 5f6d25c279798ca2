import { z } from 'zod';
import { NUISANCES, SCHEDULES } from './cells.ts';
import type { CellResult } from './measure.ts';

/** A cell's result as a line of JSON. */
export function jsonLine({ cell, settings, ...rest }: CellResult): string {
  return JSON.stringify({ ...cell, ...rest, settings: listsOf(settings) }, rounded);
}

/** For JSON.stringify: five digits are more than chance leaves certain. */
export function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

/** Settings as lists of numbers: setting, rolled back, failed, failed in the hour. JSON has no infinity: null is never. */
function listsOf(settings: CellResult['settings']): Record<string, number[][]> {
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

const keysOf = <K extends string>(record: Record<K, unknown>) => z.enum(Object.keys(record) as [K, ...K[]]);

const cell = z.object({
  name: z.string(),
  kind: z.enum(['errors', 'slow']),
  schedule: keysOf(SCHEDULES),
  rps: z.number(),
  base: z.number(),
  ratio: z.number(),
  nuisance: keysOf(NUISANCES),
  strength: z.number().optional(),
});

const rule = z.object({
  rolledBack: z.number(),
  interval: z.tuple([z.number(), z.number()]),
  delayP50: z.number().optional(),
  delayP95: z.number().optional(),
  failed: z.number(),
  failedInHour: z.number(),
});

const setting = z
  .tuple([z.number().nullable(), z.number(), z.number(), z.number()])
  .transform(([value, rolledBack, failed, failedInHour]) => ({
    setting: value ?? Infinity,
    rolledBack,
    failed,
    failedInHour,
  }));

const line = cell
  .extend({
    seed: z.number(),
    releases: z.number(),
    songbird: rule.extend({
      failedError: z.number(),
      promoted: z.number(),
      inconclusive: z.number(),
      harmfulPromotions: z.number(),
      blindPromotions: z.number(),
    }),
    wald: z.number().optional(),
    rivals: z.record(z.string(), rule),
    settings: z.record(z.string(), z.array(setting)),
  })
  .transform(({ seed, releases, songbird, wald, rivals, settings, ...own }): CellResult => ({
    ...{ cell: own, seed, releases, songbird, wald, rivals, settings },
  }));

/** Reads what {@link jsonLine} wrote; lines without a cell, as the last one, are left out. Throws on other lines. */
export function parseLines(text: string): CellResult[] {
  return text
    .split('\n')
    .filter((one) => one !== '')
    .map((one): unknown => JSON.parse(one))
    .filter((one) => typeof one === 'object' && one !== null && 'name' in one)
    .map((one) => line.parse(one));
}
