import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import type { CellResult } from '../measure.ts';
import { figures } from './figures.ts';
import { page } from './page.ts';

/** Writes docs/decisions.md and its images; returns the names of the files. */
export async function writeReport(results: readonly CellResult[]): Promise<string[]> {
  const images = figures(results.filter(({ cell }) => (cell.strength ?? 0) === 0));
  const docs = new URL('../../../docs/', import.meta.url);
  await mkdir(new URL('images/', docs), { recursive: true });
  const files = images.map(({ name, svg }) => ({ url: new URL(`images/${name}.svg`, docs), text: svg }));
  const url = new URL('decisions.md', docs);
  const settings = await prettier.resolveConfig(fileURLToPath(url));
  files.push({
    url,
    text: await prettier.format(page(results, images), { ...settings, parser: 'markdown' }),
  });
  for (const file of files) await writeFile(file.url, file.text);
  return files.map((file) => fileURLToPath(file.url));
}
