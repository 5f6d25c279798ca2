import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedFiles } from '../../scripts/generated-files.ts';

const root = join(import.meta.dirname, '../..');

describe('the files made from src/api', () => {
  it.each([...generatedFiles()])('%s is up to date', async (path, text) => {
    const committed = await readFile(join(root, path), 'utf8').catch(() => '');
    expect(committed === text, `${path} is stale: run npm run generate, and commit what it writes`).toBe(
      true,
    );
  });

  it('leave nothing behind of kinds that are gone', async () => {
    const wanted = [...generatedFiles().keys()].filter((path) => path.startsWith('crds/'));
    const found = (await readdir(join(root, 'crds'))).filter((name) => name.includes('songbird.dev'));
    expect(found.map((name) => `crds/${name}`).sort()).toEqual(wanted.sort());
  });
});
