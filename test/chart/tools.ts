import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { findTools } from './helm/build.ts';

/** A Kubernetes object as YAML says it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly rules?: unknown;
  readonly roleRef?: unknown;
  readonly subjects?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export interface Output {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

const ROOT = join(import.meta.dirname, '../..');
export const CHART = join(ROOT, 'charts/songbird');
export const CONFIG = join(ROOT, 'config');

const run = promisify(execFile);

/** Runs Helm; a failure is told, not thrown. */
export async function helm(...args: readonly string[]): Promise<Output> {
  const tools = await findTools();
  try {
    const { stdout, stderr } = await run(tools.helm, [...args], { maxBuffer: 2 ** 26 });
    return { status: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout: string; stderr: string };
    return { status: code ?? 1, out: stdout, err: stderr };
  }
}

/** The objects that the chart renders with these values, given as `--set` takes them. @throws Error with Helm's words */
export async function rendered(...values: readonly string[]): Promise<Manifest[]> {
  const set = values.flatMap((value) => ['--set', value]);
  const { status, out, err } = await helm('template', 'songbird', CHART, '-n', 'songbird-system', ...set);
  if (status !== 0) throw new Error(err);
  return objectsIn(out);
}

/** What kustomize makes of directories of config/, and of components. */
export async function kustomized(
  directories: readonly string[],
  components: readonly string[] = [],
): Promise<Manifest[]> {
  const tools = await findTools();
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'songbird-kustomize-')));
  const from = (path: string) => relative(dir, join(CONFIG, path));
  try {
    await writeFile(
      join(dir, 'kustomization.yaml'),
      stringify({ resources: directories.map(from), components: components.map(from) }),
    );
    const { stdout } = await run(tools.kustomize, ['build', dir], { maxBuffer: 2 ** 26 });
    return objectsIn(stdout);
  } finally {
    await rm(dir, { recursive: true });
  }
}

export function objectsIn(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
}
