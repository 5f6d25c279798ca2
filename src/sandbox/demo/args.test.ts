import { expect, test } from 'vitest';
import { HELP, parseArgs } from './args.ts';

test('without arguments it shows the view and ends', () => {
  expect(parseArgs([])).toEqual({ keep: false, json: false, help: false });
});

test('options combine in any order', () => {
  expect(parseArgs(['--json', '--keep'])).toEqual({ keep: true, json: true, help: false });
  expect(parseArgs(['-h'])).toMatchObject({ help: true });
});

test.each([['--jsn'], ['--keep=yes'], ['now']])(
  '%s is refused with the options that there are',
  (argument) => {
    expect(() => parseArgs([argument])).toThrow(/The options are --keep, --json and --help\.$/);
  },
);

test('the help names every option and fits a terminal of 100 columns', () => {
  for (const option of ['--keep', '--json', '--help']) expect(HELP).toContain(option);
  expect(Math.max(...HELP.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
});
