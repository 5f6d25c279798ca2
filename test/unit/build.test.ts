import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');

function run(...words: string[]) {
  const [command = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('the built command line', () => {
  it('is one file that does what the sources do', () => {
    const built = run(process.execPath, 'scripts/build.ts');
    expect(built.stderr).toBe('');
    const file = join(ROOT, 'dist/kubectl-songbird');
    const { status, stdout } = run(process.execPath, file, 'lint', '-f', 'examples');
    expect(stdout).toMatch(/^\d+ objects: nothing is wrong\n$/);
    expect(status).toBe(0);
    expect(run(process.execPath, file).stdout).toBe(run(process.execPath, 'src/cli/main.ts').stdout);
    const nowhere = run(process.execPath, file, 'get', '--kubeconfig', '/nowhere');
    expect(nowhere.stderr).toMatch(/^the kubeconfig \/nowhere cannot be read: /);
    expect(nowhere.status).toBe(2);
  });
});

describe('the list of what the image is made of', () => {
  it('names each production dependency at its version, none of development, and is the same each time', async () => {
    const made = async (): Promise<string> => {
      const { status, stderr } = run(process.execPath, 'scripts/sbom.ts');
      expect(stderr).toBe('');
      expect(status).toBe(0);
      return readFile(join(ROOT, 'dist/sbom.cdx.json'), 'utf8');
    };
    const text = await made();
    const { metadata, components } = JSON.parse(text) as {
      metadata: { component: { name: string } };
      components: { name: string; version: string }[];
    };
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      name: string;
      dependencies: Record<string, string>;
    };
    const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
    const wanted = Object.entries(manifest.dependencies).map(([name, version]) => `${name}@${version}`);
    const tools = ['eslint', 'prettier', 'typescript', 'vitest'];

    expect(metadata.component.name).toBe(manifest.name);
    expect(wanted.filter((one) => !listed.has(one))).toEqual([]);
    expect(components.filter(({ name }) => tools.includes(name))).toEqual([]);
    expect(await made()).toBe(text);
  });
});

describe('the manifest in one file', () => {
  it('has the image that is asked for, and what config/ has', async () => {
    const image = 'registry.example.com/songbird:1.2.3';
    expect(run(process.execPath, 'scripts/build-manifest.ts', '--image', image).status).toBe(0);
    const text = await readFile(join(ROOT, 'dist/install.yaml'), 'utf8');
    const kinds = parseAllDocuments(text).map((document) => document.get('kind'));
    expect(text).toContain(`image: ${image}\n`);
    expect(kinds.slice(0, 2)).toEqual(['Namespace', 'CustomResourceDefinition']);
    expect(kinds).toContain('Deployment');
  });
});
