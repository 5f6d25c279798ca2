import { join } from 'node:path';
import { Cluster, startHttp } from '../../src/sandbox/index.ts';
import { installCrds } from '../e2e/control-plane/crds.ts';
import { findBinaries, findCrds } from '../e2e/control-plane/build.ts';
import type { Log } from '../e2e/control-plane/build.ts';
import { startControlPlane } from '../e2e/control-plane/start.ts';
import { Transport } from './transport.ts';

/** A server under test; `stop` ends it. */
export interface Server {
  readonly transport: Transport;
  /** Deployments roll, garbage is collected. */
  readonly hasControllers: boolean;
  /** Makes it forget its history, so that older versions have expired. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

/** The definitions that both sides serve: the cases' own, the project's and Istio's. */
export async function definitions(log: Log): Promise<string[]> {
  const root = join(import.meta.dirname, '..', '..');
  return [join(import.meta.dirname, 'widgets.yaml'), join(root, 'crds'), ...(await findCrds('istio', log))];
}

/** A real control plane: etcd, kube-apiserver, kube-controller-manager. */
export async function startReal(crds: readonly string[], log: Log): Promise<Server> {
  const { controllerManager } = await findBinaries(log);
  const plane = await startControlPlane({
    controllerManager: controllerManager !== undefined,
    crds,
    // It mounts a token into each pod, which tells nothing about Deployments.
    disableAdmission: ['ServiceAccount'],
    log,
  });
  const transport = new Transport({ name: 'real', ...plane.access });
  const stop = async () => {
    await transport.close();
    await plane.stop();
  };
  const forget = async () => {
    await plane.compactEtcd();
    // The API server keeps recent history in memory, too.
    await plane.restartApiServer();
  };
  return { transport, hasControllers: controllerManager !== undefined, forget, stop };
}

/** The sandbox behind its HTTP face. */
export async function startSandbox(crds: readonly string[], seed: number): Promise<Server> {
  const cluster = new Cluster({ seed, kubelet: 'external' });
  const face = await startHttp(cluster);
  try {
    await installCrds({ url: face.url }, crds);
  } catch (error) {
    await face.close();
    cluster.stop();
    throw error;
  }
  const transport = new Transport({ name: 'sandbox', url: face.url });
  const stop = async () => {
    await transport.close();
    await face.close();
    cluster.stop();
  };
  const forget = async () => {
    cluster.compact();
  };
  return { transport, hasControllers: true, forget, stop };
}
