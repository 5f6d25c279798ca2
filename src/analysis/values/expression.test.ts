import { describe, expect, it } from 'vitest';
import { compile } from './expression.ts';

const holds = (source: string, result: unknown, args = {}) => compile(source).holds(result, args);

describe('an expression', () => {
  it.each([
    ['result < 0.5', 0.4, true],
    ['result >= 5', 5, true],
    ['result == 5 || result == 7', 6, false],
    ['result.status == "ok" && result.queue < 100', { status: 'ok', queue: 3 }, true],
    ['result.items.all(i, i.ready)', { items: [{ ready: true }, { ready: false }] }, false],
    ['has(result.error)', {}, false],
    ['"eu" in result', ['eu', 'us'], true],
  ])('%s of %j is %s', (source, result, expected) => {
    expect(holds(source, result)).toBe(expected);
  });

  it('knows the arguments by their types', () => {
    const args = { most: 2.5, strict: true, shop: 'eu', range: 90 };
    expect(
      holds('result < args.most && args.strict && args.shop == "eu" && args.range == 90.0', 2, args),
    ).toBe(true);
  });

  it.each([
    ['result >', 'Unexpected token'],
    ['resul > 1', 'Unknown variable: resul'],
    ['"text"', 'must give true or false'],
    ['result.matches("(a+)+$")', 'matches is not available'],
    ['result.all(a, result.all(b, a == b))', 'all stands within another loop'],
    ['constructor.constructor == 1', 'Unknown variable: constructor'],
  ])('%s is refused', (source, why) => {
    expect(() => compile(source)).toThrow(why);
  });

  it.each([
    ['result.missing > 1', {}, 'No such key: missing'],
    ['result.constructor == 1', {}, 'No such key: constructor'],
    ['result["__proto__"] == 1', {}, 'No such key: __proto__'],
    ['result', 'yes', 'it gives no true or false'],
  ])('%s of %j comes to nothing', (source, result, why) => {
    expect(() => holds(source, result)).toThrow(why);
  });

  it('is refused when it is too long, and comes to nothing on too large a result', () => {
    expect(() => compile(`result ${'+ 1 '.repeat(600)}> 1`)).toThrow('Exceeded max');
    const long = Array.from({ length: 3000 }, () => 1);
    expect(() => holds('result.size() > 1', long)).toThrow('more than 2000 parts');
    expect(() => holds('result == "x"', 'x'.repeat(300_000))).toThrow('more than 2000 parts');
  });
});
