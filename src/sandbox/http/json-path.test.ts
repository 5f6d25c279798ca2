import { describe, expect, it } from 'vitest';
import { findByJsonPath } from './json-path.ts';

const object = {
  spec: { steps: [{ weight: 5 }, { weight: 100 }], 'dotted.key': 'x' },
  metadata: { annotations: { 'a.b/c': 'note' } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Stalled', status: 'False' },
    ],
    on: false,
  },
};

describe('JSONPath of printer columns', () => {
  it.each([
    ['.spec.steps[0].weight', [5]],
    ['.spec.steps[*].weight', [5, 100]],
    ['.spec.steps[9].weight', []],
    [".metadata.annotations['a.b/c']", ['note']],
    ['.metadata.annotations["a.b/c"]', ['note']],
    ['.spec.dotted\\.key', ['x']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type!='Ready')].type", ['Stalled']],
    ['{.status.on}', [false]],
    ['$.status.on', [false]],
    ['.status.missing.deep', []],
    ['.spec.steps[', []],
  ])('%s', (path, found) => {
    expect(findByJsonPath(object, path)).toEqual(found);
  });
});
