import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { call } from './access.ts';
import type { ServerAccess } from './access.ts';

interface Definition {
  kind: string;
  metadata: { name: string; resourceVersion?: string };
  spec: { group: string; versions: { name: string; served: boolean }[] };
}

interface Installed extends Definition {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const LIMIT_MS = 60_000;

/** The CustomResourceDefinitions in a YAML file, or in all YAML files of a directory; other kinds are left out. */
export async function readCrds(path: string): Promise<Definition[]> {
  const files = (await stat(path)).isDirectory()
    ? (await readdir(path))
        .filter((name) => /\.(ya?ml|json)$/.test(name))
        .sort()
        .map((name) => join(path, name))
    : [path];
  const found: Definition[] = [];
  for (const file of files) {
    for (const document of parseAllDocuments(await readFile(file, 'utf8'))) {
      const [error] = document.errors;
      if (error !== undefined) throw new Error(`${file} is no YAML: ${error.message}`);
      const object = document.toJS() as Definition | null;
      if (object?.kind === 'CustomResourceDefinition') found.push(object);
    }
  }
  return found;
}

/**
 * Creates or replaces the definitions in these files or directories and waits until their kinds are served.
 * @throws with the server's message when one is refused or never served
 */
export async function installCrds(server: ServerAccess, paths: readonly string[]): Promise<void> {
  const definitions = (await Promise.all(paths.map(readCrds))).flat();
  await Promise.all(definitions.map((definition) => put(server, definition)));
  const deadline = performance.now() + LIMIT_MS;
  for (const definition of definitions) await served(server, definition, deadline);
}

async function put(server: ServerAccess, definition: Definition): Promise<void> {
  const { name } = definition.metadata;
  let answer = await call(server, 'POST', PATH, definition);
  if (answer.status === 409) {
    const old = (await call(server, 'GET', `${PATH}/${name}`)).body as Definition;
    const metadata = { ...definition.metadata, resourceVersion: old.metadata.resourceVersion };
    answer = await call(server, 'PUT', `${PATH}/${name}`, { ...definition, metadata });
  }
  if (answer.status >= 300) throw new Error(`${name} was refused: ${JSON.stringify(answer.body)}`);
}

async function served(server: ServerAccess, definition: Definition, deadline: number): Promise<void> {
  const { name } = definition.metadata;
  for (;;) {
    const object = (await call(server, 'GET', `${PATH}/${name}`)).body as Installed;
    const conditions = object.status?.conditions ?? [];
    const established = conditions.some((c) => c.type === 'Established' && c.status === 'True');
    if (established && (await discovered(server, definition))) return;
    if (performance.now() > deadline) {
      throw new Error(`${name} is not served after ${LIMIT_MS / 1000} s: ${JSON.stringify(conditions)}`);
    }
    await delay(50);
  }
}

/** Established comes a moment before the handler of the group serves the version. */
async function discovered(server: ServerAccess, { metadata, spec }: Definition): Promise<boolean> {
  for (const version of spec.versions.filter((v) => v.served)) {
    const answer = await call(server, 'GET', `/apis/${spec.group}/${version.name}`);
    const { resources } = answer.body as { resources?: { name: string }[] };
    if (answer.status !== 200 || resources === undefined) return false;
    if (!resources.some((r) => metadata.name === `${r.name}.${spec.group}`)) return false;
    const plural = metadata.name.slice(0, metadata.name.indexOf('.'));
    const list = await call(server, 'GET', `/apis/${spec.group}/${version.name}/${plural}?limit=1`);
    if (list.status !== 200) return false;
  }
  return true;
}
