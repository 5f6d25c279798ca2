import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpositionError, parseExposition, parseNumber } from './exposition.ts';

describe('parseExposition', () => {
  it('gives the lines of the metrics asked for, with the labels asked for', () => {
    const text = [
      '# HELP requests_total Requests.',
      '# TYPE requests_total counter',
      'requests_total{code="200",path="/a"} 12',
      'requests_total_more{code="200"} 99',
      'other{code="200"} 1',
      'requests_total 3',
      '',
    ].join('\n');
    expect(parseExposition(text, { requests_total: ['code'] })).toEqual([
      { name: 'requests_total', labels: { code: '200' }, series: 'code="200",path="/a"', value: 12 },
      { name: 'requests_total', labels: {}, series: '', value: 3 },
    ]);
  });

  it('reads what Envoy prints: empty braces, a comma at the end, carriage returns', () => {
    const text = 'up{} 1\r\nup{a="b",} 2\r\nup{a="inbound|9080||"} 3';
    expect(parseExposition(text, { up: ['a'] }).map((s) => [s.labels['a'], s.value])).toEqual([
      [undefined, 1],
      ['b', 2],
      ['inbound|9080||', 3],
    ]);
  });

  it('tells the series of a histogram apart by all labels but le', () => {
    const text = 'h_bucket{a="1",le="0.5",b="2"} 1\nh_bucket{a="1",le="+Inf",b="2"} 4\n';
    const [first, second] = parseExposition(text, { h_bucket: ['le'] });
    expect(first?.labels['le']).toBe('0.5');
    expect(second?.labels['le']).toBe('+Inf');
    expect(first?.series).toBe(second?.series);
  });

  it('reads numbers as Go prints them, and passes over timestamps and exemplars', () => {
    const lines = [
      'm NaN',
      'm +Inf',
      'm -Inf',
      'm 1.5e+06',
      'm 1e-3 1395066363000',
      'm 7 # {trace="x y"} 1 2',
    ];
    const values = parseExposition(lines.join('\n'), { m: [] }).map((sample) => sample.value);
    expect(values).toEqual([NaN, Infinity, -Infinity, 1_500_000, 0.001, 7]);
    for (const token of ['', ' ', '0x10', '1_000', 'nan', 'Infinity', '1e', '--1']) {
      expect(parseNumber(token), token).toBeUndefined();
    }
  });

  it.each([
    ['no value', 'm{a="b"}'],
    ['a word for a value', 'm{a="b"} many'],
    ['an open label', 'm{a="b'],
    ['an open label before other lines', 'm{a="b 5\nother 3'],
    ['no quotes', 'm{a=b} 4'],
    ['an open brace', 'm{a="b" 4\nn{} 4'],
  ])('refuses a wanted line with %s', (_, line) => {
    expect(() => parseExposition(`ok 1\n${line}\n`, { m: ['a'] })).toThrow(ExpositionError);
    expect(() => parseExposition(`ok 1\n${line}\n`, { m: ['a'] })).toThrow(/line 2/);
  });

  it('does not care about malformed lines of other metrics', () => {
    expect(parseExposition('<html> {{{\nm 1\n', { m: [] })).toHaveLength(1);
  });

  it('reads back every label value that can be printed', () => {
    const escape = (value: string) =>
      value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
    const value = fc.string({
      unit: fc.constantFrom('a', '"', '\\', '\n', '}', '{', ',', '=', ' ', '|', 'é'),
    });
    fc.assert(
      fc.property(value, value, fc.nat(), (a, b, count) => {
        const text = `x 1\nm{a="${escape(a)}",b="${escape(b)}",le="1"} ${count}\ny 2\n`;
        const [sample, ...rest] = parseExposition(text, { m: ['b', 'a', 'le'] });
        expect(rest).toEqual([]);
        expect(sample?.labels).toEqual({ a, b, le: '1' });
        expect(sample?.value).toBe(count);
      }),
    );
  });
});
