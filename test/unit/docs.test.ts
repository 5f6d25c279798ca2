import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { pagePaths, slugOf, targetOf } from '../../scripts/site-pages.ts';
import { CATALOGUE } from '../../src/api/errors.ts';
import { PHASES } from '../../src/api/status.ts';
import { songbird } from '../../src/cli/shell.testing.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFile(join(ROOT, path), 'utf8');
const pages = new Map(
  await Promise.all(pagePaths().map(async (path): Promise<[string, string]> => [path, await read(path)])),
);
const API_VERSION = 'songbird.dev/v1alpha1';
const shown = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`]*`/g, '``');

function anchorsIn(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.*)$/gm);
  return new Set([...headings].map(([, heading = '']) => slugOf(heading)));
}

/** Where the links and pictures of a page lead. */
function linksIn(text: string): string[] {
  return [...shown(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, href = '']) => href);
}

describe('links between pages', () => {
  it('are found at all', () => {
    expect(pages.size).toBeGreaterThan(30);
    expect([...pages.values()].flatMap(linksIn).length).toBeGreaterThan(100);
  });

  it.each([...pages])('of %s lead to files and headings that there are', async (page, text) => {
    const dead: string[] = [];
    for (const href of linksIn(text)) {
      if (/^[a-z]+:/.test(href)) continue;
      const [path = '', anchor] = href.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
      const exists = await stat(join(ROOT, target)).catch(() => undefined);
      const headed =
        anchor === undefined || (target.endsWith('.md') && anchorsIn(await read(target)).has(anchor));
      if (exists === undefined || !headed) dead.push(href);
    }
    expect(dead).toEqual([]);
  });

  it('lead from the README to every page of docs/', async () => {
    const reached = new Set<string>(['README.md']);
    for (const page of reached) {
      for (const href of linksIn(pages.get(page) ?? '')) {
        const target = normalize(join(dirname(page), href.split('#')[0] ?? '')).replace(/\/$/, '');
        for (const path of [target, join(target, 'README.md')]) if (pages.has(path)) reached.add(path);
      }
    }
    expect([...pages.keys()].filter((page) => !reached.has(page))).toEqual([]);
  });

  it('lead on the site to pages, and for the rest to the repository or nowhere', () => {
    const web = 'https://example.com/songbird';
    expect(targetOf('docs/faq.md', 'install.md#upgrade', '')).toBe('./install.md#upgrade');
    expect(targetOf('docs/faq.md', '../README.md', '')).toBe('../index.md');
    expect(targetOf('README.md', 'docs/adr/', '')).toBe('./docs/adr/index.md');
    expect(targetOf('docs/faq.md', '../examples/reviews.yaml', web)).toBe(`${web}/examples/reviews.yaml`);
    expect(targetOf('docs/faq.md', '../examples/reviews.yaml', '')).toBeUndefined();
    expect(targetOf('docs/faq.md', 'https://istio.io', '')).toBe('https://istio.io');
    expect(targetOf('docs/faq.md', '#upgrade', '')).toBe('#upgrade');
  });
});

/** Blocks of YAML as a reader would apply them: whole objects, or a part of the spec of a release. */
function manifestsIn(text: string): Record<string, unknown>[] {
  const blocks = [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  return blocks.flatMap((block) =>
    parseAllDocuments(block).map((document) => {
      for (const error of document.errors) throw error;
      return document.toJS() as Record<string, unknown>;
    }),
  );
}

function merged(base: unknown, change: unknown): unknown {
  if (!isObject(base) || !isObject(change)) return change;
  const keys = new Set([...Object.keys(base), ...Object.keys(change)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, key in change ? merged(base[key], change[key]) : base[key]]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

describe('manifests in the docs', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'songbird-docs-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  const withYaml = [...pages].filter(([, text]) => text.includes('```yaml'));

  it.each(withYaml)(
    'of %s are what lint accepts, parts of a spec put into the example',
    async (page, text) => {
      const example = parse(await read('examples/reviews.yaml')) as Record<string, unknown>;
      const found = manifestsIn(text);
      const objects = found.flatMap((object) => {
        if (object['kind'] !== undefined) return [object];
        return isObject(object['spec']) ? [merged(example, object)] : [];
      });
      const file = join(dir, `${page.replaceAll('/', '-')}.yaml`);
      await writeFile(file, objects.map((object) => stringify(object)).join('---\n'));
      const { status, out } = await songbird({}, 'lint', '-f', file);
      expect(out).toMatch(/nothing is wrong$|^nothing of Songbird is in there$/);
      expect(status).toBe(0);
    },
  );

  it('are many', () => {
    const ours = withYaml
      .flatMap(([, text]) => manifestsIn(text))
      .filter(
        (one) => isObject(one['spec']) && [undefined, API_VERSION].includes(one['apiVersion'] as string),
      );
    expect(ours.length).toBeGreaterThan(15);
  });
});

describe('what the docs say is complete', () => {
  it('each reason has a heading, to be linked to, and what to do', async () => {
    const text = await read('docs/reference/errors.md');
    for (const reason of Object.keys(CATALOGUE)) {
      const section = text.split(`### ${reason}\n`)[1]?.split('\n### ')[0];
      expect(section, reason).toMatch(/\*\*What to do:\*\* \S/);
    }
  });

  it('each phase and condition is explained', async () => {
    const text = await read('docs/conditions.md');
    for (const word of [...PHASES, 'Ready', 'Reconciling', 'Stalled']) expect(text).toContain(`\`${word}\``);
    const named = [...text.matchAll(/`([A-Z][A-Za-z]+)`/g)].map(([, word = '']) => word);
    const known = new Set<string>([
      ...Object.keys(CATALOGUE),
      ...PHASES,
      ...['Ready', 'Reconciling', 'Stalled', 'True', 'False', 'Unknown', 'Normal', 'Warning'],
      ...['Pass', 'Fail', 'Inconclusive'],
    ]);
    expect(named.filter((word) => !known.has(word))).toEqual([]);
  });
});
