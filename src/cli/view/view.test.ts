import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffOf, shortDiff } from './diff.ts';
import { bar, sparkline } from './sparkline.ts';
import { styleFor, widthOf, wrapped } from './style.ts';
import { table } from './table.ts';

describe('text on a terminal', () => {
  it('is as wide as it looks, with colours and without', () => {
    const { bad } = styleFor(true);
    expect(bad('no')).not.toBe('no');
    expect(widthOf(bad('no ✔'))).toBe(4);
    expect(styleFor(false).bad('no')).toBe('no');
  });

  it('is broken between words, and within a word that is too long', () => {
    expect(wrapped('one two  three', 7)).toEqual(['one two', 'three']);
    expect(wrapped('a 12345678 b', 4)).toEqual(['a', '1234', '5678', 'b']);
    expect(wrapped('', 4)).toEqual([]);
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.integer({ min: 1, max: 30 }), (text, width) => {
        const lines = wrapped(text, width);
        expect(lines.every((line) => widthOf(line) <= width)).toBe(true);
        expect(lines.join('').replaceAll(/[ \n\t]/g, '')).toBe(text.replaceAll(/[ \n\t]/g, ''));
      }),
    );
  });

  it('stands in columns, of which the last is shortened to fit', () => {
    expect(table(['A', 'B'], [['xx', 'a long one']], undefined)).toEqual(['A    B', 'xx   a long one']);
    expect(table(['A', 'B'], [['xx', 'a very long one it is']], 20)[1]).toBe('xx   a very long on…');
  });
});

describe('curves', () => {
  it('show the latest values, all at one scale', () => {
    expect(sparkline([0, 0.5, 1], 1, 5)).toBe('  ▁▅█');
    expect(sparkline([1, 0, undefined, 2], 1, 3)).toBe('▁ █');
    expect(bar(0, 4)).toBe('░░░░');
    expect(bar(0.001, 4)).toBe('█░░░');
    expect(bar(7, 4)).toBe('████');
  });
});

describe('a diff', () => {
  it('turns one text into the other, with as little as can be', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c')),
        fc.array(fc.constantFrom('a', 'b', 'c')),
        (a, b) => {
          const lines = diffOf(a, b);
          const side = (sign: '-' | '+') =>
            lines.filter((line) => line.sign !== sign).map(({ line }) => line);
          expect(side('+')).toEqual(a);
          expect(side('-')).toEqual(b);
        },
      ),
    );
    expect(
      diffOf(['a', 'b', 'c'], ['a', 'x', 'c'])
        .map(({ sign }) => sign)
        .join(''),
    ).toBe(' -+ ');
    expect(shortDiff(diffOf(Array.from('abcdefgh'), Array.from('abcdefgX')), 1)).toEqual([
      '…',
      '  g',
      '- h',
      '+ X',
    ]);
  });
});
