import { describe, expect, test } from 'vitest';
import { differences, Normalizer } from '../conformance/normalize.ts';

const uid = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`;

const object = (id: string, version: string, more: object = {}) => ({
  kind: 'ConfigMap',
  metadata: {
    name: 'a',
    uid: uid(id),
    resourceVersion: version,
    creationTimestamp: '2030-01-01T00:00:00Z',
    ...more,
  },
});

/** What two servers said, compared as the conformance run compares it. */
function compared(real: unknown[], sandbox: unknown[]): string[] {
  const one = new Normalizer();
  const other = new Normalizer();
  return differences(
    real.map((answer) => one.normalize(answer)),
    sandbox.map((answer) => other.normalize(answer)),
  );
}

describe('answers of two servers', () => {
  test('differ in uids, versions, times and generated names without being different', () => {
    const real = object('1', '100', { generateName: 'a-', name: 'a-x7k2p' });
    const sandbox = object('2', '7', {
      generateName: 'a-',
      name: 'a-bbbbb',
      creationTimestamp: '2031-05-05T10:00:00Z',
    });
    expect(compared([real], [sandbox])).toEqual([]);
  });

  test('differ when one server changed the version and the other did not', () => {
    const real = [object('1', '100'), object('1', '100')];
    const sandbox = [object('2', '7'), object('2', '8')];
    expect(compared(real, sandbox)).toEqual([
      '[1].metadata.resourceVersion: real "version#1", sandbox "version#2"',
    ]);
  });

  test('differ when one server kept the object and the other made a new one', () => {
    const real = [object('1', '100'), object('1', '101')];
    const sandbox = [object('2', '7'), object('3', '8')];
    expect(compared(real, sandbox)).toEqual(['[1].metadata.uid: real "uid#1", sandbox "uid#2"']);
  });

  test('differ in a missing field, in a value and in the length of a list', () => {
    const lines = compared([{ a: 1, b: 2, c: [1] }], [{ a: 1, b: 3, c: [1, 2], d: null }]);
    expect(lines).toEqual([
      '[0].b: real 2, sandbox 3',
      '[0].c[1]: real has none, sandbox 2',
      '[0].d: real has none, sandbox null',
    ]);
  });

  test('agree when several causes come in another order, and differ when one is missing', () => {
    const status = (...fields: string[]) => ({
      kind: 'Status',
      message: `Widget "a" is invalid: [${fields.join(', ')}]`,
      details: { causes: fields.map((field) => ({ field })) },
    });
    expect(compared([status('x', 'y')], [status('y', 'x')])).toEqual([]);
    expect(compared([status('x', 'y', 'z')], [status('x', 'y')])).not.toEqual([]);
  });

  test("differ in a field of an object's own metadata, not in the version of a list", () => {
    const list = (version: string, label: string) => ({
      kind: 'ConfigMapList',
      metadata: { resourceVersion: version },
      items: [{ metadata: { name: 'a', labels: { label } } }],
    });
    expect(compared([list('90', 'x')], [list('3', 'x')])).toEqual([]);
    expect(compared([list('90', 'x')], [list('3', 'y')])).toHaveLength(1);
  });
});
