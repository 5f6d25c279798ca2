import { Optional } from '@marcbachmann/cel-js';
import { compareValues, fault, itemsOf, sameValue, type Functions } from './functions.ts';

type List = Iterable<unknown>;

function extreme(name: 'min' | 'max', list: List): unknown {
  const [first, ...rest] = itemsOf(list);
  if (first === undefined) throw fault(`${name} called on empty list`);
  const better = (a: unknown, b: unknown) =>
    name === 'min' ? compareValues(b, a) < 0 : compareValues(b, a) > 0;
  return rest.reduce((best, item) => (better(best, item) ? item : best), first);
}

function distinct(list: List): unknown[] {
  return itemsOf(list).reduce<unknown[]>(
    (kept, item) => (kept.some((known) => sameValue(known, item)) ? kept : [...kept, item]),
    [],
  );
}

function flatten(list: List, depth: bigint): unknown[] {
  if (depth < 0n) throw fault('level must be non-negative');
  return itemsOf(list).flat(Number(depth));
}

function slice(list: List, start: bigint, end: bigint): unknown[] {
  const items = itemsOf(list);
  const size = BigInt(items.length);
  if (start < 0n || end < 0n) throw fault(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end)
    throw fault(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (end > size) throw fault(`cannot slice(${start}, ${end}), list is length ${size}`);
  return items.slice(Number(start), Number(end));
}

function has(list: List, item: unknown): boolean {
  return itemsOf(list).some((known) => sameValue(known, item));
}

function containsAll(list: List, sublist: List): boolean {
  return itemsOf(sublist).every((item) => has(list, item));
}

export const lists: Functions = {
  'list<T>.isSorted(): bool': (list: List) =>
    itemsOf(list).every((item, index, all) => index === 0 || compareValues(all[index - 1], item) <= 0),
  'list<int>.sum(): int': (list: Iterable<bigint>) => [...list].reduce((sum, item) => sum + item, 0n),
  'list<double>.sum(): double': (list: Iterable<number>) => [...list].reduce((sum, item) => sum + item, 0),
  'list<T>.min(): T': (list: List) => extreme('min', list),
  'list<T>.max(): T': (list: List) => extreme('max', list),
  'list<T>.indexOfPart(T): int': (list: List, item: unknown) =>
    BigInt(itemsOf(list).findIndex((known) => sameValue(known, item))),
  'list<T>.lastIndexOfPart(T): int': (list: List, item: unknown) =>
    BigInt(itemsOf(list).findLastIndex((known) => sameValue(known, item))),
  'list<T>.first(): optional<T>': (list: List) => Optional.of(itemsOf(list)[0]),
  'list<T>.last(): optional<T>': (list: List) => Optional.of(itemsOf(list).at(-1)),
  'list<T>.distinct(): list<T>': distinct,
  'list.flatten(): list': (list: List) => flatten(list, 1n),
  'list.flatten(int): list': flatten,
  'list<T>.reverse(): list<T>': (list: List) => itemsOf(list).reverse(),
  'list<T>.slice(int, int): list<T>': slice,
  'list<T>.sort(): list<T>': (list: List) => itemsOf(list).sort(compareValues),
  'Namespace.lists.range(int): list<int>': (_: unknown, count: bigint) =>
    Array.from({ length: Math.max(Number(count), 0) }, (__, index) => BigInt(index)),
  'Namespace.sets.contains(list<T>, list<T>): bool': (_: unknown, list: List, sublist: List) =>
    containsAll(list, sublist),
  'Namespace.sets.equivalent(list<T>, list<T>): bool': (_: unknown, a: List, b: List) =>
    containsAll(a, b) && containsAll(b, a),
  'Namespace.sets.intersects(list<T>, list<T>): bool': (_: unknown, a: List, b: List) =>
    itemsOf(a).some((item) => has(b, item)),
};
