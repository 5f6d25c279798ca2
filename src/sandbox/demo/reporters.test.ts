import { expect, test } from 'vitest';
import { VirtualClock } from '../../kube/virtual-clock.ts';
import type { DemoEvent, DemoResult, ReleaseResult } from './events.ts';
import { createReporter, type Output } from './reporters.ts';
import type { Snapshot } from './view.ts';

const ESCAPE = String.fromCharCode(27);

class Screen implements Output {
  text = '';
  readonly isTTY: boolean;
  columns: number | undefined;
  rows: number | undefined;

  constructor(isTTY: boolean, columns?: number, rows?: number) {
    this.isTTY = isTTY;
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    this.text += text;
  }
}

const SNAPSHOT: Snapshot = {
  elapsedMs: 5000,
  perSecond: 200,
  acts: [{ title: 'v1 is brought up', state: 'doing', detail: '' }],
  steps: [5, 100],
  versions: [
    { version: 'v1', role: 'stable', weight: 95, perSecond: 190, requests: 950, failed: 0 },
    { version: 'v2', role: 'new', weight: 5, perSecond: 10, requests: 50, failed: 2 },
  ],
  phase: 'Progressing',
  message: 'step 1 of 2',
  verdict: undefined,
  verdictMessage: '',
};

const RELEASE: ReleaseResult = {
  version: 'v2',
  errorRate: 0,
  outcome: 'Healthy',
  weights: [5, 100],
  requests: 100,
  failed: 0,
  causes: {},
  ms: 5000,
  rollbackMs: undefined,
  reason: '',
};
const RESULT: DemoResult = { good: RELEASE, bad: { ...RELEASE, version: 'v3', outcome: 'RolledBack' } };

const WEIGHTS: DemoEvent = { event: 'weights', weights: { v1: 95, v2: 5 } };

function reporting(options: {
  json?: boolean;
  tty?: boolean;
  columns?: number;
  rows?: number;
  color?: boolean;
}) {
  const clock = new VirtualClock();
  const screen = new Screen(options.tty ?? false, options.columns, options.rows);
  const { json = false, color = false } = options;
  return { clock, screen, reporter: createReporter({ output: screen, clock, json, color }) };
}

test('--json: one object a line, progress each second, and the result last, in a terminal too', async () => {
  for (const tty of [false, true]) {
    const { clock, screen, reporter } = reporting({ json: true, tty });
    reporter.tell({ event: 'starting' });
    reporter.start(() => SNAPSHOT);
    await clock.advance(500);
    reporter.tell(WEIGHTS);
    await clock.advance(1500);
    reporter.finish(RESULT);
    reporter.note(['for people']);
    await clock.advance(5000);
    const lines = screen.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ seconds, event }) => [seconds, event])).toEqual([
      [0, 'starting'],
      [0.5, 'weights'],
      [1, 'progress'],
      [2, 'progress'],
      [undefined, undefined],
    ]);
    expect(lines[2]).toMatchObject({
      weights: { v1: 95, v2: 5 },
      requests: 1000,
      failed: 2,
      versions: { v1: { requests: 950, failed: 0 }, v2: { requests: 50, failed: 2 } },
    });
    expect(Object.keys(lines.at(-1) ?? {})).toEqual(['good', 'bad']);
  }
});

test('not in a terminal: plain lines with their time, without any escape sequence', async () => {
  const { clock, screen, reporter } = reporting({});
  reporter.tell({ event: 'starting' });
  reporter.start(() => SNAPSHOT);
  await clock.advance(2000);
  reporter.tell(WEIGHTS);
  reporter.tell({ event: 'applied', version: 'v3', image: 'demo-app:v3', errorRate: 0.3 });
  reporter.finish(RESULT);
  reporter.note(['and then']);
  expect(screen.text).not.toContain(ESCAPE);
  expect(screen.text.split('\n').slice(0, 4)).toEqual([
    '  0.0 s  A cluster in memory, a demo mesh and the operator are starting',
    '  2.0 s    v1 95%, v2 5%: 1 000 requests, 2 failed',
    '  2.0 s  Traffic: v1 95%, v2 5%',
    '  2.0 s  A user applies v3 (demo-app:v3), which fails 30% of its requests',
  ]);
  expect(screen.text).toMatch(/✓ v2, a good version, went out\n[^]*and then\n$/);
});

test('plain lines say a verdict once, and only one that decides', () => {
  const { screen, reporter } = reporting({});
  reporter.tell({ event: 'verdict', verdict: 'Inconclusive', message: 'too few' });
  reporter.tell({ event: 'verdict', verdict: 'Fail', message: '4 of 12' });
  reporter.tell({ event: 'phase', phase: 'RolledBack', message: 'revision c was rolled back: 4 of 12' });
  reporter.tell({ event: 'phase', phase: 'Progressing', message: '0 of 1 pods are ready' });
  expect(
    screen.text
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(9)),
  ).toEqual(['Verdict Fail: 4 of 12', 'RolledBack', 'Progressing: 0 of 1 pods are ready']);
});

test('in a terminal: the picture is redrawn in place, and the cursor comes back at the end', async () => {
  const { clock, screen, reporter } = reporting({ tty: true, columns: 80, rows: 30 });
  reporter.start(() => SNAPSHOT);
  const height = screen.text.split('\n').length - 1;
  expect(screen.text.startsWith(`${ESCAPE}[?25l`)).toBe(true);
  screen.text = '';
  await clock.advance(125);
  expect(screen.text.startsWith(`${ESCAPE}[${height}A`)).toBe(true);
  expect(screen.text.split('\n').length - 1).toBe(height);
  reporter.stop();
  expect(screen.text.endsWith(`${ESCAPE}[?25h`)).toBe(true);
  screen.text = '';
  reporter.stop();
  await clock.advance(1000);
  expect(screen.text).toBe('');
});

test('a terminal that is made narrower is cleared, since what stood there has wrapped', async () => {
  const { clock, screen, reporter } = reporting({ tty: true, columns: 80, rows: 30 });
  reporter.start(() => SNAPSHOT);
  screen.text = '';
  screen.columns = 40;
  await clock.advance(125);
  expect(screen.text.startsWith(`${ESCAPE}[2J${ESCAPE}[H`)).toBe(true);
  reporter.stop();
});

test('a low terminal gets the upper part of the picture, so that redrawing in place still works', () => {
  const { screen, reporter } = reporting({ tty: true, columns: 80, rows: 10 });
  reporter.start(() => SNAPSHOT);
  expect(screen.text.split('\n').length - 1).toBe(9);
  reporter.stop();
});

test('colours are used where asked for alone', () => {
  for (const color of [true, false]) {
    const { screen, reporter } = reporting({ tty: true, columns: 80, color });
    reporter.start(() => SNAPSHOT);
    reporter.stop();
    expect(screen.text.includes(`${ESCAPE}[32m`)).toBe(color);
  }
});
