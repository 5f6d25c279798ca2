import { describe, expect, it } from 'vitest';
import { optionsOf, UsageError } from './arguments.ts';
import { allCells, limitCells, quickCells } from './cells.ts';
import { goalsOf, QUICK, WHOLE } from './goals.ts';
import { measure } from './measure.ts';
import type { CellResult } from './measure.ts';
import { measureAll } from './pool.ts';
import { figures } from './report/figures.ts';
import { page } from './report/page.ts';
import { jsonLine, parseLines } from './results.ts';
import { expectedOf, summarize } from './summary.ts';

const cellOf = (name: string) => {
  const cell = [...allCells(), ...limitCells()].find((one) => one.name === name);
  if (cell === undefined) throw new Error(`no cell ${name}`);
  return cell;
};
const BAD = cellOf('none/errors/5-40-60/100rps/1%/x10');
const GOOD = cellOf('none/errors/5-40-60/100rps/1%/x1');
const SEED = 1;

describe(`a cell (seed ${SEED})`, () => {
  const [bad, good] = [measure(BAD, SEED, 60), measure(GOOD, SEED, 60)];

  it('gives the same result alone, after others, and on a thread', async () => {
    const tasks = [GOOD, BAD].map((cell) => ({ cell, seed: SEED, releases: 60 }));
    const told: string[] = [];
    const results = await measureAll(tasks, 2, ({ cell }) => told.push(cell.name));
    expect(results).toEqual([good, bad]);
    expect(told).toEqual([GOOD.name, BAD.name]);
  });

  it('gives another result for another seed', () => {
    expect(measure(BAD, SEED + 1, 60).songbird.failed).not.toBe(bad.songbird.failed);
  });

  it('accounts for each release', () => {
    for (const { songbird } of [bad, good]) {
      expect(songbird.rolledBack + songbird.promoted + songbird.inconclusive).toBeCloseTo(1, 12);
    }
    expect(bad.songbird.rolledBack).toBe(1);
    expect(bad.songbird.failedInHour).toBe(bad.songbird.failed);
    expect(good.songbird.promoted).toBeGreaterThan(0.9);
    // An hour at 1% of 100 requests/s, most of it after the promotion.
    expect(good.songbird.failedInHour / 3200).toBeCloseTo(1, 0);
    expect(good.rivals['flagger']?.rolledBack).toBeGreaterThan(0.9);
  });

  it('survives being written and read', () => {
    const [again] = parseLines(`${jsonLine(bad)}\n${JSON.stringify({ cells: 1 })}\n`);
    expect(again?.cell).toEqual(BAD);
    expect(again?.settings['z-test']?.at(-1)?.setting).toBe(Infinity);
    expect(again?.songbird.failed).toBeCloseTo(bad.songbird.failed, 3);
    expect(() => parseLines('{"name": "x"}')).toThrow();
  });

  it('has a page of documentation with figures', () => {
    const results = [good, bad];
    const images = figures(results);
    const text = page(results, images);
    expect(text).toContain(`| ${BAD.name} |`);
    expect(text).not.toMatch(/NaN|undefined/);
    for (const { svg } of images) expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('the grid', () => {
  it('names each cell once, and finds it by its name', () => {
    const names = [...allCells(), ...limitCells()].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const cell of quickCells()) expect(names).toContain(cell.name);
    expect(quickCells().length).toBeGreaterThan(30);
  });

  it('has no bad version that fails more than always', () => {
    for (const { base, ratio } of allCells()) expect(base * ratio).toBeLessThanOrEqual(0.95 + 1e-12);
  });

  it('has a healthy twin for each bad cell', () => {
    const healthy = new Set(
      allCells()
        .filter(({ ratio }) => ratio === 1)
        .map(({ name }) => name),
    );
    for (const { name } of allCells()) expect(healthy).toContain(name.replace(/x[^/]*$/, 'x1'));
  });

  it('knows how many bad requests a good version would have', () => {
    expect(expectedOf(cellOf('none/errors/5-40-60/100rps/1%/x1'))).toBeCloseTo(6 + 120 + 180, 9);
  });
});

describe('the goals', () => {
  const plain = (
    name: string,
    songbird: Partial<CellResult['songbird']>,
    extra: Partial<CellResult> = {},
  ) => ({
    ...measure(cellOf(name), SEED, 1),
    ...extra,
    songbird: { ...measure(cellOf(name), SEED, 1).songbird, ...songbird },
  });

  it('are missed with a sentence each', () => {
    const results = [
      plain(GOOD.name, { rolledBack: 0.02, interval: [0.017, 0.023], inconclusive: 0.05 }),
      plain(BAD.name, { failed: 9, harmfulPromotions: 0.001 }, { wald: 3 }),
    ];
    const missed = goalsOf(summarize(results), WHOLE).filter(({ met }) => !met);
    const text = missed.map((goal) => goal.text).join('\n');
    expect(text).toContain(`falseRollbackMaxUpper 0.023 in ${GOOD.name}; at most 0.01 is wanted`);
    expect(text).toContain('waldRatioP95 3; at most 2.5 is wanted');
    expect(text).toContain('harmfulPromotionsMaxInformed 0.001');
    expect(text).toContain('healthyInconclusiveMax 0.05');
  });

  it('say nothing of what was not run', () => {
    expect(
      goalsOf(summarize([plain(BAD.name, { failed: 6 }, { wald: 3 })]), QUICK).every(({ met }) => met),
    ).toBe(true);
    expect(summarize([]).falseRollbackMaxUpper).toBeUndefined();
  });

  it('tune rivals to the false rollbacks of Songbird, and name who then does better', () => {
    const settings = (rolledBack: number, failed: number) =>
      Object.fromEntries(
        Object.entries(measure(GOOD, SEED, 1).settings).map(([rule, list]) => [
          rule,
          list.map((one, i) => ({
            ...one,
            rolledBack: i < 3 ? rolledBack : 0,
            failed,
            failedInHour: failed,
          })),
        ]),
      );
    const results = [
      plain(GOOD.name, { rolledBack: 0.004 }, { settings: settings(0.1, 5) }),
      plain(BAD.name, { failed: 6, failedInHour: 6 }, { wald: 3, settings: settings(1, 5) }),
    ];
    const { tuned, losses } = summarize(results);
    expect(tuned.map(({ index }) => index)).toEqual(tuned.map(() => 3));
    expect(losses).toHaveLength(tuned.length);
    expect(losses[0]).toMatchObject({ cell: BAD.name, ours: 6, theirs: 5, promoted: 1, inHour: true });
  });
});

describe('the command line', () => {
  it('runs all cells with 10,000 releases and seed 1 unless told otherwise', () => {
    const { tasks, json } = optionsOf([]);
    expect(tasks).toHaveLength(allCells().length);
    expect(tasks[0]).toMatchObject({ seed: 1, releases: 10_000 });
    expect(json).toBe(false);
  });

  it('takes a cell, a seed and a number of releases', () => {
    const { tasks } = optionsOf(['--cell', BAD.name, '--seed', '7', '--releases', '50', '--json']);
    expect(tasks).toEqual([{ cell: BAD, seed: 7, releases: 50 }]);
  });

  it('runs a cell once that is named twice', () => {
    const { tasks } = optionsOf(['--cell', BAD.name, '--cell', GOOD.name, '--cell', BAD.name]);
    expect(tasks.map(({ cell }) => cell.name)).toEqual([BAD.name, GOOD.name]);
  });

  it.each([
    [['--seed', 'x'], '--seed is a whole number from 0'],
    [['--releases', '0'], '--releases is a whole number from 1'],
    [['--releases', '1.5'], 'not "1.5"'],
    [['--cell', 'none/errors/5-40-60/100rps/1%/x11'], 'There is no cell "none/errors/5-40-60/100rps/1%/x11"'],
    [['--quick', '--limits'], 'at most one of'],
    [['--nonsense'], '--nonsense'],
    [['nonsense'], 'nonsense'],
  ])('refuses %j in a sentence', (args, text) => {
    expect(() => optionsOf(args)).toThrow(UsageError);
    expect(() => optionsOf(args)).toThrow(text);
  });
});
