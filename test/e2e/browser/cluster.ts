import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../../src/sandbox/demo/node-process.ts';
import { call } from '../control-plane/access.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/start.ts';
import { Processes } from '../control-plane/processes.ts';
import { answers } from './http.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CONFIG = join(ROOT, 'config');

/** A real API server with the operator, its dashboard on, as config/dashboard installs it. */
export interface DashboardCluster {
  /** Of the dashboard. */
  readonly url: string;
  /** Runs kubectl as an administrator. @throws Error with what it complains of */
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** Applies manifests as an administrator. */
  readonly apply: (...objects: readonly object[]) => Promise<void>;
  /** A token of a ServiceAccount, as `kubectl create token` makes it. */
  readonly tokenOf: (namespace: string, account: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

export async function startCluster(): Promise<DashboardCluster> {
  const endings: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const ending of endings.reverse()) await ending();
  };
  try {
    const plane = await startControlPlane({ controllerManager: true, crds: ['istio'] });
    endings.push(() => plane.stop());
    const folder = await mkdtemp(join(tmpdir(), 'songbird-browser-'));
    endings.push(() => rm(folder, { recursive: true, force: true }));
    const kubectl = async (...args: readonly string[]) => {
      const all = [`--kubeconfig=${plane.kubeconfig}`, ...args];
      return (await promisify(execFile)(plane.binaries.kubectl, all)).stdout;
    };
    await install(folder, kubectl);
    const port = await freePort();
    const processes = new Processes(await mkdtemp(join(tmpdir(), 'songbird-operator-')));
    endings.push(() => processes.close());
    await processes.start('operator', 'env', [
      `KUBECONFIG=${await plane.kubeconfigAs('songbird-system', 'songbird')}`,
      process.execPath,
      join(ROOT, 'src/main.ts'),
      '--metrics-address=127.0.0.1:0',
      '--health-address=127.0.0.1:0',
      `--dashboard=127.0.0.1:${port}`,
    ]);
    const url = `http://127.0.0.1:${port}/`;
    await answers(url);
    const stopped = new AbortController();
    const pods = keepPodsReady(plane, stopped.signal);
    endings.push(async () => {
      stopped.abort();
      await pods;
    });
    return {
      url,
      kubectl,
      apply: async (...objects) => {
        const file = join(folder, 'objects.json');
        await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
        await kubectl('apply', '--server-side', '-f', file);
      },
      tokenOf: async (namespace, account) => (await plane.accessAs(namespace, account)).token ?? '',
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Kubectl = (...args: readonly string[]) => Promise<string>;

/** As a user does it: the configuration with the component. The operator itself then runs as a process of the test. */
async function install(folder: string, kubectl: Kubectl): Promise<void> {
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(folder, CONFIG)],
    components: [relative(folder, join(CONFIG, 'dashboard'))],
  };
  await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  await kubectl('apply', '--server-side', '-k', folder);
  const named = ['-n', 'songbird-system', '-o', 'json'];
  const deployment = await kubectl('get', 'deployment', 'songbird', ...named);
  if (!deployment.includes('"--dashboard=0.0.0.0:8082"'))
    throw new Error(`config/dashboard turns nothing on: ${deployment}`);
  await kubectl('get', 'service', 'songbird-dashboard', ...named);
  await kubectl('delete', 'deployment', 'songbird', '-n', 'songbird-system');
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly namespace: string };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** There is no kubelet: every pod of the releases is said to be ready. */
async function keepPodsReady(plane: ControlPlane, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { body } = await call(plane.access, 'GET', '/api/v1/pods?labelSelector=songbird.dev/release');
    for (const { metadata, status } of (body as Pods).items) {
      if (status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true)
        continue;
      const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
      const answer = await call(plane.access, 'GET', path);
      if (answer.status !== 200) continue;
      const ready = {
        phase: 'Running',
        // Nobody answers there.
        podIP: '127.0.0.1',
        podIPs: [{ ip: '127.0.0.1' }],
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }],
      };
      // Written with the version that was read: a conflict is met by the next round.
      await call(plane.access, 'PUT', `${path}/status`, { ...(answer.body as object), status: ready });
    }
    await delay(200, undefined, { signal }).catch(() => undefined);
  }
}
