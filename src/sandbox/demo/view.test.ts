import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { painted, plain, widthOf } from './text.ts';
import { render, type Snapshot } from './view.ts';

const GOING_OUT: Snapshot = {
  elapsedMs: 24_300,
  perSecond: 200,
  acts: [
    { title: 'v1 is brought up', state: 'done', detail: 'ready after 2.0 s' },
    { title: 'v2, a good version, goes out', state: 'doing', detail: '40% of the traffic' },
    { title: 'v3, which fails 30% of requests', state: 'todo', detail: '' },
  ],
  steps: [5, 40, 60, 100],
  versions: [
    { version: 'v1', role: 'stable', weight: 60, perSecond: 119.4, requests: 3204, failed: 0 },
    { version: 'v2', role: 'new', weight: 40, perSecond: 80.6, requests: 402, failed: 0 },
  ],
  phase: 'Progressing',
  message: 'step 2 of 4, 40% for 4s',
  verdict: 'Pass',
  verdictMessage: 'errors: 0 of 402 (0%) on the candidate, within the limit of 1%',
};

const COMING_BACK: Snapshot = {
  ...GOING_OUT,
  elapsedMs: 61_000,
  versions: [
    { version: 'v2', role: 'stable', weight: 100, perSecond: 190, requests: 536, failed: 0 },
    { version: 'v3', role: 'new', weight: 0, perSecond: 9.6, requests: 15, failed: 4 },
    { version: 'no pod', role: 'mesh', weight: 0, perSecond: 0, requests: 2, failed: 2 },
  ],
  phase: 'RollingBack',
  message: 'all traffic goes back',
  verdict: 'Fail',
  verdictMessage:
    'errors: 4 of 15 (26.7%) on the candidate, 0 of 536 (0%) on stable; limit 1%, evidence 3000 passed 100',
};

function picture(snapshot: Snapshot, width: number): string {
  return `\n${render(snapshot, width, plain)
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

describe('the picture', () => {
  test('of a release going out, at 80 columns', () => {
    expect(picture(GOING_OUT, 80)).toMatchInlineSnapshot(`
      "
      Songbird demo  shop, under 200 requests a second over real HTTP             0:24

       ✓ v1 is brought up                   ready after 2.0 s
       ● v2, a good version, goes out       40% of the traffic
       ○ v3, which fails 30% of requests

        v2 ████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ v1
             5%                     40%            60%                        100%

                    traffic  requests/s  requests          errors
       v1 stable        60%         119     3 204               0
       v2 new           40%          81       402               0

       Progressing   step 2 of 4, 40% for 4s

       Pass          errors: 0 of 402 (0%) on the candidate, within the limit of 1%

      "
    `);
  });

  test('of a release going out, at 40 columns', () => {
    expect(picture(GOING_OUT, 40)).toMatchInlineSnapshot(`
      "
      Songbird demo  shop                 0:24

       ✓ v1 is brought up
       ● v2, a good version, goes out
       ○ v3, which fails 30% of requests

        v2 ████████████░░░░░░░░░░░░░░░░░░░ v1
           5%       40%    60%        100%

                    traffic  requests    err
       v1 stable        60%     3 204      0
       v2 new           40%       402      0

       Progressing   step 2 of 4, 40% for 4s



       Pass          errors: 0 of 402 (0%) on
                     the candidate, within
                     the limit of 1%

      "
    `);
  });

  test('of a release coming back, at 80 columns', () => {
    expect(picture(COMING_BACK, 80)).toMatchInlineSnapshot(`
      "
      Songbird demo  shop, under 200 requests a second over real HTTP             1:01

       ✓ v1 is brought up                   ready after 2.0 s
       ● v2, a good version, goes out       40% of the traffic
       ○ v3, which fails 30% of requests

        v3 ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ v2
             5%                     40%            60%                        100%

                    traffic  requests/s  requests          errors
       v2 stable       100%         190       536               0
       v3 new            0%          10        15        4  26.7%
       no pod                         0         2        2   100%

       RollingBack   all traffic goes back

       Fail          errors: 4 of 15 (26.7%) on the candidate, 0 of 536 (0%) on
                     stable; limit 1%, evidence 3000 passed 100
      "
    `);
  });
});

test('no line is wider than the terminal, with or without colours, and colours change no text', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 12, max: 200 }),
      fc.constantFrom(GOING_OUT, COMING_BACK),
      (width, snapshot) => {
        const bare = render(snapshot, width, plain);
        const coloured = render(snapshot, width, painted);
        for (const line of [...bare, ...coloured]) expect(widthOf(line)).toBeLessThanOrEqual(width);
        const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9]+m`, 'g');
        expect(coloured.map((line) => line.replaceAll(escapes, ''))).toEqual(bare);
      },
    ),
  );
});

test('the picture keeps its height while sentences grow and shrink', () => {
  const heights = ['', 'short', GOING_OUT.message, 'word '.repeat(200)].map(
    (message) => render({ ...GOING_OUT, message, verdictMessage: message }, 80, plain).length,
  );
  expect(new Set(heights).size).toBe(1);
});

test('the bar shows any share that is not nothing, and is full at 100 alone', () => {
  const cells = (weight: number) => {
    const versions = GOING_OUT.versions.map((row) => (row.role === 'new' ? { ...row, weight } : row));
    const bar = render({ ...GOING_OUT, versions }, 80, plain).find((line) => /[█░]/.test(line)) ?? '';
    return [bar.split('█').length - 1, bar.split('░').length - 1];
  };
  expect(cells(0)[0]).toBe(0);
  expect(cells(1)[0]).toBe(1);
  expect(cells(99)[1]).toBe(1);
  expect(cells(100)[1]).toBe(0);
});
