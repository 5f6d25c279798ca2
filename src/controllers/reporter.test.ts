import { type Logger, pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CanaryReleaseStatus } from '../api/index.ts';
import type { Decision } from '../core/model.ts';
import { aRelease } from '../workloads/testing.ts';
import type { Gathered } from './canary-release/observe.ts';
import { OperatorMetrics } from './metrics.ts';
import { type EventSink, PassReporter } from './reporter.ts';

let lines: Record<string, unknown>[];
let events: unknown[];
let metrics: OperatorMetrics;
let reporter: PassReporter;

beforeEach(() => {
  lines = [];
  events = [];
  metrics = new OperatorMetrics();
  const log: Logger = pino(
    { level: 'debug' },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const sink: EventSink = { record: (object, event) => events.push([object.metadata.name, event]) };
  reporter = new PassReporter(log, sink, metrics);
});

const KEY = 'bookinfo/reviews';
const LEVEL = { debug: 20, info: 30, warn: 40 };

/** What a pass has seen, as far as it is reported. */
function gathered(telemetry: Gathered['observed']['telemetry'] = { state: 'unused' }): Gathered {
  const release = aRelease();
  const observed = { ...({} as Gathered['observed']), spec: release.spec, status: {}, telemetry };
  return { ...({} as Gathered), release, observed };
}

function decision(status: CanaryReleaseStatus, more: Partial<Decision> = {}): Decision {
  return { ...({} as Decision), status, events: [], ...more };
}

describe('a decision', () => {
  it('that does something is a line with release, revision, phase, weight and what is done', () => {
    const status: CanaryReleaseStatus = {
      phase: 'Progressing',
      candidateRevision: 'two',
      stableRevision: 'one',
      step: {
        index: 1,
        of: 2,
        weight: 40,
        observedWeight: 5,
        startedAt: '2030-01-01T00:00:00.000Z',
        progressAt: '2030-01-01T00:00:00.000Z',
      },
    };
    reporter.decided(KEY, gathered(), decision(status, { effect: { kind: 'addFinalizer' } }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: LEVEL.info,
      release: KEY,
      revision: 'two',
      phase: 'Progressing',
      weight: 5,
      effect: { kind: 'addFinalizer' },
      msg: 'does addFinalizer',
    });
  });

  it('that does nothing is a line for debugging, of the stable revision where there is no other', () => {
    reporter.decided(
      KEY,
      gathered(),
      decision({ phase: 'Healthy', stableRevision: 'one', message: 'all well' }),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: LEVEL.debug,
      revision: 'one',
      phase: 'Healthy',
      msg: 'all well',
    });
    expect(events).toEqual([]);
  });

  it('shows in the metrics, a source that fails with its reason', async () => {
    const problem = { reason: 'TelemetryUnreachable' as const, message: 'no proxy answers' };
    reporter.decided(KEY, gathered({ state: 'failing', problem }), decision({ phase: 'Progressing' }));
    const text = await metrics.registry.metrics();
    expect(text).toContain(
      'songbird_release_phase{namespace="bookinfo",release="reviews",phase="Progressing"} 1',
    );
    expect(text).toContain(
      'songbird_telemetry_errors_total{source="proxies",reason="TelemetryUnreachable"} 1',
    );
    reporter.forgotten(KEY);
    expect(await metrics.registry.metrics()).not.toContain('songbird_release_phase{');
  });
});

describe('an event', () => {
  it.each([
    ['Normal', LEVEL.info],
    ['Warning', LEVEL.warn],
  ] as const)('of type %s is an Event on the object and a line of its level', (type, level) => {
    const release = { ...aRelease(), status: { candidateRevision: 'two', stableRevision: 'one' } };
    reporter.event(release, { type, reason: 'Aborted', message: 'ordered by ann' });
    expect(events).toEqual([
      ['reviews', { type, reason: 'Aborted', note: 'ordered by ann', action: 'Reconcile' }],
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level,
      release: KEY,
      revision: 'two',
      reason: 'Aborted',
      msg: 'ordered by ann',
    });
  });

  it('of an object without status has no revision', () => {
    reporter.event(aRelease(), { type: 'Normal', reason: 'Initializing', message: 'begins' });
    expect(lines[0]).not.toHaveProperty('revision');
  });
});

it('a refused write is a warning', () => {
  reporter.refused(aRelease(), { reason: 'NameConflict', message: 'Service reviews exists' });
  expect(events).toEqual([
    [
      'reviews',
      { type: 'Warning', reason: 'NameConflict', note: 'Service reviews exists', action: 'Reconcile' },
    ],
  ]);
  expect(lines[0]).toMatchObject({ level: LEVEL.warn, msg: 'Service reviews exists' });
});
