import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ruled } from './rules.ts';
import { celName, structural } from './structural.ts';

describe('the structural schema of an object', () => {
  it('says a missing property by a rule where there is a sentence for it, under the name that CEL knows', () => {
    const schema = z.object({
      for: z.string().meta({ requiredMessage: 'say for how long' }),
      name: z.string(),
      note: z.string().optional(),
    });

    expect(structural(schema, 'Thing.spec')).toEqual({
      type: 'object',
      properties: { for: { type: 'string' }, name: { type: 'string' }, note: { type: 'string' } },
      required: ['name'],
      'x-kubernetes-validations': [
        {
          rule: 'has(self.__for__)',
          message: 'say for how long',
          fieldPath: '.for',
          reason: 'FieldValueRequired',
        },
      ],
    });
  });

  it('keeps every rule when rules are laid over one another', () => {
    const rule = (cel: string) => ({ cel, check: () => true, message: cel });
    const inner = ruled(z.string(), { description: 'inner' }, [rule('a')]);
    const outer = ruled(ruled(inner, {}, [rule('b')]).optional(), { description: 'outer' }, [rule('c')]);

    expect(structural(outer, 'Thing')).toMatchObject({
      description: 'outer',
      'x-kubernetes-validations': [{ rule: 'a' }, { rule: 'b' }, { rule: 'c' }],
    });
  });

  it('leaves an object open only where unknown fields are preserved', () => {
    const open = z.looseObject({ name: z.string() });
    const preserved = open.meta({ 'x-kubernetes-preserve-unknown-fields': true });

    expect(structural(preserved, 'Thing')).not.toHaveProperty('additionalProperties');
    expect(() => structural(open, 'Thing.spec')).toThrow(
      'Thing.spec: an open object needs x-kubernetes-preserve-unknown-fields',
    );
  });

  it('has one word for a number or a string', () => {
    const schema = z.union([z.int(), z.string()]).meta({ 'x-kubernetes-int-or-string': true });

    expect(structural(schema, 'Thing')).toEqual({ 'x-kubernetes-int-or-string': true });
  });

  it('has no bounds for integers that have none', () => {
    expect(structural(z.int(), 'Thing')).toEqual({ type: 'integer' });
    expect(structural(z.int().min(0), 'Thing')).toEqual({ type: 'integer', minimum: 0 });
  });
});

describe('what a structural schema cannot say', () => {
  const shared = z.object({ name: z.string() }).meta({ id: 'Shared' });

  it.each([
    ['a union', z.union([z.string(), z.boolean()]), /Thing\.field: .*one type/],
    [
      'a discriminated union',
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
      /Thing\.field: .*one type/,
    ],
    ['anything', z.unknown(), /Thing\.field: .*one type/],
    ['a reference', z.object({ one: shared, two: shared }), /Thing: definitions/],
    ['a date', z.date(), /Date/],
  ])('%s is refused when the CRD is made', (_, schema, message) => {
    expect(() => structural(z.object({ field: schema }), 'Thing')).toThrow(message);
  });

  it('a sentence for a property that is not required is refused too', () => {
    const schema = z.object({ name: z.string().meta({ requiredMessage: 'say the name' }).optional() });

    expect(() => structural(schema, 'Thing')).toThrow('Thing.name: requiredMessage belongs to a property');
  });
});

describe("CEL's names", () => {
  it.each([
    ['name', 'name'],
    ['in', '__in__'],
    ['for', '__for__'],
    ['namespace', '__namespace__'],
    ['app.kind', 'app__dot__kind'],
    ['a-b/c', 'a__dash__b__slash__c'],
    ['a__b', 'a__underscores__b'],
  ])('%s is %s', (name, cel) => {
    expect(celName(name)).toBe(cel);
  });

  it('do not exist for everything', () => {
    expect(() => celName('1st')).toThrow('CEL has no name for the property 1st');
  });
});
