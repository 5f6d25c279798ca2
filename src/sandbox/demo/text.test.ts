import fc from 'fast-check';
import { expect, test } from 'vitest';
import { counted, fit, pad, painted, seconds, thousands, widthOf, wrap } from './text.ts';

test('numbers are written for people', () => {
  expect([0, 999, 1000, 1_234_567, 12.6].map(thousands)).toEqual(['0', '999', '1 000', '1 234 567', '13']);
  expect([counted(1, 'request'), counted(2, 'request')]).toEqual(['1 request', '2 requests']);
  expect([430, 2900, 18_400].map(seconds)).toEqual(['0.4 s', '2.9 s', '18 s']);
});

test('styles take no columns, and survive cutting whole', () => {
  const text = painted('red', 'abcdef');
  expect(widthOf(text)).toBe(6);
  expect(fit(text, 6)).toBe(text);
  expect(fit(text, 4)).toBe(painted('red', 'abc…'));
  expect(fit(text, 0)).toBe(painted('red', ''));
  expect(pad(text, 8)).toBe(`${text}  `);
  expect(pad(text, 8, 'left')).toBe(`  ${text}`);
});

test('wrapped text keeps within width and height, and loses words only at its end, marked with …', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 30 });
  fc.assert(
    fc.property(
      words,
      fc.integer({ min: 12, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      (list, width, height) => {
        const lines = wrap(list.join(' '), width, height);
        expect(lines.length).toBeLessThanOrEqual(height);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        const shown = lines.join(' ');
        if (shown.endsWith('…')) expect(list.join(' ').startsWith(shown.slice(0, -1))).toBe(true);
        else expect(shown).toBe(list.join(' '));
      },
    ),
  );
});
