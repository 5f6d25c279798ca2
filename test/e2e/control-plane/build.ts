import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log, MissingTools, builtOnce, exists, go, messageOf, toStderr } from './go-cache.ts';

export { MissingTools, messageOf, toStderr } from './go-cache.ts';
export type { Log } from './go-cache.ts';

/** Absolute paths of the programs that make a control plane. */
export interface Binaries {
  readonly etcd: string;
  readonly apiServer: string;
  /** Absent where KUBEBUILDER_ASSETS has none. */
  readonly controllerManager: string | undefined;
  readonly kubectl: string;
}

const SOURCE = import.meta.dirname;
const CRD_SETS = {
  istio: { module: 'istio.io/api', path: 'kubernetes/customresourcedefinitions.gen.yaml' },
  'gateway-api': { module: 'sigs.k8s.io/gateway-api', path: 'config/crd/standard' },
} as const;

/** A set of CustomResourceDefinitions that a pinned Go module ships. */
export type CrdSet = keyof typeof CRD_SETS;

/**
 * Finds the control plane's programs: in KUBEBUILDER_ASSETS where that is set, else in the cache (`SONGBIRD_CACHE`, or
 * `songbird` in the user's cache directory), where Go builds them first if need be.
 * @throws MissingTools when there is neither
 */
export async function findBinaries(log: Log = toStderr): Promise<Binaries> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && assets !== '') return fromAssets(assets);
  const dir = await builtOnce({
    source: SOURCE,
    name: 'control-plane',
    log,
    instead: ', or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl',
    fill: (into) => build(into, log),
  });
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
  const dir = join(
    await builtOnce({ source: SOURCE, name: 'crds', log, fill: (into) => copyCrds(into, log) }),
    set,
  );
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

async function build(into: string, log: Log): Promise<void> {
  log(
    `Building kube-apiserver, kube-controller-manager, kubectl and etcd with Go into ${into}. ` +
      'This happens once for each pinned version; it takes about 6 minutes on 2 cores.',
  );
  const started = performance.now();
  await go(SOURCE, ['build', '-ldflags=-s -w', '-o', `${into}/`, 'tool']);
  log(`Built the control plane in ${Math.round((performance.now() - started) / 1000)} s.`);
}

async function copyCrds(into: string, log: Log): Promise<void> {
  for (const [set, { module, path }] of Object.entries(CRD_SETS)) {
    log(`Fetching the CustomResourceDefinitions of ${module}.`);
    await go(SOURCE, ['mod', 'download', module]);
    const source = join((await go(SOURCE, ['list', '-m', '-f', '{{.Dir}}', module])).trim(), path);
    await mkdir(join(into, set));
    const inside = (await stat(source)).isDirectory() ? await readdir(source) : [''];
    for (const file of inside) {
      if (file !== '' && !/\.ya?ml$/.test(file)) continue;
      await copyFile(join(source, file), join(into, set, file === '' ? `${set}.yaml` : file));
    }
  }
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
