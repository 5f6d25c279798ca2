import { at, textOf, type Stored } from '../cluster/object.ts';
import type { Change } from '../cluster/store.ts';
import { DeploymentController } from './deployments.ts';
import { GarbageCollector } from './garbage.ts';
import { type ControllerHost, SystemClient, TABLES } from './host.ts';
import { Kubelet } from './kubelet.ts';
import { Loop } from './loop.ts';
import { NamespaceController } from './namespaces.ts';
import { OwnerIndex } from './owner-index.ts';
import { keyOfObject } from './owners.ts';
import type { PodBehaviourOf } from './pod-behaviour.ts';
import { ReplicaSetController } from './replica-sets.ts';

export interface ControllerOptions {
  /** `external`: something else binds pods to nodes, and reports their status. */
  kubelet?: 'builtin' | 'external' | undefined;
  /** How pods behave; healthy and ready within a second by default. Not for an external kubelet. */
  podBehaviour?: PodBehaviourOf | undefined;
  /** The node that pods are bound to. */
  nodeName?: string | undefined;
  /** How long after a change controllers act on it, in ms. */
  controllerDelayMs?: number | undefined;
}

/**
 * Starts what a control plane runs beside its API server: Deployments and ReplicaSets, garbage collection, the end of
 * Namespaces, and, unless that is external, a scheduler and a kubelet.
 * @returns the way to stop them
 */
export function startControllers(host: ControllerHost, options: ControllerOptions): () => void {
  const { store, clock } = host.core;
  const loop = new Loop(clock, options.controllerDelayMs ?? 0);
  const manager = new SystemClient(host, 'kube-controller-manager');
  const index = new OwnerIndex(store, [TABLES.pods, TABLES.replicaSets]);
  const deployments = new DeploymentController(manager, loop, index);
  const replicaSets = new ReplicaSetController(manager, loop, index);
  const garbage = new GarbageCollector(host, manager, loop, index);
  const namespaces = new NamespaceController(host, manager, loop);
  const node = options.kubelet === 'external' ? undefined : startNode(host, loop, options);
  const heard = (change: Change) => {
    garbage.changed(change);
    namespaces.changed(change);
    const object = change.after ?? change.before;
    if (object === undefined) return;
    if (change.table === TABLES.deployments) deployments.mark(keyOfObject(object));
    if (change.table === TABLES.replicaSets) {
      deployments.replicaSetChanged(object);
      replicaSets.mark(keyOfObject(object));
    }
    if (change.table === TABLES.pods) {
      replicaSets.podChanged(object);
      node?.(object, change.after === undefined);
    }
  };
  const unlisten = store.listen('', heard);
  for (const table of store.tables()) {
    for (const after of store.list(table)) {
      heard({ revision: store.revision, table, key: keyOfObject(after), before: undefined, after });
    }
  }
  return () => {
    unlisten();
    loop.stop();
  };
}

/** A scheduler that binds every pod to the one node, and the kubelet of that node. */
function startNode(
  host: ControllerHost,
  loop: Loop,
  options: ControllerOptions,
): (pod: Stored, gone: boolean) => void {
  const scheduler = new SystemClient(host, 'kube-scheduler');
  const kubelet = new Kubelet(new SystemClient(host, 'kubelet'), loop, options.podBehaviour ?? (() => ({})));
  const nodeName = options.nodeName ?? 'sandbox';
  const schedule = (key: string) => {
    const pod = scheduler.get(TABLES.pods, key);
    if (pod !== undefined && isUnbound(pod)) scheduler.bind(pod, nodeName);
  };
  return (pod, gone) => {
    if (gone) kubelet.podGone(pod);
    else if (isUnbound(pod)) loop.mark('scheduler', keyOfObject(pod), schedule);
    else kubelet.podChanged(pod);
  };
}

function isUnbound(pod: Stored): boolean {
  return pod.metadata.deletionTimestamp === undefined && textOf(at(pod, 'spec', 'nodeName')) === '';
}
