import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { customResourceDefinitions } from '../../src/kube/well-known.ts';
import { Cluster, startHttp, writeKubeconfig } from '../../src/sandbox/index.ts';
import { readCrds } from '../../src/sandbox/demo/manifests.ts';

const ROOT = join(import.meta.dirname, '../..');
let folder: string;
let file: string;
let built: ReturnType<typeof run>;

function run(...words: string[]) {
  const [command = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return { status, stdout, stderr };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songbird-build-'));
  file = join(folder, 'kubectl-songbird');
  built = run(process.execPath, 'scripts/build.ts', '--out', folder);
}, 120_000);

afterAll(() => rm(folder, { recursive: true }));

describe('the built command line', () => {
  it('is one file that does what the sources do', () => {
    expect(built.stderr).toBe('');
    const { status, stdout } = run(process.execPath, file, 'lint', '-f', 'examples');
    expect(stdout).toMatch(/^\d+ objects: nothing is wrong\n$/);
    expect(status).toBe(0);
    expect(run(process.execPath, file).stdout).toBe(run(process.execPath, 'src/cli/main.ts').stdout);
    const nowhere = run(process.execPath, file, 'get', '--kubeconfig', '/nowhere');
    expect(nowhere.stderr).toMatch(/^the kubeconfig \/nowhere cannot be read: /);
    expect(nowhere.status).toBe(2);
  });

  it('serves the dashboard, all of its page included, where there is no source tree', async () => {
    const cluster = new Cluster({ seed: 1 });
    const client = cluster.client({ user: 'admin' });
    for (const crd of await readCrds()) await client.create(customResourceDefinitions, crd);
    const api = await startHttp(cluster);
    const kubeconfig = join(folder, 'kubeconfig');
    await writeKubeconfig(kubeconfig, api.url);
    const dashboard = spawn(process.execPath, [file, 'dashboard'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const complaints: string[] = [];
    createInterface({ input: dashboard.stderr }).on('line', (line) => complaints.push(line));
    const ended = once(dashboard, 'exit');
    try {
      const [line] = (await once(createInterface({ input: dashboard.stdout }), 'line')) as [string];
      const url = /^http:\S+/.exec(line)?.[0] ?? '';
      const page = await fetch(url);
      const html = await page.text();
      const files = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
      const main = await (await fetch(new URL('/assets/main.ts', url))).text();
      const modules = [...main.matchAll(/from '\.\/([^']+)'/g)].map(([, name = '']) => `/assets/${name}`);
      const answers = await Promise.all([...files, ...modules].map((path) => fetch(new URL(path, url))));

      expect(page.headers.get('content-type')).toContain('text/html');
      expect(files).toHaveLength(3);
      expect(modules.length).toBeGreaterThan(3);
      expect(
        answers.map(({ status, url: at }) => `${status} ${at}`).filter((one) => !one.startsWith('200')),
      ).toEqual([]);
      expect(main).not.toMatch(/satisfies|interface /);
      const session = await fetch(new URL('/api/session', url));
      expect(await session.json()).toEqual({ name: 'your kubeconfig', canLeave: false });
    } finally {
      dashboard.kill('SIGINT');
      await ended;
      await api.close();
      cluster.stop();
    }
    expect(complaints).toEqual([]);
    expect(dashboard.exitCode).toBe(0);
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
