import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../kube/types.ts';
import { ApiError } from '../../kube/types.ts';
import { configMaps, deployments, services } from '../../kube/well-known.ts';
import { at, equal, isObject, type JsonObject, type Stored } from './object.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import { strategicPatch } from './strategic.ts';
import { configMap, deployment, failureOf, named, testCluster } from './testing.ts';

const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, true, 0, 1, 'a', 'b'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e~f'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** The merge patch that leads from one value to another. */
function difference(from: Json, to: Json): Json {
  if (!isObject(from) || !isObject(to)) return to;
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) if (!(key in to)) patch[key] = null;
  for (const [key, value] of Object.entries(to)) {
    if (!equal(from[key], value))
      patch[key] = key in from ? difference(from[key] ?? null, value ?? null) : value;
  }
  return patch;
}

// Merge patches can't set a member to null.
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [key, withoutNulls(member ?? null)]));
}

describe('merge patch', () => {
  it('leads from any object to any other by their difference, and doing it twice changes nothing', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const [from, to] = [withoutNulls(a), withoutNulls(b)];
        const patch = difference(from, to);
        const once = mergePatch(from, patch);
        expect(once).toEqual(to);
        expect(mergePatch(once, patch)).toEqual(to);
      }),
    );
  });

  it('does not change what it is given', () => {
    const target = Object.freeze({ a: Object.freeze({ b: 1, c: 2 }) });
    expect(mergePatch(target, { a: { b: null, d: 3 } })).toEqual({ a: { c: 2, d: 3 } });
  });
});

describe('JSON patch', () => {
  it.each<[string, Json, Json[], Json]>([
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['adds before an item', [1, 2], [{ op: 'add', path: '/1', value: 9 }], [1, 9, 2]],
    ['adds at the end', [1], [{ op: 'add', path: '/-', value: 2 }], [1, 2]],
    ['replaces', { a: [1, 2] }, [{ op: 'replace', path: '/a/0', value: 0 }], { a: [0, 2] }],
    [
      'removes',
      { a: [1, 2], b: 1 },
      [
        { op: 'remove', path: '/a/0' },
        { op: 'remove', path: '/b' },
      ],
      { a: [2] },
    ],
    ['moves', { a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
    ['copies', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    ['tests', { 'x/y': { '~': 1 } }, [{ op: 'test', path: '/x~1y/~0', value: 1 }], { 'x/y': { '~': 1 } }],
    ['counts from the end', [1, 2, 3], [{ op: 'remove', path: '/-1' }], [1, 2]],
    // As the real server does, against the letter of RFC 6902.
    [
      'replaces a member that is not there',
      { a: 1 },
      [{ op: 'replace', path: '/b', value: 2 }],
      { a: 1, b: 2 },
    ],
    ['copies nothing as null', { a: 1 }, [{ op: 'copy', from: '/b', path: '/c' }], { a: 1, c: null }],
    ['replaces the whole', { a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
  ])('%s', (_name, target, patch, result) => {
    expect(jsonPatch(target, patch)).toEqual(result);
  });

  it.each<[string, Json]>([
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }]],
    ['a test of what is not there', [{ op: 'test', path: '/b/c', value: 2 }]],
    ['a test for nothing in nothing', [{ op: 'test', path: '/b/c', value: null }]],
    ['a member of nothing', [{ op: 'add', path: '/b/c', value: 2 }]],
    ['replacing an item that is not there', [{ op: 'replace', path: '/list/1', value: 2 }]],
    ['removing what is not there', [{ op: 'remove', path: '/b' }]],
    ['an item beyond the end', [{ op: 'add', path: '/list/5', value: 2 }]],
    ['an index that is no number', [{ op: 'add', path: '/list/x', value: 2 }]],
    ['an index before the first', [{ op: 'remove', path: '/list/-2' }]],
    ['a path without its slash', [{ op: 'remove', path: 'a' }]],
    ['an unknown operation', [{ op: 'frobnicate', path: '/a' }]],
  ])('refuses %s with 422', (_name, patch) => {
    const act = () => jsonPatch({ a: 1, list: [1] }, patch);
    expect(act).toThrow(ApiError);
    expect(act).toThrow('the server rejected our request due to an error in our request');
  });

  it('changes all or nothing', async () => {
    const { client } = testCluster();
    await client.create(configMaps, configMap('a', { n: '1' }));
    const patch = [
      { op: 'replace', path: '/data/n', value: '2' },
      { op: 'test', path: '/data/other', value: 'x' },
    ];
    expect(await failureOf(client.patch(configMaps, named('a'), 'json', patch))).toMatchObject({ code: 422 });
    expect((await client.get<Stored>(configMaps, named('a')))['data']).toEqual({ n: '1' });
  });

  it('can guard a finalizer by testing its place', async () => {
    const { client } = testCluster();
    await client.create(configMaps, configMap('a', {}, { finalizers: ['a.b/c', 'd.e/f'] }));
    const drop = (name: string) =>
      client.patch(configMaps, named('a'), 'json', [
        { op: 'test', path: '/metadata/finalizers/1', value: name },
        { op: 'remove', path: '/metadata/finalizers/1' },
      ]);
    expect(await failureOf(drop('a.b/c'))).toMatchObject({ code: 422 });
    expect((await drop('d.e/f')).metadata.finalizers).toEqual(['a.b/c']);
  });
});

describe('strategic merge patch', () => {
  const schemaOf = async (plural: 'deployments' | 'services') => {
    const { cluster } = testCluster();
    const type = plural === 'deployments' ? deployments : services;
    return cluster.core.resources.find(type.group, type.version, type.plural)?.schema ?? {};
  };
  const images = (object: Json) =>
    Object.fromEntries(
      (at(object, 'spec', 'template', 'spec', 'containers') as { name: string; image: string }[]).map(
        ({ name, image }) => [name, image],
      ),
    );

  it('merges lists by their keys', async () => {
    const patch = {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'side', image: 'side:1' },
              { name: 'app', image: 'web:2' },
            ],
          },
        },
      },
    };
    const result = strategicPatch(deployment('web', 'web:1'), patch, await schemaOf('deployments'));
    expect(images(result)).toEqual({ app: 'web:2', side: 'side:1' });
    expect(at(result, 'spec', 'replicas')).toBe(3);
  });

  it('deletes items and orders them as it is told', async () => {
    const schema = await schemaOf('deployments');
    const containers = (list: Json[], order: string[]) => ({
      spec: {
        template: {
          spec: {
            containers: list,
            '$setElementOrder/containers': order.map((name) => ({ name })),
          },
        },
      },
    });
    const two = strategicPatch(
      deployment('web', 'web:1'),
      containers([{ name: 'side', image: 'side:1' }], ['side', 'app']),
      schema,
    );
    expect(Object.keys(images(two))).toEqual(['side', 'app']);
    const one = strategicPatch(two, containers([{ name: 'app', $patch: 'delete' }], ['side']), schema);
    expect(Object.keys(images(one))).toEqual(['side']);
  });

  it('keeps only the keys that it names, and replaces what it is told to', async () => {
    const schema = await schemaOf('deployments');
    const base = deployment('web', 'web:1', {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
    });
    const recreate = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect(at(strategicPatch(base, recreate, schema), 'spec', 'strategy')).toEqual({ type: 'Recreate' });
    const labels = { spec: { template: { metadata: { labels: { $patch: 'replace', only: 'this' } } } } };
    expect(at(strategicPatch(base, labels, schema), 'spec', 'template', 'metadata', 'labels')).toEqual({
      only: 'this',
    });
  });

  it('removes scalars from a list of them', async () => {
    const schema = await schemaOf('services');
    const base = { metadata: { name: 's', finalizers: ['a', 'b', 'c'] } };
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['d'] } };
    expect(at(strategicPatch(base, patch, schema), 'metadata', 'finalizers')).toEqual(['d', 'a', 'c']);
  });

  it('refuses an item without its key', async () => {
    const schema = await schemaOf('services');
    const act = () =>
      strategicPatch({ spec: { ports: [{ port: 80 }] } }, { spec: { ports: [{ name: 'http' }] } }, schema);
    expect(act).toThrow('does not contain declared merge key: port');
  });
});
