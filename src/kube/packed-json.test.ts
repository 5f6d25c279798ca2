import { expect, it } from 'vitest';
import { packJson, unpackJson } from './packed-json.ts';

it('JSON is packed, and comes back', () => {
  const value = { sentence: 'errors: 12 of 300 „Anfragen“', points: [1, 2, 3] };
  expect(unpackJson(packJson(value))).toEqual(value);
});

it.each(['', 'nothing of ours', packJson('x'.repeat(1 << 20))])(
  'what is broken or too much is not read',
  (text) => {
    expect(unpackJson(text)).toBeUndefined();
  },
);
