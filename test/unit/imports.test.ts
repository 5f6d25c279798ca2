import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** Which folders of src/ each folder may import, itself apart. ARCHITECTURE.md says why. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  api: [],
  core: ['api'],
  analysis: ['api'],
  traffic: ['api', 'core', 'analysis'],
  workloads: ['api', 'core', 'analysis'],
  telemetry: ['api', 'core', 'analysis'],
  notifications: ['api', 'core', 'analysis'],
  kube: [],
  controllers: ['api', 'core', 'analysis', 'traffic', 'workloads', 'telemetry', 'notifications', 'kube'],
  simulator: [
    'api',
    'core',
    'analysis',
    'traffic',
    'workloads',
    'telemetry',
    'notifications',
    'kube',
    'controllers',
    'sandbox',
  ],
  cli: ['api', 'core', 'analysis', 'telemetry', 'kube', 'simulator', 'dashboard'],
  dashboard: ['api', 'core', 'kube'],
  sandbox: ['api', 'kube'],
  'main.ts': ['api', 'controllers', 'dashboard', 'kube', 'telemetry'],
};

/** Packages that pure folders may use beside Node's own modules; the others may use any that package.json names. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  api: ['zod'],
  core: [],
  // Expressions of value metrics.
  analysis: ['@marcbachmann/cel-js'],
  traffic: [],
  workloads: [],
  notifications: [],
};

/** Node's modules that do no I/O. */
const PURE_NODE = new Set(['node:crypto', 'node:util']);

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly specifier: string;
  /** The folder of src/ that it leads to; undefined for a package. */
  readonly into: string | undefined;
}

async function importsOf(): Promise<Import[]> {
  const names = await readdir(SRC, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts') && !isTest(name));
  const lists = await Promise.all(
    files.map(async (name) => {
      const file = join(SRC, name);
      const text = await readFile(file, 'utf8');
      return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName: specifier }) => ({
        file: name,
        folder: folderOf(name),
        specifier,
        into: specifier.startsWith('.')
          ? folderOf(relative(SRC, resolve(dirname(file), specifier)))
          : undefined,
      }));
    }),
  );
  return lists.flat();
}

function isTest(name: string): boolean {
  return (
    name.endsWith('.test.ts') || name.endsWith('testing.ts') || /(^|\/)(testing|fixtures?)(\/|\.)/.test(name)
  );
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? path;
}

describe('imports', async () => {
  const imports = await importsOf();
  const tell = ({ file, specifier }: Import) => `${file} imports ${specifier}`;

  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(new Set(imports.map(({ folder }) => folder))).toEqual(new Set(Object.keys(ALLOWED)));
  });

  it('go only where the architecture allows', () => {
    const wrong = imports.filter(
      ({ folder, into }) => into !== undefined && into !== folder && ALLOWED[folder]?.includes(into) !== true,
    );
    expect(wrong.map(tell)).toEqual([]);
  });

  it('of pure folders are pure: no I/O of Node, no package but the one allowed', () => {
    const wrong = imports.filter(({ folder, specifier, into }) => {
      const packages = PACKAGES[folder];
      if (packages === undefined || into !== undefined) return false;
      return specifier.startsWith('node:') ? !PURE_NODE.has(specifier) : !packages.includes(specifier);
    });
    expect(wrong.map(tell)).toEqual([]);
  });

  it('of OpenTelemetry are in one file, which is loaded only where traces are wanted', async () => {
    const users = imports.filter(({ specifier }) => specifier.startsWith('@opentelemetry/'));
    const file = join('controllers', 'tracing', 'export.ts');
    expect([...new Set(users.map((one) => one.file))]).toEqual([file]);
    const loaders = imports.filter(({ specifier }) => specifier.endsWith('tracing/export.ts'));
    expect(loaders.map((one) => one.file)).toEqual(['main.ts']);
    expect(await readFile(join(SRC, 'main.ts'), 'utf8')).toContain(
      "await import('./controllers/tracing/export.ts')",
    );
  });

  it('of what runs in production are production dependencies', async () => {
    const manifest = JSON.parse(await readFile(join(SRC, '../package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const wrong = imports.filter(({ folder, specifier, into }) => {
      if (folder === 'sandbox' || into !== undefined || specifier.startsWith('node:')) return false;
      const [scope = '', name = ''] = specifier.split('/');
      return manifest.dependencies[specifier.startsWith('@') ? `${scope}/${name}` : scope] === undefined;
    });
    expect(wrong.map(tell)).toEqual([]);
  });
});
