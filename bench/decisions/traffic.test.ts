import { describe, expect, it } from 'vitest';
import { NUISANCES } from './cells.ts';
import { Random } from './random.ts';
import { mean } from './statistics.ts';
import { Traffic } from './traffic.ts';
import type { Look, Nuisance } from './traffic.ts';

const SEED = 4;

/** Seconds of releases with 100 requests a second, half of them to the candidate unless said otherwise. */
function* looks(
  nuisance: Nuisance,
  { releases = 50, seconds = 200, base = 0.1, ratio = 1, weight = 50 } = {},
): Generator<Look & { release: number; second: number }> {
  for (let release = 0; release < releases; release++) {
    const traffic = new Traffic(
      { kind: 'errors', rps: 100, base, ratio, nuisance },
      new Random(SEED, release),
      seconds,
    );
    for (let second = 0; second < seconds; second++) yield { ...traffic.look(1, weight), release, second };
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const variance = (values: readonly number[]) => {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
};
/** Variance over mean: 1 for independent events at a constant rate. */
const dispersion = (values: readonly number[]) => variance(values) / mean(values);

function correlation(xs: readonly number[], ys: readonly number[]): number {
  const [x, y] = [mean(xs), mean(ys)];
  const together = mean(xs.map((value, i) => (value - x) * ((ys[i] ?? 0) - y)));
  return together / Math.sqrt(variance(xs) * variance(ys));
}

describe(`traffic (seed ${SEED})`, () => {
  it('without nuisance is two independent Poisson streams at their shares', () => {
    const all = [...looks({}, { ratio: 3 })];
    const candidate = all.map((look) => look.candidate.bad);
    const stable = all.map((look) => look.stable.bad);
    expect(mean(candidate)).toBeCloseTo(15, 0);
    expect(mean(stable)).toBeCloseTo(5, 0);
    expect(mean(all.map((look) => look.candidate.all))).toBeCloseTo(50, 0);
    expect(dispersion(candidate)).toBeCloseTo(1, 1);
    expect(Math.abs(correlation(candidate, stable))).toBeLessThan(0.04);
  });

  it('is the same for the same seed', () => {
    const once = [...looks(NUISANCES.together[0], { releases: 2 })];
    expect([...looks(NUISANCES.together[0], { releases: 2 })]).toEqual(once);
  });

  it('gives the candidate nothing at weight 0', () => {
    for (const { candidate } of looks(NUISANCES.together[0], { releases: 2, weight: 0 })) {
      expect(candidate).toEqual({ all: 0, bad: 0 });
    }
  });

  it('with retries has as many bad requests, three at once', () => {
    const bad = [...looks({ cluster: { size: 3 } })].map((look) => look.stable.bad);
    expect(mean(bad)).toBeCloseTo(5, 0);
    expect(dispersion(bad)).toBeGreaterThan(2.5);
    expect(dispersion(bad)).toBeLessThan(3.3);
  });

  it('with storms has clusters of any size, two on average', () => {
    const bad = [...looks({ cluster: { size: 2, geometric: true } })].map((look) => look.stable.bad);
    expect(mean(bad)).toBeCloseTo(5, 0);
    // The sum of squared sizes over the sum of sizes: (2 − p) / p of a geometric size with p = 1/2.
    expect(dispersion(bad)).toBeGreaterThan(2.3);
    expect(dispersion(bad)).toBeLessThan(3.3);
  });

  it('loses no retry between looks, whatever the pods', () => {
    const counts = [...looks({ cluster: { size: 3 }, pods: { spread: 0 } }, { releases: 200, seconds: 20 })];
    expect(mean(counts.map((look) => look.candidate.bad))).toBeCloseTo(5, 0);
  });

  it('with pod effects differs between releases by as much as pods do, and not within them', () => {
    const spread = 0.3;
    const all = [...looks({ pods: { spread } }, { releases: 400, seconds: 50, weight: 5, base: 0.5 })];
    const rates = Array.from({ length: 400 }, (_, release) => {
      const own = all.filter((look) => look.release === release);
      return sum(own.map((look) => look.candidate.bad)) / sum(own.map((look) => look.candidate.all));
    });
    // At 5% one pod serves; chance adds the variance of 250 requests.
    const byChance = 0.5 / 250;
    expect(Math.sqrt(variance(rates.map(Math.log)) - byChance)).toBeGreaterThan(0.2);
    expect(Math.sqrt(variance(rates.map(Math.log)) - byChance)).toBeLessThan(0.4);
  });

  it('counts by pod what it counts in all', () => {
    for (const look of looks({ pods: { spread: 0.3, counted: true } }, { releases: 2 })) {
      expect(sum(Object.values(look.pods?.stable ?? {}).map(({ bad }) => bad))).toBe(look.stable.bad);
      expect(Object.keys(look.pods?.stable ?? {})).toHaveLength(3);
    }
  });

  it('with wandering load has both sides rise and fall together, slowly', () => {
    const all = [...looks({ wander: 0.5 })];
    const candidate = all.map((look) => look.candidate.bad);
    expect(
      correlation(
        candidate,
        all.map((look) => look.stable.bad),
      ),
    ).toBeGreaterThan(0.5);
    expect(correlation(candidate.slice(1), candidate.slice(0, -1))).toBeGreaterThan(0.5);
    expect(Math.sqrt(variance(all.map((look) => Math.log(look.stable.all))))).toBeCloseTo(0.5, 1);
  });

  it('with a daily rhythm has three times the load at the peak', () => {
    const loads = Array.from({ length: 300 }, (_, release) => {
      const traffic = new Traffic(
        { kind: 'errors', rps: 10_000, base: 0.1, ratio: 1, nuisance: { daily: { load: 3, bad: 2 } } },
        new Random(SEED, release),
        10,
      );
      return traffic.look(1, 50).stable.all;
    });
    expect(Math.max(...loads) / Math.min(...loads)).toBeGreaterThan(2.7);
    expect(Math.max(...loads) / Math.min(...loads)).toBeLessThan(3.3);
  });

  it('in an outage fails on both sides alike, for its time, once a release', () => {
    const all = [...looks({ outage: { share: 0.6, seconds: 30 } }, { base: 0.001 })];
    const down = (side: 'candidate' | 'stable') =>
      all
        .filter((look) => look[side].bad > 0.3 * look[side].all)
        .map((look) => look.second + 200 * look.release);
    expect(down('candidate')).toEqual(down('stable'));
    const lengths = down('stable').length / 50;
    expect(lengths).toBeGreaterThan(20);
    expect(lengths).toBeLessThanOrEqual(31);
  });

  it('with a cold start fails more at first, and no more than stable in the end', () => {
    const all = [...looks({ cold: { ratio: 3, seconds: 10 } })];
    const during = (from: number, to: number, side: 'candidate' | 'stable') =>
      mean(all.filter(({ second }) => second >= from && second < to).map((look) => look[side].bad));
    expect(during(0, 2, 'candidate') / during(0, 2, 'stable')).toBeGreaterThan(2.3);
    expect(during(100, 200, 'candidate') / during(100, 200, 'stable')).toBeCloseTo(1, 1);
  });

  it('gives pods that come with more weight a cold start of their own', () => {
    const traffic = new Traffic(
      { kind: 'errors', rps: 100_000, base: 0.1, ratio: 1, nuisance: { cold: { ratio: 3, seconds: 10 } } },
      new Random(SEED),
      400,
    );
    for (let second = 0; second < 100; second++) traffic.look(1, 30);
    const warm = traffic.look(1, 30).candidate;
    const more = traffic.look(1, 60).candidate;
    expect(warm.bad / warm.all).toBeCloseTo(0.1, 2);
    // One of two pods is cold.
    expect(more.bad / more.all).toBeCloseTo(0.2, 1);
  });

  it('by scrapes shows nothing in between, each side at its own time, and loses nothing', () => {
    const all = [...looks({ scrape: 15 }, { releases: 20 })];
    const seen = (side: 'candidate' | 'stable') => all.filter((look) => look[side].all > 0);
    expect(seen('stable').length).toBeGreaterThanOrEqual(20 * 13);
    expect(seen('stable').length).toBeLessThanOrEqual(20 * 14);
    const together = all.filter((look) => look.candidate.all > 0 && look.stable.all > 0);
    expect(together.length).toBeLessThan(20 * 5);
    expect(mean(seen('stable').map((look) => look.stable.all))).toBeCloseTo(750, -2);
  });

  it('with restarts sees less than there was', () => {
    const all = [...looks({ restarts: 5 })];
    expect(mean(all.map((look) => look.stable.all))).toBeLessThan(49);
    expect(mean(all.map((look) => look.stable.all))).toBeGreaterThan(45);
    for (const { stable } of all) expect(stable.bad).toBeLessThanOrEqual(stable.all);
  });

  it('with missing data sees nothing now and then, and everything later', () => {
    const all = [...looks({ missing: 0.2 })];
    const empty = all.filter((look) => look.stable.all === 0).length / all.length;
    expect(empty).toBeCloseTo(0.2, 1);
    expect(mean(all.map((look) => look.stable.all))).toBeCloseTo(50, 0);
  });

  it('tells what has truly failed, whatever the source sees', () => {
    const traffic = new Traffic(
      { kind: 'errors', rps: 100, base: 0.1, ratio: 2, nuisance: { missing: 0.9, restarts: 3 } },
      new Random(SEED),
      100,
    );
    for (let second = 0; second < 500; second++) traffic.look(1, 50);
    expect(traffic.failed / traffic.served).toBeCloseTo(0.2, 1);
    expect(traffic.served / 25_000).toBeCloseTo(1, 1);
  });
});
