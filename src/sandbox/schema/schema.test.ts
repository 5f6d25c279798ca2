import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../kube/types.ts';
import type { JsonObject } from '../cluster/object.ts';
import { compileCrd, type CompiledVersion } from './index.ts';

/** A CRD with one version whose `spec` has this schema. */
function crdOf(spec: JsonObject, more: JsonObject = {}): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.x.dev' },
    spec: {
      group: 'x.dev',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status: { type: 'object' } } } },
          ...more,
        },
      ],
    },
  } as KubeObject;
}

function versionOf(spec: JsonObject, more: JsonObject = {}): CompiledVersion {
  const [version] = compileCrd(crdOf(spec, more)).versions;
  if (version === undefined) throw new Error('the CRD has no version');
  return version;
}

function thing(spec: unknown): JsonObject {
  return { apiVersion: 'x.dev/v1', kind: 'Thing', metadata: { name: 'a' }, spec: spec as JsonObject };
}

function errorsOf(spec: JsonObject, value: unknown, old?: unknown): [string, string][] {
  const version = versionOf(spec);
  return version
    .validate(thing(value), old === undefined ? undefined : thing(old))
    .map(({ field, message }) => [field, message]);
}

describe('prepare', () => {
  const version = versionOf({
    type: 'object',
    properties: {
      a: { type: 'string', default: 'x' },
      n: { type: 'integer' },
      free: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { inner: { type: 'object' } },
      },
      nested: { type: 'object', default: {}, properties: { b: { type: 'boolean', default: true } } },
      labels: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { v: { type: 'string' } } },
      },
    },
  });

  it('drops unknown fields, but not where they are preserved', () => {
    const spec = { stray: 1, free: { stray: 1, inner: { gone: 1 } }, labels: { one: { v: 'x', w: 'y' } } };
    expect(version.prepare(thing(spec), undefined)['spec']).toEqual({
      a: 'x',
      free: { stray: 1, inner: {} },
      labels: { one: { v: 'x' } },
      nested: { b: true },
    });
  });

  it('replaces a forbidden null by the default and drops it where there is none', () => {
    expect(version.prepare(thing({ a: null, n: null }), undefined)['spec']).toEqual({
      a: 'x',
      nested: { b: true },
    });
  });

  it('leaves its input alone', () => {
    const input = thing({ stray: 1 });
    const copy = structuredClone(input);
    version.prepare(input, undefined);
    expect(input).toEqual(copy);
  });

  it('does nothing to what it has prepared', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const once = version.prepare(thing(value), undefined);
        expect(version.prepare(once, undefined)).toEqual(once);
      }),
    );
  });
});

describe('validate', () => {
  it.each<[string, JsonObject, unknown, [string, string][]]>([
    [
      'a wrong type',
      { type: 'integer' },
      'x',
      [['spec', 'Invalid value: "string": spec in body must be of type integer: "string"']],
    ],
    [
      'an enum',
      { type: 'string', enum: ['a', 'b'] },
      'c',
      [['spec', 'Unsupported value: "c": supported values: "a", "b"']],
    ],
    [
      'a maximum',
      { type: 'integer', maximum: 10 },
      11,
      [['spec', 'Invalid value: 11: spec in body should be less than or equal to 10']],
    ],
    [
      'an exclusive minimum',
      { type: 'number', minimum: 0.5, exclusiveMinimum: true },
      0.5,
      [['spec', 'Invalid value: 0.5: spec in body should be greater than 0.5']],
    ],
    [
      'a pattern',
      { type: 'string', pattern: '^[a-z]+$' },
      'X',
      [['spec', 'Invalid value: "X": spec in body should match \'^[a-z]+$\'']],
    ],
    ['a length', { type: 'string', maxLength: 1 }, 'ab', [['spec', 'Too long: may not be more than 1 byte']]],
    [
      'too many items',
      { type: 'array', items: { type: 'string' }, maxItems: 1 },
      ['a', 'b'],
      [['spec', 'Too many: 2: must have at most 1 item']],
    ],
    [
      'a required member',
      { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
      {},
      [['spec.a', 'Required value']],
    ],
    [
      'a format',
      { type: 'string', format: 'date-time' },
      'today',
      [['spec', 'Invalid value: "today": spec in body must be of type date-time: "today"']],
    ],
    [
      'a repeated item of a set',
      { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      ['a', 'a'],
      [['spec[1]', 'Duplicate value: "a"']],
    ],
    [
      'an int-or-string',
      { 'x-kubernetes-int-or-string': true },
      true,
      [['spec', 'Invalid value: "boolean": spec in body must be of type integer,string: "boolean"']],
    ],
  ])('names the field and the fault: %s', (_, schema, value, errors) => {
    expect(
      errorsOf(schema, value).filter(([, message]) => !message.includes('rules were not checked')),
    ).toEqual(errors);
  });

  it('lets faults pass that were there before and did not change', () => {
    const schema: JsonObject = {
      type: 'object',
      properties: { a: { type: 'integer', maximum: 1 }, b: { type: 'integer', maximum: 1 } },
    };
    expect(errorsOf(schema, { a: 5, b: 1 }, { a: 5, b: 0 })).toEqual([]);
    expect(errorsOf(schema, { a: 6 }, { a: 5 })).toEqual([
      ['spec.a', 'Invalid value: 6: spec.a in body should be less than or equal to 1'],
    ]);
  });

  it('says of alternatives that none fitted, and why the best did not', () => {
    const schema: JsonObject = {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
      oneOf: [{ required: ['a'] }, { required: ['b'] }],
    };
    expect(errorsOf(schema, {}).map(([field, message]) => `${field}: ${message}`)).toEqual([
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid',
      'spec.a: Required value',
    ]);
  });
});
