import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WeightedChoice } from './weights.ts';

function choose(choice: WeightedChoice, times: number): number[] {
  return Array.from({ length: times }, () => choice.next() ?? -1);
}

test('every run of as many requests as the weights sum to holds each target exactly by its weight', () => {
  const weights = fc
    .array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 })
    .filter((list) => list.some((weight) => weight > 0));
  fc.assert(
    fc.property(weights, fc.nat(300), (list, skipped) => {
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const choice = new WeightedChoice(list);
      choose(choice, skipped);
      const chosen = choose(choice, total);
      expect(list.map((_, target) => chosen.filter((one) => one === target).length)).toEqual(list);
    }),
  );
});

test('a share of 5% is spread: at no time is it more than one request off', () => {
  const choice = new WeightedChoice([95, 5]);
  let second = 0;
  for (const [index, target] of choose(choice, 1000).entries()) {
    second += target;
    expect(Math.abs(second - (index + 1) * 0.05)).toBeLessThanOrEqual(1);
  }
});

test('a target of weight 0 is never chosen, and all 0 chooses nothing', () => {
  expect(new Set(choose(new WeightedChoice([0, 100, 0]), 200))).toEqual(new Set([1]));
  expect(new WeightedChoice([0, 0]).next()).toBeUndefined();
  expect(new WeightedChoice([]).next()).toBeUndefined();
});
