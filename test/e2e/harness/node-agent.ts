import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../../src/kube/types.ts';
import type { Behaviour } from '../../../src/sandbox/demo/app.ts';
import { messageOf } from '../control-plane/build.ts';
import type { Log } from '../control-plane/build.ts';
import type { Processes } from '../control-plane/processes.ts';
import { now } from './container.ts';
import { Refused } from './kube.ts';
import type { Kube } from './kube.ts';
import { NODE_IP } from './network.ts';
import type { Pod } from './objects.ts';
import { PodRunner } from './pod-runner.ts';

/** The name of the one node. */
export const NODE = 'sandbox-node';
/** Pods that may start at once: more would take the processor from those that serve. */
const STARTING = 2;
const RETRY_MS = 300;
/** A cluster's own controllers take a node for lost after 40 s or more. */
const HEARTBEAT_MS = 10_000;
const DEFAULT_GRACE_SECONDS = 30;

export interface NodeAgentOptions {
  readonly kube: Kube;
  readonly processes: Processes;
  /** Path of Envoy's program. */
  readonly envoy: string;
  readonly dir: string;
  /** Pods in these namespaces are left alone, wherever they are bound to. */
  readonly foreignNamespaces: ReadonlySet<string>;
  readonly log: Log;
}

/**
 * Scheduler and kubelet of the test cluster: one node that takes every pod and runs it as real processes, an Envoy and the
 * demo app, on an address of the pod range. It knows the images `demo-app:TAG`; every other one fails to be pulled.
 */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #dir: string;
  readonly #stopping = new AbortController();
  readonly #runners = new Map<string, PodRunner>();
  readonly #binding = new Set<string>();
  readonly #ending = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  readonly #since = now();
  #starting = 0;
  #addresses = 0;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#dir = join(options.dir, 'pods');
  }

  async start(): Promise<void> {
    await mkdir(this.#dir);
    await this.#register();
    this.#keepAlive();
    const { foreignNamespaces } = this.#options;
    const onChange = (pod: Pod, gone: boolean) => {
      if (!foreignNamespaces.has(pod.metadata.namespace ?? '')) this.#reconcile(pod, gone);
    };
    await this.#options.kube.watch<Pod>('Pod', onChange, this.#stopping.signal);
  }

  /** Kills all pods' processes; the API server is not told. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const runners = [...this.#runners.values()];
    this.#runners.clear();
    await Promise.all([...runners.map((runner) => runner.kill()), ...this.#ending]);
  }

  /** The pod of this name that runs here. */
  runner(namespace: string, name: string): PodRunner | undefined {
    return [...this.#runners.values()].find((runner) => runner.name === `${namespace}/${name}`);
  }

  /** Changes how the apps of these pods treat requests, while they run: errors and delays without a new version. */
  async behave(pods: readonly Pod[], change: Partial<Behaviour>): Promise<void> {
    for (const { metadata } of pods) {
      const runner = this.#runners.get(metadata.uid ?? '');
      if (runner === undefined) throw new Error(`pod ${metadata.name} does not run on this node`);
      for (const container of runner.containers) await container.behave(change);
    }
  }

  async #register(): Promise<void> {
    const capacity = { cpu: '64', memory: '256Gi', pods: '1000' };
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: NODE, labels: { 'kubernetes.io/os': 'linux' } },
    };
    await this.#options.kube.apply<KubeObject>(node, 'node-agent');
    const addresses = [{ type: 'InternalIP', address: NODE_IP }];
    await this.#report({ capacity, allocatable: capacity, addresses });
  }

  async #report(status: object = {}): Promise<void> {
    const ready = { type: 'Ready', status: 'True', reason: 'AgentReady', message: 'pods can run' };
    const heard = { lastHeartbeatTime: now(), lastTransitionTime: this.#since };
    const patch = { status: { ...status, conditions: [{ ...ready, ...heard }] } };
    await this.#options.kube.patch('Node', '', NODE, patch, { type: 'strategic', subresource: 'status' });
  }

  #keepAlive(): void {
    const timer = setInterval(() => {
      // A server that is down for a while hears the next one.
      this.#report().catch(() => undefined);
    }, HEARTBEAT_MS);
    this.#stopping.signal.addEventListener('abort', () => {
      clearInterval(timer);
    });
  }

  #reconcile(pod: Pod, gone: boolean): void {
    const uid = pod.metadata.uid ?? '';
    const runner = this.#runners.get(uid);
    if (gone) {
      this.#runners.delete(uid);
      if (runner !== undefined) this.#end(runner.kill());
      return;
    }
    if (pod.spec.nodeName === undefined) {
      if (pod.metadata.deletionTimestamp === undefined) this.#bind(pod, uid);
      return;
    }
    if (pod.spec.nodeName !== NODE || this.#stopping.signal.aborted) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      const grace = (pod.metadata as { deletionGracePeriodSeconds?: number }).deletionGracePeriodSeconds;
      const ended = runner ?? this.#runnerOf(pod, uid);
      this.#end(ended.terminate(grace ?? DEFAULT_GRACE_SECONDS));
    } else if (runner === undefined) {
      this.#runnerOf(pod, uid).start();
    } else {
      runner.correct(pod);
    }
  }

  #runnerOf(pod: Pod, uid: string): PodRunner {
    const { kube, processes, envoy, log } = this.#options;
    const runner = new PodRunner({
      kube,
      processes,
      envoy,
      dir: this.#dir,
      pod,
      ip: this.#nextAddress(),
      admit: (start) => this.#admit(start),
      log,
    });
    this.#runners.set(uid, runner);
    return runner;
  }

  #end(ending: Promise<void>): void {
    const watched = ending
      .catch((error: unknown) => {
        this.#options.log(`node: ${messageOf(error)}`);
      })
      .finally(() => this.#ending.delete(watched));
    this.#ending.add(watched);
  }

  #bind(pod: Pod, uid: string): void {
    if (this.#binding.has(uid)) return;
    this.#binding.add(uid);
    const { namespace = '', name } = pod.metadata;
    const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, uid }, target };
    void (async () => {
      while (!this.#stopping.signal.aborted) {
        try {
          await this.#options.kube.post('Pod', namespace, name, 'binding', binding);
          break;
        } catch (error) {
          // Deleted or bound meanwhile; anything else is a server that is down for a while.
          if (error instanceof Refused) break;
          await delay(RETRY_MS);
        }
      }
      this.#binding.delete(uid);
    })();
  }

  async #admit(start: () => Promise<void>): Promise<void> {
    if (this.#starting >= STARTING) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#starting += 1;
    try {
      await start();
    } finally {
      this.#starting -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** 10.244.1.1, 10.244.1.2 … 10.244.255.254, then again from the beginning. */
  #nextAddress(): string {
    const perBlock = 254;
    const index = this.#addresses % (255 * perBlock);
    this.#addresses += 1;
    return `10.244.${1 + Math.floor(index / perBlock)}.${1 + (index % perBlock)}`;
  }
}
