import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf } from './lines.ts';

async function* chunksOf(bytes: Uint8Array, cuts: number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const line of lines) seen.push(line);
  return seen;
}

describe('linesOf', () => {
  it('gives the same lines however the bytes are cut, multi-byte characters too', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/^\s|\s$|\n/.test(text));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, randoms) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const cuts = randoms.map((random) => random % (bytes.length + 1)).sort((a, b) => a - b);
        const seen = await all(linesOf(chunksOf(bytes, cuts)));
        expect(seen).toEqual(lines.filter((text) => text !== ''));
      }),
    );
  });

  it('carries a line of many megabytes', async () => {
    const bytes = Buffer.from(`${'ü'.repeat(3_000_000)}\nnext\n`);
    const cuts = Array.from({ length: 90 }, (_, index) => (index + 1) * 65_537);
    const lines = await all(linesOf(chunksOf(bytes, cuts)));
    expect(lines.map((text) => text.length)).toEqual([3_000_000, 4]);
  });

  it('drops a line that was cut off, and carriage returns', async () => {
    const bytes = Buffer.from('{"a":1}\r\n\r\n{"b":');
    expect(await all(linesOf(chunksOf(bytes, [])))).toEqual(['{"a":1}']);
  });
});
