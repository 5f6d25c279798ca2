import { describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus } from '../api/index.ts';
import { iso } from '../core/model.ts';
import { latestOf } from './standing.ts';
import { at, entry, going, over, stalled, standingOf, subject } from './testing.ts';

const paused = { by: 'step', message: 'the step asks for a person', since: iso(at(2050)) } as const;
const ending = (outcome: 'RolledBack' | 'Superseded') =>
  ({ outcome, reason: 'AnalysisFailed', message: 'errors: 14 of 312', at: iso(at(2050)) }) as const;

describe('how a release stands', () => {
  it.each<[string, CanaryReleaseStatus, number, object]>([
    ['has begun', going(2, 0, 2000), 2001, { moment: 'started', key: 'started', at: at(2000) }],
    ['serves a weight', going(2, 40, 2030), 2031, { moment: 'step', key: 'step/40', at: at(2030) }],
    [
      'waits for a person',
      going(2, 40, 2030, { paused }),
      2060,
      { moment: 'paused', key: `paused/${paused.since}`, verdict: paused.message },
    ],
    [
      'is given up',
      going(2, 40, 2030, { ending: ending('RolledBack') }),
      2051,
      { moment: 'rollingBack', key: 'rollingBack', verdict: 'errors: 14 of 312' },
    ],
    [
      'does not come back',
      going(2, 40, 2030, { ending: ending('RolledBack'), message: 'waits for a pod of stable' }),
      2111,
      { moment: 'held', key: 'held/rollback', verdict: 'waits for a pod of stable' },
    ],
    [
      'makes room for another template',
      going(2, 40, 2030, { ending: ending('Superseded') }),
      2051,
      { moment: 'replaced', key: 'replaced' },
    ],
    [
      'was rolled back',
      over(2, 'RolledBack', 2090),
      2091,
      { moment: 'rolledBack', previous: 'old', tookMs: 90_000 },
    ],
    [
      'was promoted',
      over(2, 'Promoted', 2090),
      2091,
      { moment: 'promoted', requests: { all: 1234, failed: 14 } },
    ],
  ])('that %s is told as it is', (_, status, seconds, expected) => {
    expect(standingOf(status, seconds)).toMatchObject(expected);
  });

  it('has the version of the manifest, unless it returns to an earlier revision', () => {
    const named = (status: CanaryReleaseStatus) =>
      latestOf({ ...subject(status), version: 'v2' }, at(2031))?.standing;
    const status = going(2, 40, 2030);
    expect(named(status)).toMatchObject({ version: 'v2' });
    const returning = { ...status, attempt: { number: 2, startedAt: iso(at(2000)), returning: true } };
    expect(named(returning)).toMatchObject({ moment: 'step', version: undefined });
    expect(named({ ...status, ending: ending('Superseded') })).toMatchObject({ version: undefined });
  });

  it('says nothing of a weight that is only wanted, or was lost', () => {
    const { step, ...status } = going(2, 40, 2030);
    expect(latestOf(subject({ ...status, step }), at(2031))?.standing).toBeDefined();
    delete step.observedAt;
    expect(latestOf(subject({ ...status, step }), at(2031))?.standing).toBeUndefined();
  });

  it('says nothing of the very first revision until it is up', () => {
    const { stableRevision, ...first } = going(1, 0, 1000);
    expect(stableRevision).toBe('old');
    expect(latestOf(subject(first), at(1001))?.standing).toBeUndefined();
    expect(standingOf(over(1, 'Initial', 1010), 1011)).toMatchObject({
      moment: 'promoted',
      previous: undefined,
    });
  });

  it('says after a minute what has to be mended, and when to look', () => {
    const status = going(2, 40, 2030, { conditions: [stalled('PodsNotStarting', 2040)] });
    const soon = latestOf(subject(status), at(2041));
    expect(soon).toMatchObject({ standing: { moment: 'step' }, lookAt: at(2100) });
    expect(latestOf(subject(status), at(2100))?.standing).toMatchObject({
      moment: 'held',
      reason: 'PodsNotStarting',
      at: at(2100),
    });
  });

  it('is that of the next release when none can begin', () => {
    const status = { ...over(2, 'Promoted', 2090), conditions: [stalled('TemplateNotFound', 3000)] };
    expect(latestOf(subject(status), at(3010))).toMatchObject({
      standing: { moment: 'promoted' },
      lookAt: at(3060),
    });
    expect(standingOf(status, 3060)).toMatchObject({ moment: 'held', attempt: { number: 3, revision: '' } });
  });

  it('names what a promotion replaced, and the numbers that it was judged by', () => {
    const status: CanaryReleaseStatus = {
      ...over(3, 'Promoted', 3090),
      history: [
        entry(3, 'Promoted', 3090),
        { ...entry(2, 'RolledBack', 2090), revision: 'bad' },
        { ...entry(1, 'Initial', 1090), revision: 'first' },
      ],
      analysis: {
        revision: 'new',
        through: iso(at(3090)),
        verdict: 'Pass',
        message: 'errors: 3 of 3,120 on the candidate',
        metrics: [],
      },
    };
    expect(standingOf(status, 3091)).toMatchObject({
      previous: 'first',
      verdict: 'errors: 3 of 3,120 on the candidate',
    });
  });
});
