import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  access,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Absolute paths of the programs that make a control plane. */
export interface Binaries {
  readonly etcd: string;
  readonly apiServer: string;
  /** Absent where KUBEBUILDER_ASSETS has none. */
  readonly controllerManager: string | undefined;
  readonly kubectl: string;
}

/** What is missing on this machine, and how to mend it: a message for people. */
export class MissingTools extends Error {
  override readonly name = 'MissingTools';
}

export type Log = (line: string) => void;

const SOURCE = import.meta.dirname;
const STALE_LOCK_MS = 60_000;
const CRD_SETS = {
  istio: { module: 'istio.io/api', path: 'kubernetes/customresourcedefinitions.gen.yaml' },
  'gateway-api': { module: 'sigs.k8s.io/gateway-api', path: 'config/crd/standard' },
} as const;

/** A set of CustomResourceDefinitions that a pinned Go module ships. */
export type CrdSet = keyof typeof CRD_SETS;

/** For people. */
export const toStderr: Log = (line) => {
  process.stderr.write(`${line}\n`);
};

/**
 * Finds the control plane's programs: in KUBEBUILDER_ASSETS where that is set, else in the cache (`SONGBIRD_CACHE`, or
 * `songbird` in the user's cache directory), where Go builds them first if need be.
 * @throws MissingTools when there is neither
 */
export async function findBinaries(log: Log = toStderr): Promise<Binaries> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && assets !== '') return fromAssets(assets);
  const dir = await builtOnce(
    'control-plane',
    log,
    build,
    ', or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl',
  );
  return {
    etcd: join(dir, 'server'),
    apiServer: join(dir, 'kube-apiserver'),
    controllerManager: join(dir, 'kube-controller-manager'),
    kubectl: join(dir, 'kubectl'),
  };
}

/**
 * The files that define the kinds of Istio or of the Gateway API, from the versions pinned in go.mod.
 * @throws MissingTools when they are not cached and there is no Go to fetch them with
 */
export async function findCrds(set: CrdSet, log: Log = toStderr): Promise<string[]> {
  const dir = join(await builtOnce('crds', log, copyCrds), set);
  return (await readdir(dir)).sort().map((name) => join(dir, name));
}

async function fromAssets(dir: string): Promise<Binaries> {
  const at = (name: string) => join(dir, name);
  const missing: string[] = [];
  for (const name of ['etcd', 'kube-apiserver', 'kubectl']) {
    if (!(await exists(at(name)))) missing.push(name);
  }
  if (missing.length > 0) {
    throw new MissingTools(
      `KUBEBUILDER_ASSETS names ${dir}, which has no ${missing.join(', no ')}. ` +
        'Point it at a directory with etcd, kube-apiserver and kubectl, or unset it to build them with Go.',
    );
  }
  const manager = at('kube-controller-manager');
  return {
    etcd: at('etcd'),
    apiServer: at('kube-apiserver'),
    controllerManager: (await exists(manager)) ? manager : undefined,
    kubectl: at('kubectl'),
  };
}

function cacheRoot(): string {
  const own = process.env['SONGBIRD_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = process.env['XDG_CACHE_HOME'];
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'songbird');
}

/** Fills `NAME-HASH` in the cache unless it is there; of several processes at once one does it, the others wait. */
async function builtOnce(
  name: string,
  log: Log,
  fill: (into: string, log: Log) => Promise<void>,
  instead = '',
): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(SOURCE, file)));
  const dir = join(cacheRoot(), `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (await exists(dir)) return dir;
  await requireGo(dir, instead);
  await mkdir(cacheRoot(), { recursive: true });
  const unlock = await lock(`${dir}.lock`, log);
  try {
    if (await exists(dir)) return dir;
    const partial = `${dir}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial);
    await fill(partial, log);
    await rename(partial, dir);
    return dir;
  } finally {
    await unlock();
  }
}

async function build(into: string, log: Log): Promise<void> {
  log(
    `Building kube-apiserver, kube-controller-manager, kubectl and etcd with Go into ${into}. ` +
      'This happens once for each pinned version; it takes about 6 minutes on 2 cores.',
  );
  const started = performance.now();
  await go(['build', '-ldflags=-s -w', '-o', `${into}/`, 'tool']);
  log(`Built the control plane in ${Math.round((performance.now() - started) / 1000)} s.`);
}

async function copyCrds(into: string, log: Log): Promise<void> {
  for (const [set, { module, path }] of Object.entries(CRD_SETS)) {
    log(`Fetching the CustomResourceDefinitions of ${module}.`);
    await go(['mod', 'download', module]);
    const source = join((await go(['list', '-m', '-f', '{{.Dir}}', module])).trim(), path);
    await mkdir(join(into, set));
    const inside = (await stat(source)).isDirectory() ? await readdir(source) : [''];
    for (const file of inside) {
      if (file !== '' && !/\.ya?ml$/.test(file)) continue;
      await copyFile(join(source, file), join(into, set, file === '' ? `${set}.yaml` : file));
    }
  }
}

async function requireGo(dir: string, instead: string): Promise<void> {
  try {
    await go(['version']);
  } catch (error) {
    throw new MissingTools(
      `${dir} does not exist and there is no Go to build it with (go version: ${messageOf(error)}). ` +
        `Install Go 1.21 or newer (https://go.dev/dl)${instead}.`,
    );
  }
}

function go(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, {
      cwd: SOURCE,
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`go ${args.join(' ')} ended with ${code ?? 'a signal'}:\n${err.slice(-4000)}`));
    });
  });
}

/** A directory is the lock; its owner touches it, so that a lock whose owner was killed goes stale. */
async function lock(path: string, log: Log): Promise<() => Promise<void>> {
  const owner = join(path, 'owner');
  for (let said = false; ; said = true) {
    try {
      await mkdir(path);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const touched = await stat(owner).catch(() => stat(path).catch(() => undefined));
    if (touched !== undefined && Date.now() - touched.mtimeMs > STALE_LOCK_MS) {
      log(`Taking over ${path}: its owner has not touched it for a minute.`);
      await rm(path, { recursive: true, force: true });
      continue;
    }
    if (!said) log(`Another process is filling the cache (${path}); waiting for it.`);
    await delay(500);
  }
  const touch = () => writeFile(owner, String(process.pid));
  await touch();
  const timer = setInterval(() => {
    touch().catch((error: unknown) => {
      log(`Cannot keep ${path}: ${messageOf(error)}`);
    });
  }, STALE_LOCK_MS / 4);
  return async () => {
    clearInterval(timer);
    await rm(owner, { force: true });
    await rmdir(path).catch(() => undefined);
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) {
  try {
    const binaries = await findBinaries();
    await findCrds('istio');
    process.stdout.write(`${JSON.stringify(binaries, undefined, 2)}\n`);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
