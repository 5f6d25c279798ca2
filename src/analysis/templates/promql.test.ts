import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Scope, Value } from './placeholders.ts';
import { promDuration, renderPromQL } from './promql.ts';

function scope(values: Record<string, string | Value>): Scope {
  return Object.fromEntries(
    Object.entries(values).map(([path, value]) => [
      path,
      typeof value === 'string' ? { text: value, type: 'string' as const } : value,
    ]),
  );
}

const shop = (text: string) => scope({ 'args.shop': text });
const number = (text: string) => scope({ 'args.n': { text, type: 'number' } });

describe('a value in a label matcher', () => {
  it.each([
    ['orders{shop="{{ args.shop }}"}', 'eu', 'orders{shop="eu"}'],
    ['orders{shop!="{{args.shop}}"}', 'eu', 'orders{shop!="eu"}'],
    ['orders{shop="{{ args.shop }}"}', 'a"} or up{x="', 'orders{shop="a\\"} or up{x=\\""}'],
    ["orders{shop='{{ args.shop }}'}", `it's`, "orders{shop='it\\'s'}"],
    ['orders{shop="{{ args.shop }}"}', 'back\\slash', 'orders{shop="back\\\\slash"}'],
    ['orders{shop="{{ args.shop }}"}', 'line\nbreak', 'orders{shop="line\\u000abreak"}'],
    ['orders{shop=`{{ args.shop }}`}', 'a"b\\', 'orders{shop=`a"b\\`}'],
    ['orders{shop =~ "{{ args.shop }}"}', 'a.b|c', 'orders{shop =~ "a\\\\.b\\\\|c"}'],
    ['orders{shop!~`x|{{ args.shop }}`}', '.*', 'orders{shop!~`x|\\.\\*`}'],
    ['orders{shop=~"({{ args.shop }}*)"}', 'ab', 'orders{shop=~"((?:ab)*)"}'],
    ['orders{a="\\"", b="{{ args.shop }}"}', 'eu', 'orders{a="\\"", b="eu"}'],
    ['orders{a="x" # shop="\n, b="{{ args.shop }}"}', 'eu', 'orders{a="x" # shop="\n, b="eu"}'],
    ['orders{a="{{ "{{" }}{{ args.shop }}"}', 'eu', 'orders{a="{{eu"}'],
  ])('%s with %j', (query, value, rendered) => {
    expect(renderPromQL(query, shop(value))).toBe(rendered);
  });

  it('is just itself, whatever it is (seed 4)', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('"', "'"),
        fc.constantFrom('=', '!=', '=~', '!~'),
        (value, quote, operator) => {
          const rendered = renderPromQL(`up{a${operator}${quote}<{{ args.shop }}>${quote}} > 1`, shop(value));
          const open = rendered.indexOf(quote);
          const close = closing(rendered, open);
          expect(rendered.slice(0, open)).toBe(`up{a${operator}`);
          expect(rendered.slice(close)).toBe(`${quote}} > 1`);
          const text = meaning(rendered.slice(open + 1, close));
          if (operator.endsWith('~')) expect(new RegExp(`^(?:${text})$`, 's').test(`<${value}>`)).toBe(true);
          else expect(text).toBe(`<${value}>`);
        },
      ),
      { seed: 4, numRuns: 500 },
    );
  });
});

/** Where the string that opens at `open` ends, by the rules of Go. */
function closing(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === text[open]) return i;
  }
  throw new Error(`${text} does not close`);
}

function meaning(raw: string): string {
  return raw.replace(/\\(?:u([0-9a-f]{4})|(.))/gs, (_, code?: string, char?: string) =>
    code === undefined ? (char ?? '') : String.fromCharCode(parseInt(code, 16)),
  );
}

describe('outside of strings', () => {
  it.each([
    ['topk({{ args.n }}, up)', '5', 'topk(5, up)'],
    ['up > {{ args.n }}', '-1.5e-3', 'up > -0.0015'],
    ['up > {{ args.n }}', '010', 'up > 10'],
    ['up > {{ args.n }}', '-007.50', 'up > -7.5'],
    ['up > {{ args.n }}', '-0', 'up > 0'],
    ['up > {{ args.n }}', '1000000000000000000000000', 'up > 1e+24'],
    ['x_offset - {{ args.n }} ^ 2', '-3', 'x_offset - (-3) ^ 2'],
    ['up offset -{{ args.n }} ^ 2', '3', 'up offset -3 ^ 2'],
    ['up > {{ args.n }}', '1e-9', 'up > 1e-9'],
    ['{{ args.n }} ^ 2', '-3', '(-3) ^ 2'],
    ['{{ args.n }} # squared\n^ 2', '-3', '(-3) # squared\n^ 2'],
    ['{{ args.n }} ^ 2', '3', '3 ^ 2'],
    ['2 ^ {{ args.n }}', '-3', '2 ^ -3'],
    ['up @ {{ args.n }} ^ 2', '-3', 'up @ -3 ^ 2'],
    ['up offset {{ args.n }} ^ 2', '-3', 'up offset -3 ^ 2'],
    ['up == bool {{ args.n }}', '1', 'up == bool 1'],
  ])('a number is a number: %s', (query, value, rendered) => {
    expect(renderPromQL(query, number(value))).toBe(rendered);
  });

  it('a duration is written in units that Prometheus has', () => {
    const range = scope({
      'args.range': { text: '1m30s', type: 'duration' },
      window: { text: '1.5s', type: 'duration' },
    });
    expect(renderPromQL('rate(x[{{ args.range }}:{{ window }}])', range)).toBe('rate(x[90s:1500ms])');
    expect([1, 1500, 60_000].map(promDuration)).toEqual(['1ms', '1500ms', '60s']);
  });

  it('a duration that would be none is refused', () => {
    const range = scope({ interval: { text: '0.2ms', type: 'duration' } });
    expect(() => renderPromQL('rate(x[{{ interval }}])', range)).toThrow(
      'interval is shorter than 1ms, the least that Prometheus knows',
    );
  });

  it.each([
    ['{{ args.shop }}', 'is a string and stands outside of a string'],
    ['up + {{ args.shop }}', 'is a string and stands outside of a string'],
    ['sum by ({{ args.shop }}) (up)', 'is a string and stands outside of a string'],
    ['up # {{ args.shop }}', 'stands in a comment'],
    ['label_replace(up, "a", "{{ args.shop }}", "b", "")', 'no value of a label matcher'],
    ['count_values("{{ args.shop }}", up)', 'no value of a label matcher'],
    ['up == "{{ args.shop }}"', 'no value of a label matcher'],
    ['{"{{ args.shop }}"}', 'no value of a label matcher'],
  ])('%s is refused', (query, why) => {
    expect(() => renderPromQL(query, shop('eu'))).toThrow(why);
  });

  it.each([
    'up{{ args.n }}',
    '1{{ args.n }}',
    '{{ args.n }}m',
    'a:{{ args.n }}',
    '{{ args.n }}{{ args.n }}',
    '1.{{ args.n }}',
  ])('a number that would become part of a word is refused: %s', (query) => {
    expect(() => renderPromQL(query, number('5'))).toThrow('touches other text');
  });
});

describe('a regular expression takes a value only where it stands for itself', () => {
  it.each([
    ['up{a=~"[{{ args.shop }}]"}', 'in brackets'],
    ['up{a=~"[^]{{ args.shop }}]"}', 'in brackets'],
    ['up{a=~"[[:alpha:]{{ args.shop }}]"}', 'in brackets'],
    ['up{a=~"\\\\0{{ args.shop }}"}', 'in an escape'],
    ['up{a=~"\\\\x{4{{ args.shop }}}"}', 'in an escape'],
    ['up{a=~"(?{{ args.shop }})"}', 'in the flags'],
    ['up{a=~"(?P<{{ args.shop }}>x)"}', 'in the flags'],
    ['up{a=~"x{ {{ args.shop }}}"}', 'in the braces'],
    ['up{a=~"\\\\{{ args.shop }}"}', 'in an escape'],
    ['up{a=~`\\{{ args.shop }}`}', 'in an escape'],
    ['up{a=~"\\\\p{{ args.shop }}"}', 'in an escape'],
    ['up{a=~"\\x5b{{ args.shop }}]"}', 'in brackets'],
    ['up{a=~"\\\\Q{{ args.shop }}"}', 'in a quote'],
    ['up{a="\\{{ args.shop }}"}', 'right before'],
  ])('%s is refused', (query, why) => {
    expect(() => renderPromQL(query, shop('eu'))).toThrow(why);
  });

  it.each([
    'up{a=~"[a-z]{{ args.shop }}"}',
    'up{a=~"(?:{{ args.shop }}|b)"}',
    'up{a=~"\\\\.{{ args.shop }}"}',
    'up{a=~"x{2}{{ args.shop }}"}',
  ])('%s is taken', (query) => {
    expect(renderPromQL(query, shop('eu'))).toBe(query.replace('{{ args.shop }}', 'eu'));
  });
});

describe('what is wrong is said', () => {
  it.each([
    ['up{a="{{ args.shp }}"}', '{{ args.shp }} is unknown here: there is args.shop'],
    ['up{a="{{ args.shop "}', 'does not close'],
    ['up{a="{{ args shop }}"}', 'is no placeholder'],
    ['up{a="{{}}"}', 'is no placeholder'],
  ])('%s', (query, why) => {
    expect(() => renderPromQL(query, shop('eu'))).toThrow(why);
  });

  it('a value from a Secret is not put into a query', () => {
    const secret = scope({ 'args.token': { text: 't', type: 'string', secret: true } });
    expect(() => renderPromQL('up{a="{{ args.token }}"}', secret)).toThrow('comes from a Secret');
  });

  it('a ` cannot stand in a raw string, which is the fault of the argument', () => {
    expect(() => renderPromQL('up{a=`{{ args.shop }}`}', shop('`} or up{a=`'))).toThrow(
      expect.objectContaining({ fault: 'argument' }),
    );
  });
});
