import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectStore } from './store.ts';
import type { KubeObject } from './types.ts';

function pod(
  name: string,
  uid: string,
  resourceVersion: string,
  app = 'web',
  namespace = 'shop',
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid, resourceVersion, labels: { app } },
  };
}
const byApp = { app: (object: KubeObject) => [object.metadata.labels?.['app'] ?? ''] };

describe('ObjectStore', () => {
  it('finds objects by key, namespace and index, as they are now', () => {
    const store = new ObjectStore(byApp);
    store.set(pod('a', '1', '1', 'web'));
    store.set(pod('b', '2', '2', 'web', 'other'));
    store.set(pod('a', '1', '3', 'db'));
    expect(store.get('shop/a')?.metadata.resourceVersion).toBe('3');
    expect(store.list('other').map((object) => object.metadata.name)).toEqual(['b']);
    expect(store.byIndex('app', 'web').map((object) => object.metadata.name)).toEqual(['b']);
    expect(store.byIndex('app', 'db').map((object) => object.metadata.name)).toEqual(['a']);
    expect(store.byIndex('app', 'nobody')).toEqual([]);
    expect(() => store.byIndex('owner', 'x')).toThrow('no index "owner"; there are app');
  });

  it('tells an update from a new object of the same name, and sees no change in the same version', () => {
    const store = new ObjectStore();
    const types = (changes: { type: string }[]) => changes.map((change) => change.type);
    expect(types(store.set(pod('a', '1', '1')))).toEqual(['added']);
    expect(types(store.set(pod('a', '1', '2')))).toEqual(['updated']);
    expect(types(store.set(pod('a', '1', '2')))).toEqual([]);
    expect(types(store.set(pod('a', '9', '3')))).toEqual(['deleted', 'added']);
    expect(types(store.delete(pod('a', '1', '4')))).toEqual([]);
    expect(types(store.delete(pod('a', '9', '4')))).toEqual(['deleted']);
    expect(types(store.delete(pod('a', '9', '4')))).toEqual([]);
  });

  it('keeps indexes that agree with its objects, and changes that lead from one state to the next', () => {
    const object = fc
      .tuple(
        fc.constantFrom('a', 'b', 'c'),
        fc.constantFrom('1', '2'),
        fc.nat(5),
        fc.constantFrom('web', 'db'),
      )
      .map(([name, uid, version, app]) => pod(name, `${name}${uid}`, `${version}${app}`, app));
    const action = fc.oneof(
      fc.record({ type: fc.constantFrom('set' as const, 'delete' as const), object }),
      fc.record({
        type: fc.constant('replace' as const),
        objects: fc.uniqueArray(object, { selector: (one) => one.metadata.name }),
      }),
    );
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const store = new ObjectStore(byApp);
        const mirror = new Map<string, KubeObject>();
        for (const step of actions) {
          const changes =
            step.type === 'replace' ? store.replace(step.objects) : store[step.type](step.object);
          for (const change of changes) {
            const before = change.type === 'added' ? undefined : change.old;
            const key = `shop/${(change.type === 'deleted' ? change.old : change.object).metadata.name}`;
            expect(mirror.get(key)).toBe(before);
            if (change.type === 'deleted') mirror.delete(key);
            else mirror.set(key, change.object);
          }
          expect(new Set(store.list())).toEqual(new Set(mirror.values()));
          expect(new Set(store.list('shop'))).toEqual(new Set(mirror.values()));
          const indexed = [...store.byIndex('app', 'web'), ...store.byIndex('app', 'db')];
          expect(new Set(indexed)).toEqual(new Set(mirror.values()));
          expect(indexed).toHaveLength(store.size);
          if (step.type === 'replace') expect(store.size).toBe(step.objects.length);
        }
      }),
    );
  });
});
