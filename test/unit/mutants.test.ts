import { describe, expect, it } from 'vitest';
import { UsageError, optionsOf } from '../mutants/arguments.ts';
import { MUTANTS, QUICKEST } from '../mutants/catalogue/index.ts';
import { hunt } from '../mutants/hunt.ts';
import { type Mutant, mutated, sourceOf } from '../mutants/mutant.ts';
import { pageOf } from '../mutants/page.ts';
import { play } from '../mutants/play.ts';

const BAD: Mutant = {
  name: 'bad',
  sentence: 'Stable’s weight is one too low.',
  file: 'core/effects.ts',
  find: '{ [stable]: 100 - share, [candidate]: share };',
  replace: '{ [stable]: 99 - share, [candidate]: share };',
};

describe('the catalogue of mutants', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s fits the present source',
    async (_, mutant) => {
      const text = await sourceOf(mutant);
      expect(mutated(mutant, text)).not.toBe(text);
    },
  );

  it('has a name in kebab-case and a sentence for each', () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, sentence } of MUTANTS) {
      expect(name).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
      expect(sentence).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('knows the quick ones among them', () => {
    const names = new Set(MUTANTS.map(({ name }) => name));
    expect(QUICKEST.length).toBeGreaterThanOrEqual(10);
    expect(QUICKEST.filter((name) => !names.has(name))).toEqual([]);
    expect(new Set(QUICKEST).size).toBe(QUICKEST.length);
  });
});

describe('the page', () => {
  it('has a row for each bug, and says which was not caught', () => {
    const peer = 'Somebody #1: a | b';
    const result = { caught: true, invariant: 'quiet', seeds: 7, seconds: 1, sentence: '' };
    const mutants = [BAD, { ...BAD, name: 'worse', peer }];
    const page = pageOf(mutants, [
      { ...result, mutant: 'bad' },
      { ...result, mutant: 'worse', caught: false, invariant: null, seeds: 2000 },
    ]);
    expect(page).toContain('Of 2 bugs, 1 are caught; 1 are bugs that Flagger');
    expect(page).toContain(`| ${BAD.sentence} |  | \`quiet\` | 7 |`);
    expect(page).toContain(String.raw`| Somebody #1: a \| b | **not caught** | 2000 |`);
  });
});

describe('a mutant is refused', () => {
  it.each<[string, Partial<Mutant>, string]>([
    ['whose text is nowhere', { find: 'nowhere' }, 'mutant bad: the text that it replaces is 0 times'],
    ['whose text is there twice', { find: 'return undefined;' }, 'mutant bad: the text that it replaces is'],
    ['that changes nothing', { replace: BAD.find }, 'mutant bad: changes nothing'],
  ])('%s', async (_, change, sentence) => {
    const text = await sourceOf(BAD);
    expect(() => mutated({ ...BAD, ...change }, text)).toThrow(sentence);
  });
});

describe('a thread', () => {
  it('plays with the bug that was planted, and the same life goes well without it', async () => {
    const caught = await play({ mutant: BAD, first: 1, seeds: 3, life: undefined });
    expect(caught).toMatchObject({ kind: 'caught', seeds: 1, invariant: 'weights-sum' });
    if (caught.kind !== 'caught') return;
    const { life } = caught;
    expect(await play({ mutant: undefined, first: 1, seeds: 1, life })).toEqual({ kind: 'none', seeds: 1 });
  });

  it('plays the code as it is where no bug is planted', async () => {
    expect(await play({ mutant: undefined, first: 1, seeds: 1, life: undefined })).toEqual({
      kind: 'none',
      seeds: 1,
    });
  });

  it('that cannot play on catches nothing', async () => {
    const broken = { ...BAD, replace: 'no text of a program' };
    const result = await hunt(broken, 1);
    expect(result).toMatchObject({ mutant: 'bad', caught: false, invariant: null });
    expect(result.sentence).toContain('seed 1: ');
  });
});

describe('the arguments', () => {
  it('choose all, some or single ones', () => {
    expect(optionsOf([])?.mutants).toBe(MUTANTS);
    expect(optionsOf([])).toMatchObject({ seeds: 2000, json: false });
    expect(optionsOf(['--some', '2'])?.mutants.map(({ name }) => name)).toEqual(QUICKEST.slice(0, 2));
    const [one, other] = ['pause-ignored', 'nan-as-zero'];
    const { mutants = [] } = optionsOf(['--only', one, '--only', other]) ?? {};
    expect(mutants.map(({ name }) => name)).toEqual([one, other]);
    expect(optionsOf(['--help'])).toBeUndefined();
  });

  it.each([
    [['--seeds', '0'], '--seeds must be a whole number above 0, not "0"'],
    [['--workers', 'two'], '--workers must be a whole number above 0, not "two"'],
    [['--only', 'nobody'], '--only: there is no nobody'],
    [['--some', '1000'], '--some: at most'],
    [['--some', '1', '--only', 'pause-ignored'], 'give one of them'],
    [['--bogus'], '--bogus'],
  ])('%j are refused with a sentence', (args, sentence) => {
    expect(() => optionsOf(args)).toThrow(UsageError);
    expect(() => optionsOf(args)).toThrow(sentence);
  });
});
