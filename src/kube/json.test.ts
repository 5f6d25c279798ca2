import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, deepEqual, deepFreeze, hashOf } from './json.ts';

/** The same JSON value with the keys of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe('canonicalJson', () => {
  it('sorts keys at every depth and leaves undefined members out', () => {
    expect(canonicalJson({ b: [{ z: 1, a: null }], a: undefined, A: 'ä' })).toBe(
      '{"A":"ä","b":[{"a":null,"z":1}]}',
    );
  });

  it('is the same whatever the order of keys, and parses back to an equal value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
        expect(deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))).toBe(true);
      }),
    );
  });

  it('differs where the values differ', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(canonicalJson(a) === canonicalJson(b)).toBe(deepEqual(a, b));
        expect(hashOf(a) === hashOf(b)).toBe(deepEqual(a, b));
      }),
    );
  });

  it.each([
    ['NaN', { spec: { replicas: NaN } }, '.spec.replicas is NaN'],
    ['a date', { at: new Date(0) }, '.at is a Date'],
    ['undefined in a list', { list: [1, undefined] }, '.list[1] is of type undefined'],
    ['a big integer', 10n, 'the value is of type bigint'],
  ])('refuses %s, naming the place', (_name, value, message) => {
    expect(() => canonicalJson(value)).toThrow(message);
  });

  it('refuses a cycle, but not the same object twice', () => {
    const shared = { a: 1 };
    expect(canonicalJson([shared, shared])).toBe('[{"a":1},{"a":1}]');
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => canonicalJson(loop)).toThrow('.self is a cycle');
  });

  it('gives the sha256 that other tools give', () => {
    // printf '{"a":1}' | sha256sum
    expect(hashOf({ a: 1 })).toBe('015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862');
  });
});

describe('deepEqual', () => {
  it('takes an undefined member for an absent one, on either side', () => {
    expect(deepEqual({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(deepEqual({ a: 1 }, { a: 1, b: undefined })).toBe(true);
    expect(deepEqual({ a: 1, b: undefined }, { a: 1, c: undefined })).toBe(true);
  });

  it('tells null from absent, lists from objects, and numbers from strings', () => {
    expect(deepEqual({ a: null }, {})).toBe(false);
    expect(deepEqual({}, { a: null })).toBe(false);
    expect(deepEqual([], {})).toBe(false);
    expect(deepEqual(1, '1')).toBe(false);
    expect(deepEqual([1, 2], [2, 1])).toBe(false);
  });
});

describe('deepFreeze', () => {
  it('makes any write into the value throw', () => {
    const value = deepFreeze({ spec: { list: [{ a: 1 }] } });
    expect(() => {
      value.spec.list[0]!.a = 2;
    }).toThrow(TypeError);
  });
});
