import { describe, expect, it } from 'vitest';
import { add, settings } from './evidence.testing.ts';
import { emptyEvidence } from './evidence.ts';
import type { EventInterval } from './evidence.ts';
import { judge } from './judge.ts';
import type { Counts } from './telemetry.ts';
import { weigh } from './weigh.ts';

const GRID = 5;
const SCRAPE = 15;
const NONE: Counts = { all: 0, bad: 0 };

/** Requests a second to both sides, and the share of them that fails at a second of the release. */
interface Story {
  readonly seconds: number;
  readonly failing: (side: 'candidate' | 'stable', second: number) => number;
  /** When each side is scraped, in seconds after the other's. */
  readonly apart?: number;
  /** From this second on stable has no requests. */
  readonly silentFrom?: number;
  /** The second at which the weight changes. */
  readonly changed?: number;
}

/** What Prometheus tells of it: each side's requests since its last scrape, all at once. */
function scraped({ seconds, failing, apart = 7, silentFrom = Infinity, changed }: Story): EventInterval[] {
  const requests = { candidate: 40, stable: 60 };
  const side = (who: 'candidate' | 'stable', from: number, phase: number): Counts => {
    const scrape = Math.floor((from + GRID - phase) / SCRAPE) * SCRAPE + phase;
    if (scrape <= from - GRID || scrape - SCRAPE < 0 || scrape <= from) return NONE;
    let [all, bad] = [0, 0];
    for (let second = scrape - SCRAPE; second < scrape; second++) {
      if (who === 'stable' && second >= silentFrom) continue;
      all += requests[who];
      bad += requests[who] * failing(who, second);
    }
    return { all, bad: Math.round(bad) };
  };
  const told: EventInterval[] = [];
  for (let from = 0; from < seconds; from += GRID) {
    const candidate = side('candidate', from, 0);
    const stable = side('stable', from, apart);
    const tells = candidate.all + stable.all > 0;
    const isMixed = changed !== undefined && from >= changed && from < changed + SCRAPE;
    told.push({
      candidate,
      stable,
      seconds: GRID,
      ...(tells ? { lumps: GRID + SCRAPE } : {}),
      ...(isMixed ? { before: true } : {}),
      ...(changed !== undefined && from === changed + SCRAPE ? { fresh: true } : {}),
    });
  }
  return told;
}

const verdict = (intervals: readonly EventInterval[], window: Counts = { all: 10_000, bad: 0 }) =>
  judge('errors', add(emptyEvidence(), ...intervals), window, settings);

describe('counts that are told in lumps', () => {
  it('of a healthy version in an outage of both are held against it at no moment, whichever side is told of first', () => {
    for (const apart of [1, 4, 8, 12, 14]) {
      for (const level of [0.05, 0.3, 1]) {
        const failing = (_: string, second: number) => (second >= 203 && second < 231 ? level : 0.001);
        let state = emptyEvidence();
        for (const interval of scraped({ seconds: 400, failing, apart })) {
          state = add(state, interval);
          expect(weigh(state, settings).total, `${level} apart ${apart}`).toBeLessThan(1);
        }
      }
    }
  });

  it('of a version that is worse are compared, and end it', () => {
    const failing = (side: string) => (side === 'candidate' ? 0.05 : 0.001);
    expect(verdict(scraped({ seconds: 15, failing })).verdict).not.toBe('Fail');
    const end = verdict(scraped({ seconds: 60, failing }));
    expect(end.verdict).toBe('Fail');
    expect(end.message).toContain('times as often');
  });

  it('of a version that is worse end it after an outage of both as well', () => {
    const failing = (side: string, second: number) => {
      if (second >= 100 && second < 130) return 1;
      return side === 'candidate' && second >= 200 ? 0.3 : 0.001;
    };
    expect(verdict(scraped({ seconds: 200, failing })).verdict).not.toBe('Fail');
    expect(verdict(scraped({ seconds: 260, failing })).verdict).toBe('Fail');
  });

  it('are held against the limit although stable is silent, once its next lump is overdue', () => {
    const failing = (side: string, second: number) => (side === 'candidate' && second >= 100 ? 0.3 : 0);
    const story = { failing, silentFrom: 90 };
    expect(verdict(scraped({ ...story, seconds: 125 })).verdict).not.toBe('Fail');
    expect(verdict(scraped({ ...story, seconds: 200 })).verdict).toBe('Fail');
  });

  it('are held against the limit at once where stable gets no requests', () => {
    const told = { candidate: { all: 200, bad: 60 }, stable: NONE, seconds: GRID, lumps: GRID + SCRAPE };
    const usual = Array.from({ length: 20 }, () => ({
      ...told,
      candidate: NONE,
      stable: { all: 300, bad: 1 },
    }));
    expect(verdict([...usual, { ...told, fresh: true }]).verdict).not.toBe('Fail');
    expect(verdict([...usual, { ...told, fresh: true, alone: true }]).verdict).toBe('Fail');
  });

  it('are soon overdue again after a long one, as when Prometheus was away', () => {
    const failing = (side: string, second: number) => (side === 'candidate' && second >= 90 ? 0.3 : 0);
    const [first, ...others] = scraped({ seconds: 140, failing, silentFrom: 60 });
    const away = { ...first, candidate: { all: 10, bad: 0 }, stable: { all: 10, bad: 0 }, seconds: GRID };
    expect(verdict([{ ...away, lumps: 600 }, ...others]).verdict).toBe('Fail');
  });

  it('are held against the limit once each, also where one read of many fails and requests are told of late', () => {
    const lone = { candidate: { all: 10, bad: 1 }, stable: NONE, seconds: 1 };
    const both = { candidate: { all: 10, bad: 0 }, stable: { all: 10, bad: 0 }, seconds: 1 };
    const state = add(emptyEvidence(), both, lone, lone, { ...lone, lumps: 3 }, lone, both, both);
    expect(state.held.all).toBe(state.candidate.all);
  });

  it('that tell of two weights count for the release, and for neither weight alone', () => {
    const failing = (side: string, second: number) =>
      side === 'candidate' && second >= 95 && second < 105 ? 0.05 : 0.001;
    const state = add(emptyEvidence(), ...scraped({ seconds: 115, failing, changed: 100 }));
    expect(state.held.bad).toBeGreaterThan(10);
    expect(state.here.number).toBe(1);
    expect(state.here.held.bad).toBeLessThan(10);
    const next = add(emptyEvidence(), ...scraped({ seconds: 150, failing, changed: 100 }));
    expect(next.here.number).toBe(2);
    expect(next.here.held.bad).toBeLessThan(10);
  });

  it('of an outage are told to be excused, each once', () => {
    const failing = (_: string, second: number) => (second >= 203 && second < 231 ? 1 : 0);
    let excused = 0;
    let state = emptyEvidence();
    for (const interval of scraped({ seconds: 400, failing })) {
      state = add(state, interval);
      excused += state.excused.bad;
    }
    expect(excused).toBe(28 * 40);
  });
});
