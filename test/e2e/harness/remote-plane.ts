import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../../src/kube/types.ts';
import { call, disconnect, kubeconfigOf } from '../control-plane/access.ts';
import type { ServerAccess } from '../control-plane/access.ts';
import { findBinaries, findCrds, messageOf } from '../control-plane/build.ts';
import type { Binaries, Log } from '../control-plane/build.ts';
import { readCrds } from '../control-plane/crds.ts';
import { accessAs, installCrdSets } from '../control-plane/plane.ts';
import type { Crds, Plane } from '../control-plane/plane.ts';
import type { BridgeHead } from './bridge.ts';
import { Kube, Refused } from './kube.ts';
import { CannotRun } from './network.ts';
import { NODE } from './node-agent.ts';
import { configObjects, uninstallOperator } from './operator.ts';

/** The label of namespaces that the tests make. */
export const OURS = 'songbird.dev/e2e';
const TAINT = { key: OURS, value: 'runs', effect: 'NoSchedule' };
const CRD_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const READY_MS = 60_000;
const GONE_MS = 120_000;
/** So long the operator may take to let go of its releases in namespaces that go away. */
const LET_GO_MS = 30_000;

interface Taint {
  key: string;
  value?: string;
  effect: string;
}

/**
 * The control plane of a cluster that is there already, at the other end of a bridge. Its own nodes get no pods while the
 * tests run; what the tests put into it goes by {@link clear}. "Stopped", it is out of reach for all that run in the tests'
 * network, while its own controllers still see it.
 */
export class RemotePlane implements Plane {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly binaries: Binaries;
  readonly foreignNamespaces = new Set<string>();
  readonly #head: BridgeHead;
  readonly #kube: Kube;
  readonly #log: Log;
  #definitions: string[] = [];

  private constructor(head: BridgeHead, dir: string, binaries: Binaries, log: Log) {
    this.dir = dir;
    this.kubeconfig = join(dir, 'admin.kubeconfig');
    this.binaries = binaries;
    this.#head = head;
    this.#kube = new Kube(head.access);
    this.#log = log;
  }

  get access(): ServerAccess {
    return this.#head.access;
  }

  get url(): string {
    return this.access.url;
  }

  /**
   * Takes the cluster over for the tests.
   * @throws CannotRun when it has something already that the tests would replace and then remove
   */
  static async attach(head: BridgeHead, log: Log): Promise<RemotePlane> {
    const binaries = await findBinaries(log);
    const dir = await mkdtemp(join(tmpdir(), 'songbird-remote-plane-'));
    const plane = new RemotePlane(head, dir, binaries, log);
    try {
      await plane.#start();
      return plane;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  async stopApiServer(): Promise<void> {
    await this.#head.close();
    await disconnect(this.access);
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.#head.open();
    await this.#answers('/readyz');
  }

  installCrds(crds: readonly Crds[]): Promise<void> {
    return installCrdSets(this.access, crds, this.#log);
  }

  async kubeconfigAs(namespace: string, serviceAccount: string): Promise<string> {
    const access = await accessAs(this.access, namespace, serviceAccount);
    const path = join(this.dir, `${namespace}-${serviceAccount}.kubeconfig`);
    await writeFile(path, kubeconfigOf(access, serviceAccount, namespace), { mode: 0o600 });
    return path;
  }

  async clear(): Promise<void> {
    this.#log('Removing what the tests have put into the cluster.');
    await this.#attempt('namespaces', () => this.#deleteNamespaces());
    await this.#attempt('config/', () => uninstallOperator(this));
    for (const name of this.#definitions) {
      await this.#attempt(name, () => this.#delete(`${CRD_PATH}/${name}`));
    }
    await this.#attempt(`node ${NODE}`, () => this.#kube.delete('Node', '', NODE));
    await this.#attempt('taints', () => this.#taintNodes([]));
  }

  async stop(): Promise<void> {
    await this.#kube.close();
    await this.stopApiServer();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    await this.#head.open();
    await writeFile(this.kubeconfig, kubeconfigOf(this.access), { mode: 0o600 });
    // The first is there as soon as the server runs, the second once its controllers do.
    await this.#answers('/readyz');
    await this.#answers('/api/v1/namespaces/default/serviceaccounts/default');
    for (const { metadata } of await this.#kube.list<KubeObject>('Namespace', '')) {
      this.foreignNamespaces.add(metadata.name);
    }
    const paths = await findCrds('istio', this.#log);
    const definitions = (await Promise.all(paths.map(readCrds))).flat().map(({ metadata }) => metadata.name);
    const present = await configObjects(this);
    if ((await this.#kube.find('Node', '', NODE)) !== undefined) present.push(`node/${NODE}`);
    for (const name of definitions) {
      const { status } = await call(this.access, 'GET', `${CRD_PATH}/${name}`);
      if (status !== 404) present.push(`customresourcedefinition/${name}`);
    }
    if (present.length > 0) {
      throw new CannotRun(
        `The cluster has ${present.join(', ')} already, which the tests would replace and then remove: give them an ` +
          'empty cluster to throw away, or delete these first.',
      );
    }
    this.#definitions = definitions;
    await this.#taintNodes([TAINT]);
  }

  async #answers(path: string): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const answer = await call(this.access, 'GET', path).catch(messageOf);
      if (typeof answer !== 'string' && answer.status === 200) return;
      const refused = typeof answer !== 'string' && (answer.status === 401 || answer.status === 403);
      if (refused || performance.now() > deadline) {
        const seen = typeof answer === 'string' ? answer : `${answer.status} ${JSON.stringify(answer.body)}`;
        throw new CannotRun(
          `The API server does not answer ${path} as it should (${seen}). It needs a certificate that is valid for ` +
            '127.0.0.1 and an administrator as the user of the kubeconfig.',
        );
      }
      await delay(200);
    }
  }

  async #deleteNamespaces(): Promise<void> {
    const started = performance.now();
    for (;;) {
      const left = await this.#kube.list<KubeObject>('Namespace', '', OURS);
      if (left.length === 0) return;
      for (const { metadata } of left) {
        if (metadata.deletionTimestamp === undefined) await this.#kube.delete('Namespace', '', metadata.name);
        else if (performance.now() - started > LET_GO_MS) await this.#letGo(metadata.name);
      }
      if (performance.now() - started > GONE_MS) {
        throw new Error(`${left.map(({ metadata }) => metadata.name).join(', ')} not gone in time`);
      }
      await delay(300);
    }
  }

  /** Without an operator nobody else takes its finalizer off. */
  async #letGo(namespace: string): Promise<void> {
    for (const { metadata } of await this.#kube.list<KubeObject>('CanaryRelease', namespace)) {
      if (metadata.deletionTimestamp === undefined || metadata.finalizers === undefined) continue;
      this.#log(`The operator has not let go of CanaryRelease ${namespace}/${metadata.name}: done for it.`);
      await this.#kube.patch('CanaryRelease', namespace, metadata.name, { metadata: { finalizers: null } });
    }
  }

  /** Sets the cluster's own nodes' taints of ours to these. */
  async #taintNodes(ours: readonly Taint[]): Promise<void> {
    const nodes = await this.#kube.list<KubeObject & { spec: { taints?: Taint[] } }>('Node', '');
    for (const { metadata, spec } of nodes.filter((node) => node.metadata.name !== NODE)) {
      const others = (spec.taints ?? []).filter(({ key }) => key !== TAINT.key);
      const { name, resourceVersion } = metadata;
      const patch = { metadata: { resourceVersion }, spec: { taints: [...others, ...ours] } };
      try {
        await this.#kube.patch('Node', '', name, patch);
      } catch (error) {
        // Its kubelet or a controller was faster.
        if (!(error instanceof Refused && error.status === 409)) throw error;
        await this.#taintNodes(ours);
        return;
      }
    }
  }

  async #delete(path: string): Promise<void> {
    const { status, body } = await call(this.access, 'DELETE', path);
    if (status >= 300 && status !== 404) throw new Error(`${status} ${JSON.stringify(body)}`);
  }

  async #attempt(what: string, remove: () => Promise<void>): Promise<void> {
    try {
      await remove();
    } catch (error) {
      this.#log(`Left in the cluster: ${what}: ${messageOf(error)}`);
    }
  }
}
