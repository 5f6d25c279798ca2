import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { songbird } from './shell.testing.ts';

const ROOT = join(import.meta.dirname, '../..');
const INVALID = join(ROOT, 'test/fixtures/invalid');

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songbird-lint-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

const lint = (...paths: string[]) => songbird({}, 'lint', ...paths.flatMap((path) => ['-f', path]));

describe('lint', () => {
  it('refuses each manifest that admission refuses, in the same sentence', async () => {
    for (const name of await readdir(INVALID)) {
      const path = join(INVALID, name);
      const sentence = /^# sentence: (.*)$/m.exec(await readFile(path, 'utf8'))?.[1] ?? '';
      const { status, out } = await lint(path);
      expect(out, name).toContain(sentence);
      expect(status, name).toBe(1);
    }
  });

  it('accepts all that is in examples/ and in the docs', async () => {
    const blocks = await Promise.all(
      (await readdir(join(ROOT, 'docs'), { recursive: true }))
        .filter((name) => name.endsWith('.md'))
        .map(async (name) => {
          const text = await readFile(join(ROOT, 'docs', name), 'utf8');
          return [...text.matchAll(/```yaml\n(apiVersion: songbird.dev[\s\S]*?)```/g)].map(
            ([, block = '']) => block,
          );
        }),
    );
    const docs = await file('docs.yaml', blocks.flat().join('\n---\n'));
    const { status, out } = await lint(
      join(ROOT, 'examples'),
      join(ROOT, 'README.md').replace('README.md', 'test/fixtures/valid'),
      docs,
    );
    expect(out).toMatch(/^\d+ objects: nothing is wrong$/);
    expect(status).toBe(0);
  });

  it('tells in which line of which file, and what may be meant', async () => {
    const example = await readFile(join(ROOT, 'examples/reviews.yaml'), 'utf8');
    const path = await file('typo.yaml', `kind: Other\n---\n${example.replace('  replicas:', '  replica:')}`);
    const { status, out } = await lint(path);
    expect(status).toBe(1);
    const line =
      (await readFile(path, 'utf8')).split('\n').findIndex((one) => one.includes('  replica:')) + 1;
    expect(out).toBe(
      `${path}:${line}: CanaryRelease bookinfo/reviews: spec.replica: there is no such field; did you mean replicas?`,
    );
  });

  it('knows the templates among the files, and whether they get their arguments', async () => {
    const template = `apiVersion: songbird.dev/v1alpha1
kind: ClusterAnalysisTemplate
metadata: { name: shops }
spec:
  args: [{ name: shop }]
  metrics:
    - name: orders
      prometheus: { query: 'orders{shop="{{ args.shop }}"}' }
      min: 1
`;
    const example = await readFile(join(ROOT, 'examples/reviews.yaml'), 'utf8');
    const release = example.replace(
      '  analysis:\n',
      '  analysis:\n    templates: [{ kind: ClusterAnalysisTemplate, name: shops }]\n',
    );
    const alone = await lint(await file('release.yaml', release));
    expect(alone.status).toBe(0);
    const both = await lint(await file('both.yaml', `${release}\n---\n${template}`));
    expect(both.out).toContain('args.shop is missing, and ClusterAnalysisTemplate shops needs it');
  });

  it('says what is no YAML, which kind there is not, and that there is nothing to check', async () => {
    expect((await lint(await file('bad.yaml', 'a: [1\nb: 2'))).out).toMatch(/bad.yaml:\d+: YAML: /);
    const beta = 'apiVersion: songbird.dev/v1beta1\nkind: CanaryRelease\nmetadata: { name: a }\n';
    expect((await lint(await file('beta.yaml', beta))).out).toContain(
      'songbird.dev/v1beta1 has no kind CanaryRelease',
    );
    expect(await lint(await file('other.yaml', 'kind: Pod'))).toMatchObject({
      status: 0,
      out: 'nothing of Songbird is in there',
    });
    expect(await lint('/nowhere')).toMatchObject({ status: 2 });
    expect(await songbird({}, 'lint')).toMatchObject({ status: 2 });
    const json = await songbird(
      {},
      'lint',
      '-f',
      await file('list.yaml', `kind: List\nitems: [{ ${beta.trim().replaceAll('\n', ', ')} }]`),
      '-o',
      'json',
    );
    expect(JSON.parse(json.out)).toMatchObject([{ line: 2, object: 'CanaryRelease a' }]);
  });
});
