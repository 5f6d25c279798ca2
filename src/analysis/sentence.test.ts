import { describe, expect, it } from 'vitest';
import type { RatioEstimate } from './estimate.ts';
import { emptyEvidence } from './evidence.ts';
import { failSentence, passSentence } from './sentence.ts';
import { defaultSettings } from './settings.ts';
import { weigh } from './weigh.ts';

const counts = { all: 10_000, bad: 100 };
const told = {
  ...emptyEvidence(),
  candidate: counts,
  stable: counts,
  compared: counts,
  here: false,
  seconds: 60,
};

function passed(atLeast: number, atMost?: number): string {
  const estimate: RatioEstimate = { ratio: undefined, atLeast, atMost };
  return passSentence('errors', told, estimate).replace(/^.* on stable/, '');
}

describe('how many times as often', () => {
  it('has words for one', () => {
    expect(passed(0.996, 1.04)).toBe('; about as often');
    expect(passed(1.97, 2.04)).toBe('; about 2 times as often');
    expect(passed(1.04)).toBe('; at least as often');
    expect(passed(0, 0.97)).toBe('; at most 0.97 times as often');
    expect(passed(0, 1.04)).toBe('; at most as often');
  });

  it('gives the bounds where they differ', () => {
    expect(passed(0.79, 1.3)).toBe('; between 0.79 and 1.3 times as often');
    expect(passed(3)).toBe('; at least 3 times as often');
    expect(passed(0)).toBe('');
  });

  it('is not told of a version that fails by its limit', () => {
    const weighed = weigh(emptyEvidence(), defaultSettings('errors'));
    const sentence = failSentence('errors', told, weighed, { ratio: 1.1, atLeast: 0.8, atMost: 1.2 }, 0.005);
    expect(sentence).toContain('on stable; over the limit of 0.5%; ');
  });
});
