import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderBody, renderHeader } from './json.ts';
import type { Scope } from './placeholders.ts';
import { renderUrl } from './url.ts';

const shop = (text: string): Scope => ({
  'args.shop': { text, type: 'string' },
  'args.token': { text: 's3cret', type: 'string', secret: true },
});

describe('a URL', () => {
  it.each([
    [
      'https://shop.example.com/health?shop={{ args.shop }}',
      'e u&x=1',
      'https://shop.example.com/health?shop=e%20u%26x%3D1',
    ],
    [
      'https://shop.example.com/{{ args.shop }}/health',
      'a/b?c#d',
      'https://shop.example.com/a%2Fb%3Fc%23d/health',
    ],
    ['http://{{ args.shop }}.books.svc:8080/', 'eu-1', 'http://eu-1.books.svc:8080/'],
    ['http://shop/{{ args.shop }}', 'ünï', 'http://shop/%C3%BCn%C3%AF'],
    ['http://shop/shop-{{ args.shop }}?q={{ args.shop }}', '', 'http://shop/shop-?q='],
    ['http://shop/{{ args.shop }}/', '...', 'http://shop/.../'],
  ])('%s with %j', (template, value, rendered) => {
    expect(renderUrl(template, shop(value))).toBe(rendered);
  });

  it.each([
    ['https://shop/{{ args.shop }}/health', '..', 'changes the path'],
    ['https://shop/.{{ args.shop }}/health', '.', 'changes the path'],
    ['https://shop/shops/{{ args.shop }}', '.', 'changes the path'],
    ['https://shop/shops/{{ args.shop }}', '', 'changes the path'],
    ['https://shop/shops/{{ args.shop }}?all=1', '', 'changes the path'],
    ['https://shop/{{ args.shop }}/health', '', 'changes the path'],
    ['https://shop/shops/.{{ args.shop }}', '', 'changes the path'],
    ['https://{{ args.shop }}/health', 'evil.example.com/x', 'a part of the host'],
    ['https://{{ args.shop }}.example.com/health', 'me@evil', 'a part of the host'],
    ['https://shop/?t={{ args.token }}', '', 'comes from a Secret'],
  ])('%s with %j is refused', (template, value, why) => {
    expect(() => renderUrl(template, shop(value))).toThrow(why);
  });

  it('keeps its host, its path and its parameters, whatever the value (seed 5)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        let url: URL;
        try {
          url = new URL(renderUrl('http://shop:81/a/{{ args.shop }}/b?x={{ args.shop }}&y=1', shop(value)));
        } catch (error) {
          expect(error).toMatchObject({ name: 'Unrenderable', fault: 'argument' });
          return;
        }
        expect(url.origin).toBe('http://shop:81');
        expect(url.pathname.split('/')).toHaveLength(4);
        expect(decodeURIComponent(url.pathname)).toBe(`/a/${value}/b`);
        expect([...url.searchParams]).toEqual([
          ['x', value],
          ['y', '1'],
        ]);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe('a header', () => {
  it('may hold a Secret, and never a line break', () => {
    expect(renderHeader('Authorization', 'Bearer {{ args.token }}', shop(''))).toBe('Bearer s3cret');
    expect(() => renderHeader('X-Shop', '{{ args.shop }}', shop('a\r\nX-Admin: true'))).toThrow(
      'the header X-Shop has characters that no header can hold',
    );
  });
});

describe('a body', () => {
  it('keeps its shape as JSON', () => {
    const body = renderBody('{"shop": "{{ args.shop }}", "n": 1}', shop('eu", "admin": "yes'));
    expect(JSON.parse(body)).toEqual({ shop: 'eu", "admin": "yes', n: 1 });
  });

  it('is sent as it is without placeholders, and refused with them when it is no JSON', () => {
    expect(renderBody('a=1', shop(''))).toBe('a=1');
    expect(() => renderBody('a={{ args.shop }}', shop(''))).toThrow('must be JSON');
    expect(() => renderBody('{"{{ args.shop }}": 1}', shop('a'))).toThrow('in the name of the field');
  });
});
