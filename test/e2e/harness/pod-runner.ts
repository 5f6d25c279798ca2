import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../control-plane/build.ts';
import type { Log } from '../control-plane/build.ts';
import type { Processes } from '../control-plane/processes.ts';
import { ContainerRunner, now } from './container.ts';
import { startEnvoy } from './envoy.ts';
import type { Envoy } from './envoy.ts';
import { Refused } from './kube.ts';
import type { Kube } from './kube.ts';
import { NODE_IP } from './network.ts';
import type { Condition, ContainerStatus, Pod } from './objects.ts';
import { sidecarBootstrap } from './sidecar.ts';

const RETRY_MS = 300;
/** A pod whose label of this name is "false" gets no proxy, as in Istio. */
const INJECT = 'sidecar.istio.io/inject';

export interface PodOptions {
  readonly kube: Kube;
  readonly processes: Processes;
  readonly envoy: string;
  /** A directory of the node, for sockets and configuration. */
  readonly dir: string;
  readonly pod: Pod;
  readonly ip: string;
  /** Runs `start` when there is room for one more pod that starts. */
  readonly admit: (start: () => Promise<void>) => Promise<void>;
  readonly log: Log;
}

/** One pod on this node: its sidecar, its containers, and what the API server is told of them. */
export class PodRunner {
  readonly uid: string;
  readonly ip: string;
  readonly containers: readonly ContainerRunner[];
  readonly #options: PodOptions;
  readonly #dir: string;
  readonly #stopped = new AbortController();
  readonly #startTime = now();
  #sidecar: Envoy | undefined;
  #sidecarUp = false;
  #started: Promise<void> = Promise.resolve();
  #terminating: Promise<void> | undefined;
  #conditions: Condition[];
  #written = '';
  #writing = false;
  /** Somebody else has written over what was written here. */
  #disputed = false;

  constructor(options: PodOptions) {
    this.#options = options;
    this.uid = options.pod.metadata.uid ?? '';
    this.ip = options.ip;
    this.#dir = join(options.dir, options.ip);
    this.#conditions = options.pod.status?.conditions ?? [];
    this.containers = options.pod.spec.containers.map((container, index) => {
      const { kube, processes, pod } = options;
      const onChange = () => {
        this.#publish();
        if (this.#isOver()) this.#endSidecar();
      };
      const socket = join(this.#dir, `${index}.sock`);
      return new ContainerRunner({ kube, processes, pod, container, socket, onChange });
    });
  }

  get name(): string {
    return `${this.#options.pod.metadata.namespace ?? ''}/${this.#options.pod.metadata.name}`;
  }

  /** The proxy of this pod, once it runs. */
  get sidecar(): Envoy | undefined {
    return this.#sidecar;
  }

  /** Starts proxy and containers. */
  start(): void {
    this.#started = this.#start().catch((error: unknown) => {
      if (!this.#ended()) this.#options.log(`node: ${this.name}: ${messageOf(error)}`);
    });
  }

  async #start(): Promise<void> {
    this.#publish();
    await mkdir(this.#dir, { recursive: true });
    if (this.#options.pod.spec.initContainers !== undefined) {
      this.#options.log(
        `node: ${this.name} has initContainers, which this node does not run: it stays Pending`,
      );
      return;
    }
    await this.#options.admit(async () => {
      if (this.#ended()) return;
      if (this.#isProxied()) await this.#startSidecar();
      if (this.#ended()) return;
      for (const container of this.containers) container.start();
    });
  }

  /**
   * Ends the pod as a kubelet does: not ready at once, SIGTERM to the containers, SIGKILL after the grace, the proxy last,
   * then the pod is gone from the API server.
   */
  terminate(graceSeconds: number): Promise<void> {
    this.#terminating ??= (async () => {
      this.#publish();
      await this.#endProcesses(graceSeconds * 1000);
      await this.#forget();
      this.#stopped.abort();
    })();
    return this.#terminating;
  }

  /** Ends everything at once, for a pod that is gone from the API server already. */
  async kill(): Promise<void> {
    this.#stopped.abort();
    await this.#endProcesses(0);
  }

  async #endProcesses(graceMs: number): Promise<void> {
    // What is just being started must be there before it can be ended.
    await this.#started;
    await Promise.all(this.containers.map((container) => container.terminate(graceMs)));
    await this.#sidecar?.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #isProxied(): boolean {
    return this.#options.pod.metadata.labels?.[INJECT] !== 'false';
  }

  /** True when all containers have ended for good: the pod has succeeded or failed. */
  #isOver(): boolean {
    return this.containers.every((container) => container.over);
  }

  /** As a native sidecar, the proxy doesn't keep a pod from ending. */
  #endSidecar(): void {
    this.#sidecar?.stop().catch((error: unknown) => {
      this.#options.log(`node: the proxy of ${this.name}: ${messageOf(error)}`);
    });
  }

  #ended(): boolean {
    return this.#terminating !== undefined || this.#stopped.signal.aborted;
  }

  /** One proxy for the pod. Each port goes to the container that names it. */
  async #startSidecar(): Promise<void> {
    const { processes, envoy, pod, ip, log } = this.#options;
    const ports = pod.spec.containers.flatMap((container, index) =>
      (container.ports ?? []).map(({ containerPort }) => ({
        port: containerPort,
        socket: join(this.#dir, `${index}.sock`),
      })),
    );
    this.#sidecar = await startEnvoy(processes, {
      program: envoy,
      name: `${pod.metadata.namespace ?? ''}_${pod.metadata.name}.proxy`,
      dir: this.#dir,
      address: ip,
      bootstrap: sidecarBootstrap(ip, ports),
    });
    this.#sidecarUp = true;
    void this.#sidecar.program.ended.then((how) => {
      this.#sidecarUp = false;
      if (!this.#ended() && !this.#isOver()) log(`node: the proxy of ${this.name} ended by itself (${how})`);
      this.#publish();
    });
  }

  /** Says it again where somebody else has written it otherwise, as a controller does that takes this node for lost. */
  correct({ status }: Pod): void {
    const readyOf = (conditions: readonly Condition[] = []) =>
      conditions.find(({ type }) => type === 'Ready')?.status;
    if (readyOf(status?.conditions) === readyOf(this.#conditions)) return;
    this.#disputed = true;
    this.#publish();
  }

  /** Tells the API server the present status, again and again until it has taken it. */
  #publish(): void {
    if (this.#writing) return;
    this.#writing = true;
    void (async () => {
      for (;;) {
        const status = this.#status();
        const text = JSON.stringify(status);
        if ((text === this.#written && !this.#disputed) || this.#stopped.signal.aborted) break;
        // Before the write: an answer that comes after news of the next dispute must not settle that one too.
        this.#disputed = false;
        if (await this.#attempt(() => this.#patch(status))) this.#written = text;
        else this.#disputed = true;
      }
      this.#writing = false;
    })();
  }

  async #patch(status: object): Promise<void> {
    const { kube, pod } = this.#options;
    const { namespace = '', name } = pod.metadata;
    const patch = { metadata: { uid: this.uid }, status };
    await kube.patch('Pod', namespace, name, patch, { type: 'strategic', subresource: 'status' });
  }

  /** Removes the pod from the API server, however long that takes. */
  async #forget(): Promise<void> {
    const { kube, pod } = this.#options;
    const { namespace = '', name } = pod.metadata;
    const remove = () => kube.delete('Pod', namespace, name, { graceSeconds: 0, uid: this.uid });
    while (!this.#stopped.signal.aborted && !(await this.#attempt(remove)));
  }

  /** False after a pause when the server cannot be reached; a pod that is gone or another one counts as done. */
  async #attempt(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      if (error instanceof Refused && [404, 409, 422].includes(error.status)) {
        if (error.status === 422) this.#options.log(`node: ${this.name}: ${messageOf(error)}`);
        return true;
      }
      await delay(RETRY_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      return false;
    }
  }

  #status(): object {
    const statuses = this.containers.map((container) => container.status);
    const served = this.#sidecarUp || !this.#isProxied();
    const ready = !this.#ended() && served && statuses.every((status) => status.ready);
    const why = this.#isOver() ? 'PodCompleted' : 'ContainersNotReady';
    this.#condition('Initialized', this.#options.pod.spec.initContainers === undefined, 'PodInitializing');
    this.#condition('ContainersReady', ready, why);
    this.#condition('Ready', ready, why);
    return {
      phase: this.#phase(statuses),
      hostIP: NODE_IP,
      podIP: this.ip,
      podIPs: [{ ip: this.ip }],
      startTime: this.#startTime,
      conditions: this.#conditions,
      containerStatuses: statuses,
    };
  }

  #phase(statuses: readonly ContainerStatus[]): string {
    if (this.#isOver()) {
      return statuses.every(({ state }) => state.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
    }
    const running = statuses.some((status) => status.state.waiting === undefined || status.restartCount > 0);
    return running ? 'Running' : 'Pending';
  }

  #condition(type: string, value: boolean, reason: string): void {
    const status = value ? 'True' : 'False';
    const before = this.#conditions.find((condition) => condition.type === type);
    if (before?.status === status) return;
    const next = { type, status, lastTransitionTime: now(), reason: value ? '' : reason } as const;
    this.#conditions = [...this.#conditions.filter((condition) => condition.type !== type), next];
  }
}
