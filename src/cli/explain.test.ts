import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { songbird } from './shell.testing.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/reviews.yaml');

describe('explain', () => {
  it('writes out the steps with their pods and times, and all that is not in the manifest', async () => {
    const { status, out } = await songbird({}, 'explain', '-f', EXAMPLE);
    expect(status).toBe(0);
    expect(out).toMatch(/2 +40% +60% +2 +5m +2m/);
    expect(out).toMatch(/4 +100% +0% +3 +until it passes +12m/);
    expect(out).toContain('more than 1% of\n  requests take longer than 500ms');
    const yaml = await songbird({}, 'explain', '-f', EXAMPLE, '-o', 'yaml');
    expect(yaml.out).toContain('falseRollbacks: 1%');
  });

  it('keeps within the terminal, and refuses what cannot work', async () => {
    const narrow = await songbird({ columns: 50 }, 'explain', '-f', EXAMPLE);
    expect(narrow.out.split('\n').every((line) => line.length <= 60)).toBe(true);
    expect(await songbird({}, 'explain')).toMatchObject({ status: 2 });
    const text = await readFile(EXAMPLE, 'utf8');
    expect(text).toContain('weight: 40');
  });
});
