import { describe, expect, it } from 'vitest';
import { parseJsonPath, partAt } from './json-path.ts';

const answer = { data: { 'a b': 1, items: [{ value: 5 }, { value: 7 }] }, n: null };

describe('a path', () => {
  it.each([
    ['$', answer],
    ['', answer],
    ['{$.data.items[0].value}', 5],
    ['{.data.items[-1].value}', 7],
    ["$.data['a b']", 1],
    ['$["data"]["a b"]', 1],
    ['$.n', null],
    ['$.data.items[5].value', undefined],
    ['$.data.items.value', undefined],
    ['$.data[0]', undefined],
    ['$.constructor', undefined],
  ])('%s leads to a part', (path, part) => {
    expect(partAt(answer, parseJsonPath(path))).toEqual(part);
  });

  it.each(['data', '$..items', '$.items[*]', '$.items[?(@.a)]', '$.items[', '$.a b', '$.a-'.concat('.')])(
    '%s is refused',
    (path) => {
      expect(() => parseJsonPath(path)).toThrow('is no path');
    },
  );
});
