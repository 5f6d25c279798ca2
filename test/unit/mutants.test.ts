import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../mutants/catalogue/index.ts';
import { mutated, sourceOf } from '../mutants/mutant.ts';

describe('a mutant', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s fits the present source',
    async (_, mutant) => {
      const text = await sourceOf(mutant);
      expect(mutated(mutant, text)).not.toBe(text);
    },
  );
});
