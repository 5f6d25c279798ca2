import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyedHeap } from './keyed-heap.ts';

it('a keyed heap agrees with a map that is searched for its smallest number', () => {
  const key = fc.nat(15).map(String);
  const action = fc.oneof(fc.tuple(key, fc.nat(50)), fc.tuple(key));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const heap = new KeyedHeap();
      const map = new Map<string, number>();
      const check = () => {
        const smallest = Math.min(...map.values());
        expect(heap.size).toBe(map.size);
        expect(heap.first?.at).toBe(map.size === 0 ? undefined : smallest);
        if (heap.first !== undefined) expect(map.get(heap.first.key)).toBe(smallest);
      };
      for (const [name, at] of actions) {
        if (at === undefined) {
          heap.delete(name);
          map.delete(name);
        } else {
          heap.set(name, at);
          map.set(name, at);
        }
        expect(heap.at(name)).toBe(at);
        check();
      }
      while (heap.first !== undefined) {
        const { key: next } = heap.first;
        heap.delete(next);
        map.delete(next);
        check();
      }
    }),
  );
});
