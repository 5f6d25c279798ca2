import { describe, expect, it } from 'vitest';
import { type AnalysisStatus, metricState } from '../api/index.ts';
import { salvageReleaseStatus } from '../api/salvage.ts';
import { evaluate } from './evaluate.ts';
import { at, judge, second, spec, stableToo, START } from './evaluate.testing.ts';
import type { Interval } from './telemetry.ts';

describe('counts over time', () => {
  it('carry over a new window for the failure, and start afresh for the pass', () => {
    const first = judge([second(0, 60, 1)]);
    const next = judge([second(10, 60)], first, at(10));
    expect(next.metrics[0]).toMatchObject({
      verdict: 'Pass',
      candidate: { all: 120, bad: 1 },
      window: { all: 60, bad: 0 },
    });
  });

  it('in pieces give what they give at once', () => {
    const seconds = [second(0, 30), second(1, 30, 1), second(2, 40)];
    const whole = judge(seconds);
    const pieces = seconds.reduce<AnalysisStatus | undefined>(
      (previous, one) => judge([one], previous),
      undefined,
    );
    expect(pieces).toEqual(whole);
  });

  it('leave out of the window what began before it', () => {
    const result = judge([second(0, 60, 20), second(1, 60)], undefined, at(1));
    expect(result.metrics[0]?.window).toEqual({ all: 60, bad: 0 });
    expect(result.metrics[0]?.candidate).toEqual({ all: 120, bad: 20 });
  });

  it('leave out of the window what was read in it and may have happened before', () => {
    const late: Interval = { ...second(1, 60, 20), since: { new: START } };
    const result = judge([late, second(2, 60)], undefined, at(1));
    expect(result.metrics[0]?.window).toEqual({ all: 60, bad: 0 });
    expect(result.metrics[0]?.candidate).toEqual({ all: 120, bad: 20 });
  });

  it('of another revision do not count', () => {
    const old: AnalysisStatus = { ...judge([second(0, 60, 20)]), revision: 'older' };
    expect(judge([second(1, 60)], old).verdict).toBe('Pass');
  });

  it('are the same after a restart in between, by what status keeps', () => {
    const seconds = Array.from({ length: 10 }, (_, n) => stableToo(n, 40, n % 3 === 0 ? 1 : 0, n % 4));
    const half = judge(seconds.slice(0, 5));
    const { value } = salvageReleaseStatus({ analysis: structuredClone(half) });
    expect(value.analysis).toEqual(half);
    expect(judge(seconds.slice(5), value.analysis)).toEqual(judge(seconds));
  });

  it('whose state cannot be read begin their evidence anew, and keep what was counted', () => {
    const half = judge([0, 1, 2].map((n) => second(n, 20, 15)));
    expect(judge([second(3, 20)], half).verdict).toBe('Fail');
    for (const state of [undefined, {}, { evidence: [1] }, { evidence: { age: 'old' }, counts: 'errors' }]) {
      const lost = { ...half, metrics: half.metrics.map((metric) => ({ ...metric, state })) };
      const next = judge([second(3, 20)], lost);
      expect(next.verdict).toBe('Inconclusive');
      expect(next.metrics[0]?.candidate).toEqual({ all: 80, bad: 45 });
    }
  });

  it('by pod tell how much pods of a version differ', () => {
    const counts = (all: number, bad: number) => ({ errors: { all, bad } });
    const uneven = Array.from({ length: 30 }, (_, n): Interval => ({
      ...stableToo(n, 100, 1, 10),
      pods: {
        new: { 'new-1': counts(100, 1) },
        old: { 'old-1': counts(500, 1), 'old-2': counts(500, 9) },
      },
    }));
    const [errors] = judge(uneven).metrics;
    const state = metricState.parse(errors?.state);
    expect(state.evidence.pods?.stable).toMatchObject({ serving: 2, deviations: { 'old-2': [270, 150] } });
  });

  it('of a new window begin with the first interval of it, however late that is told', () => {
    const state = (status: AnalysisStatus) => metricState.parse(status.metrics[0]?.state).evidence;
    const first = judge(Array.from({ length: 30 }, (_, n) => stableToo(n, 40, 1, 5)));
    const nothingNew = judge([], first, at(30));
    expect(state(nothingNew).here.compared.bad).toBeGreaterThan(0);
    const late = judge([stableToo(33, 40, 0, 0)], nothingNew, at(30));
    expect(state(late).here.compared.bad).toBe(0);
    expect(state(late).age).toBe(1);
    expect(late).toEqual(judge([stableToo(33, 40, 0, 0)], first, at(30)));
  });

  it('of a new window leave out what a scrape tells of the time before it', () => {
    const state = (status: AnalysisStatus) => metricState.parse(status.metrics[0]?.state).evidence;
    const first = judge(Array.from({ length: 30 }, (_, n) => stableToo(n, 40, 1, 5)));
    const scrape = (n: number, since: number) => ({
      ...stableToo(n, 400, 3, 20),
      since: { new: START + since * 1000, old: START + since * 1000 },
    });
    const straddling = judge([stableToo(30, 0, 0, 0), scrape(31, 20)], first, at(30));
    expect(state(straddling).here).toMatchObject({ candidate: { all: 0 }, compared: { all: 0 }, shares: {} });
    expect(straddling.metrics[0]?.candidate.all).toBe(1600);
    const inside = judge([scrape(32, 31)], straddling, at(30));
    expect(state(inside).here).toMatchObject({ number: 2, candidate: { all: 400 }, compared: { all: 0 } });
    const next = judge([scrape(33, 32)], inside, at(30));
    expect(state(next).here).toMatchObject({ number: 2, candidate: { all: 800 }, compared: { all: 400 } });
  });

  it('of another definition do not count', () => {
    const first = judge([second(0, 60, 0, 5)]);
    const stricter = { ...spec, latency: { p99: '250ms' } };
    const [errors, slow] = judge([second(1, 60)], first, at(0), stricter).metrics;
    expect(errors?.candidate.all).toBe(120);
    expect(slow?.candidate).toEqual({ all: 60, bad: 0 });
  });

  it('say how long nobody counted, as after a restart of the operator', () => {
    const reading = (intervals: Interval[], from: number | undefined, through: number) => ({
      ok: true as const,
      intervals,
      completeThrough: { new: START + through * 1000 },
      ...(from === undefined ? {} : { completeFrom: { new: START + from * 1000 } }),
    });
    const go = (previous: AnalysisStatus | undefined, read: ReturnType<typeof reading>, windowFrom = at(0)) =>
      evaluate({ spec, candidate: 'new', stable: 'old', previous, windowFrom, from: START, reading: read });
    const first = go(undefined, reading([second(0, 60)], undefined, 1));
    expect(first).not.toHaveProperty('uncountedMs');
    // The first read after a restart has no interval yet.
    expect(go(first, reading([], 13, 13)).uncountedMs).toBe(12_000);
    const again = go(first, reading([second(13, 60)], 13, 14));
    expect(again.uncountedMs).toBe(12_000);
    expect(go(again, reading([second(14, 60)], 13, 15)).uncountedMs).toBe(12_000);
    expect(go(again, reading([second(30, 60)], 20, 31), at(25))).not.toHaveProperty('uncountedMs');
  });

  it('never let completeness go back', () => {
    const first = judge([second(0, 60)]);
    const next = evaluate({
      spec,
      candidate: 'new',
      stable: 'old',
      previous: first,
      windowFrom: at(0),
      from: START,
      reading: { ok: true, intervals: [], completeThrough: {}, warning: 'pod a does not answer' },
    });
    expect(next.completeThrough).toBe(first.completeThrough);
    expect(next.message).toContain('pod a does not answer');
  });
});
