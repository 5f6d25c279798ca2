import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configMap } from './testing.ts';
import { Store } from './store.ts';

const write = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  table: fc.constantFrom('left', 'right'),
  value: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }),
});

const rows = (store: Store, table: string) =>
  store.list(table).map((object) => `${object.metadata.name}=${JSON.stringify(object['data'])}`);

describe('the store', () => {
  it('remembers what every table was like after every write', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 40 }), (writes) => {
        const store = new Store(1000);
        const states: { revision: number; left: string[]; right: string[] }[] = [];
        for (const { name, table, value } of writes) {
          const object = value === undefined ? undefined : configMap(name, { value });
          store.write(table, `default/${name}`, object);
          states.push({ revision: store.revision, left: rows(store, 'left'), right: rows(store, 'right') });
        }
        for (const { revision, left, right } of states) {
          for (const [table, expected] of [
            ['left', left],
            ['right', right],
          ] as const) {
            const then = store.listAt(table, '', revision);
            expect(then.map(({ metadata, data }) => `${metadata.name}=${JSON.stringify(data)}`)).toEqual(
              expected,
            );
          }
        }
      }),
    );
  });

  it('replays, from any revision that it remembers, what happened since', () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 40 }), fc.nat(40), (writes, from) => {
        const store = new Store(1000);
        const heard: number[] = [];
        store.listen('left', (change) => heard.push(change.revision));
        for (const { name, table, value } of writes) {
          store.write(table, `default/${name}`, value === undefined ? undefined : configMap(name, { value }));
        }
        const since = Math.min(from, store.revision);
        const replayed = store.changesAfter('left', since).map((change) => change.revision);
        expect(replayed).toEqual(heard.filter((revision) => revision > since));
      }),
    );
  });

  it('tells all listeners of all changes in one order, though some of them write', () => {
    const store = new Store(100);
    const heard: string[] = [];
    store.listen('a', ({ revision }) => {
      if (revision < 3) store.write('a', `default/x${revision}`, configMap('x'));
    });
    store.listen('a', ({ revision, key }) => heard.push(`${revision} ${key}`));
    store.write('a', 'default/first', configMap('first'));
    expect(heard).toEqual(['1 default/first', '2 default/x1', '3 default/x2']);
  });

  it('forgets no more than it may', () => {
    const store = new Store(5);
    for (let index = 0; index < 100; index += 1) {
      store.write('a', `default/${index}`, configMap(String(index)));
      expect(store.revision - store.compacted).toBeLessThanOrEqual(10);
      expect(() => store.changesAfter('a', Math.max(0, store.revision - 5))).not.toThrow();
    }
    expect(() => store.changesAfter('a', 1)).toThrow('too old resource version: 1');
  });
});
