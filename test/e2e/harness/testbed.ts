import { cp, mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBinaries, findCrds, messageOf, toStderr } from '../control-plane/build.ts';
import type { Log } from '../control-plane/build.ts';
import type { Plane } from '../control-plane/plane.ts';
import { Processes } from '../control-plane/processes.ts';
import { startControlPlane } from '../control-plane/start.ts';
import { findEnvoy } from './envoy.ts';
import { Kube } from './kube.ts';
import { Load } from './load.ts';
import type { LoadOptions } from './load.ts';
import { Mesh } from './mesh.ts';
import { insideNetwork } from './network.ts';
import { NodeAgent } from './node-agent.ts';
import { installOperator, OperatorProcess } from './operator.ts';
import type { OperatorOptions } from './operator.ts';
import { findPrometheus, Prometheus } from './prometheus.ts';

export interface TestbedOptions {
  /** The cluster, which ends with the testbed; default: one of its own. */
  readonly plane?: Plane;
  /** Sets of CustomResourceDefinitions, or paths of files; `istio` is always there. */
  readonly crds?: readonly string[];
  readonly log?: Log;
}

/** Everything that is real around the operator: API server, mesh, node, Prometheus, clients. */
export interface Testbed {
  readonly plane: Plane;
  /** An administrator's client of the API server. */
  readonly kube: Kube;
  readonly mesh: Mesh;
  readonly node: NodeAgent;
  readonly prometheus: Prometheus;
  /** Starts clients; `url` is the gateway's. */
  load(options: Omit<LoadOptions, 'url'>): Load;
  /** An operator process with the rights that `config/` gives it, and no more; not yet started. */
  operator(options?: OperatorOptions): Promise<OperatorProcess>;
  /** Asks until it answers something else than undefined or false. @throws naming `what`, with the last error */
  eventually<T>(what: string, limitMs: number, probe: () => Promise<T | undefined | false>): Promise<T>;
  /** Copies all logs and the mesh's configuration into a directory, to be read after the end. */
  keepLogs(directory: string): Promise<void>;
  /** Ends every process and removes every file. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Installs what the tier needs and this machine lacks, from the internet: to be called before the network namespace is
 * entered, in which there is none.
 * @throws MissingTools, saying what is missing and how to mend it
 */
export async function installTools(log: Log = toStderr): Promise<void> {
  findPrometheus();
  await findEnvoy(log);
  await findBinaries(log);
  await findCrds('istio', log);
}

/**
 * Brings up everything but the operator, in about 5 s. All of it ends with this process, however that ends.
 * @throws when one part doesn't come up; the others are stopped then
 */
export async function startTestbed(options: TestbedOptions = {}): Promise<Testbed> {
  if (!insideNetwork()) throw new Error('startTestbed() needs the network namespace: see enterNetwork()');
  const log = options.log ?? toStderr;
  const dir = await mkdtemp(join(tmpdir(), 'songbird-e2e-'));
  const processes = new Processes(dir);
  const undo: (() => Promise<void>)[] = [() => processes.close()];
  let clear = () => Promise.resolve();
  let stopping: Promise<void> | undefined;
  let installed: Promise<string> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      // First of all: it needs node and operator, and they need the API server.
      await clear();
      for (const step of undo.toReversed()) {
        await step().catch((error: unknown) => {
          log(`while stopping: ${messageOf(error)}`);
        });
      }
    })());
  try {
    const plane = options.plane ?? (await startControlPlane({ controllerManager: true, log }));
    undo.push(() => plane.stop());
    clear = () => plane.clear();
    const envoy = await findEnvoy(log);
    const program = findPrometheus();
    await plane.installCrds(['istio', ...(options.crds ?? [])]);
    const kube = new Kube(plane.access);
    undo.push(() => kube.close());
    const prometheus = new Prometheus({ processes, program, kube, dir });
    undo.push(() => prometheus.close());
    const mesh = new Mesh({ kube, processes, envoy, dir, log });
    undo.push(() => mesh.stop());
    const node = new NodeAgent({
      kube,
      processes,
      envoy,
      dir,
      foreignNamespaces: plane.foreignNamespaces,
      log,
    });
    undo.push(() => node.stop());
    await Promise.all([mesh.start(), node.start(), prometheus.start()]);
    return {
      plane,
      kube,
      mesh,
      node,
      prometheus,
      load: (load) => new Load({ ...load, url: mesh.url }),
      operator: async (operator = {}) => {
        const kubeconfig = operator.kubeconfig ?? (await (installed ??= installOperator(plane, kube)));
        const process = new OperatorProcess(processes, dir, prometheus.url, { ...operator, kubeconfig });
        undo.push(() => process.stop());
        return process;
      },
      eventually,
      keepLogs: (directory) => keepLogs([dir, plane.dir], directory),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function eventually<T>(
  what: string,
  limitMs: number,
  probe: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  let last = '';
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = `: ${messageOf(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1000} s${last}`);
    await delay(50);
  }
}

async function keepLogs(from: readonly string[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const source of from) {
    const names = await readdir(source);
    for (const name of names.filter((n) => n.endsWith('.log')))
      await cp(join(source, name), join(directory, name));
    if (names.includes('gateway')) {
      // The mesh goes on meanwhile: what is about to be moved into place may be gone by the time it is copied.
      const filter = (path: string) => !path.endsWith('.new');
      await cp(join(source, 'gateway'), join(directory, 'gateway'), { recursive: true, filter });
    }
  }
}
