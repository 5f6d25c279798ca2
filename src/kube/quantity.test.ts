import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSameQuantity } from './quantity.ts';

describe('isSameQuantity', () => {
  it.each([
    ['1000m', '1'],
    ['0.1', '100m'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['1e3', '1k'],
    ['1E3', 1000],
    ['1E', '1e18'],
    ['.5', '500m'],
    ['+2', 2],
    ['-1', '-1000m'],
    ['0', '0Gi'],
    ['128974848', '123Mi'],
    ['100000u', '100m'],
  ])('%s is %s', (a, b) => {
    expect(isSameQuantity(a, b)).toBe(true);
    expect(isSameQuantity(b, a)).toBe(true);
  });

  it.each([
    ['1', '1m'],
    ['1G', '1Gi'],
    ['1', '-1'],
    ['1', ''],
    ['1Q', '1Q'],
    ['one', 'one'],
    [true, true],
    [null, null],
    ['1e9999', '1e9999'],
  ])('%s is not %s, or no quantity', (a, b) => {
    expect(isSameQuantity(a, b)).toBe(false);
  });

  it('is exact where floating point is not', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 15n), (milli) => {
        const whole = `${milli / 1000n}.${String(milli % 1000n).padStart(3, '0')}`;
        expect(isSameQuantity(`${milli}m`, whole)).toBe(true);
        expect(isSameQuantity(`${milli + 1n}m`, whole)).toBe(false);
      }),
    );
  });
});
