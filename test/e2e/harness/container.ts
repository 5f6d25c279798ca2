import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import type { Behaviour } from '../../../src/sandbox/demo/app.ts';
import { messageOf } from '../control-plane/build.ts';
import type { Processes, Program } from '../control-plane/processes.ts';
import type { Kube } from './kube.ts';
import type { Container, ContainerState, ContainerStatus, Pod } from './objects.ts';
import type { KubeObject } from '../../../src/kube/types.ts';

const APP = join(import.meta.dirname, '../../../src/sandbox/demo/app.ts');
/** The only image that this node can pull, with any tag: the demo app, whose version the tag is. */
const IMAGE = /^(?:[a-z0-9.:-]+\/)*demo-app:[\w.-]+$/;
const PULL_BACKOFF_AFTER_MS = 1_000;
const CONFIG_RETRY_MS = 1_000;
/** A kubelet waits 10 s after the second crash and doubles up to 5 min; here everything is ten times faster. */
const CRASH_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 30_000;
/** Until it is ready for the first time a container is probed more often than its probe says, to save tests time. */
const EAGER_PROBE_MS = 200;

export interface ContainerOptions {
  readonly kube: Kube;
  readonly processes: Processes;
  readonly pod: Pod;
  readonly container: Container;
  /** The Unix socket that the app listens on. */
  readonly socket: string;
  /** Called whenever {@link ContainerRunner.status} has changed. */
  readonly onChange: () => void;
}

/**
 * Runs one container of a pod as a process, as a kubelet would: pull, start, probe, restart. The process is the demo app,
 * or the container's `command`.
 */
export class ContainerRunner {
  readonly #options: ContainerOptions;
  readonly #stopping = new AbortController();
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  #lastState: ContainerState | undefined;
  #ready = false;
  #restarts = 0;
  #over = false;
  #program: Program | undefined;
  #finished: Promise<void> = Promise.resolve();

  constructor(options: ContainerOptions) {
    this.#options = options;
  }

  get status(): ContainerStatus {
    const { name, image } = this.#options.container;
    const started = this.#state.running !== undefined;
    return {
      name,
      image,
      imageID: IMAGE.test(image) ? image : '',
      ready: this.#ready,
      started,
      restartCount: this.#restarts,
      state: this.#state,
      ...(this.#lastState === undefined ? {} : { lastState: this.#lastState }),
    };
  }

  /** True once its process has ended and is not to be started again, by the pod's restart policy. */
  get over(): boolean {
    return this.#over;
  }

  /** The process id of the app, while it runs. */
  get pid(): number | undefined {
    return this.#program?.pid;
  }

  start(): void {
    this.#finished = this.#run();
  }

  /** SIGTERM, and SIGKILL after the grace; resolves when the process has ended. */
  async terminate(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#ready = false;
    const program = this.#program;
    if (program !== undefined) await this.#options.processes.stop(program, graceMs);
    await this.#finished;
  }

  /** Changes how the running app treats requests. */
  async behave(change: Partial<Behaviour>): Promise<void> {
    const client = this.#client();
    try {
      const body = JSON.stringify(change);
      const answer = await client.request({ method: 'PUT', path: '/behaviour', body });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`the app refused ${body}: ${text}`);
    } finally {
      await client.destroy();
    }
  }

  async #run(): Promise<void> {
    const { image } = this.#options.container;
    if (!IMAGE.test(image)) {
      await this.#failToPull(image);
      return;
    }
    while (!this.#aborted()) {
      const env = await this.#environment();
      if (env === undefined) continue;
      await this.#runOnce(env);
      if (this.#aborted() || this.#over) return;
      this.#lastState = this.#state;
      const backoff =
        this.#restarts === 0 ? 0 : Math.min(CRASH_BACKOFF_MS * 2 ** (this.#restarts - 1), LONGEST_BACKOFF_MS);
      if (backoff > 0) {
        this.#set({
          waiting: {
            reason: 'CrashLoopBackOff',
            message: `back-off ${backoff / 1000}s restarting failed container=${this.#options.container.name}`,
          },
        });
      }
      await this.#pause(backoff);
      this.#restarts += 1;
    }
  }

  async #failToPull(image: string): Promise<void> {
    const why = `failed to pull image "${image}": not found: this node has only demo-app:TAG`;
    this.#set({ waiting: { reason: 'ErrImagePull', message: why } });
    await this.#pause(PULL_BACKOFF_AFTER_MS);
    if (this.#aborted()) return;
    const message = `Back-off pulling image "${image}": ${why}`;
    this.#set({ waiting: { reason: 'ImagePullBackOff', message } });
  }

  async #runOnce(env: Record<string, string>): Promise<void> {
    const { processes, pod, container } = this.#options;
    const name = `${pod.metadata.namespace ?? ''}_${pod.metadata.name}.${container.name}`;
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const { command = [process.execPath, APP], args = [] } = container;
    const program = await processes.start(name, 'env', ['-i', ...variables, ...command, ...args]);
    this.#program = program;
    const startedAt = now();
    this.#ready = container.readinessProbe === undefined;
    this.#set({ running: { startedAt } });
    // Terminated while it was being started: terminate() saw no process to end.
    if (this.#aborted()) await processes.stop(program, 0);
    const probing = new AbortController();
    const probe = this.#probe(AbortSignal.any([probing.signal, this.#stopping.signal]));
    const how = await program.ended;
    this.#program = undefined;
    probing.abort();
    await probe;
    this.#ready = false;
    const exitCode = exitCodeOf(how);
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    const { restartPolicy = 'Always' } = pod.spec;
    this.#over = restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && exitCode === 0);
    this.#set({ terminated: { exitCode, reason, startedAt, finishedAt: now() } });
  }

  /** Follows the container's readiness probe until the signal. */
  async #probe(signal: AbortSignal): Promise<void> {
    const probe = this.#options.container.readinessProbe;
    if (probe === undefined) return;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const client = this.#client();
    let failures = 0;
    let successes = 0;
    let everReady = false;
    await pause((probe.initialDelaySeconds ?? 0) * 1000, signal);
    while (!signal.aborted) {
      const ok = await answers(client, probe.httpGet?.path ?? '/', (probe.timeoutSeconds ?? 1) * 1000);
      failures = ok ? 0 : failures + 1;
      successes = ok ? successes + 1 : 0;
      const ready = ok ? this.#ready || successes >= (probe.successThreshold ?? 1) : this.#ready;
      const next = ready && failures < (probe.failureThreshold ?? 3);
      // A process that has ended meanwhile is not ready, whatever it answered before.
      if (next !== this.#ready && this.#program !== undefined && !this.#aborted()) {
        this.#ready = next;
        this.#options.onChange();
      }
      everReady ||= next;
      await pause(everReady ? periodMs : Math.min(periodMs, EAGER_PROBE_MS), signal);
    }
    await client.destroy();
  }

  /** The container's variables, or undefined (after a while) when something they come from is missing. */
  async #environment(): Promise<Record<string, string> | undefined> {
    const { kube, pod, container, socket } = this.#options;
    try {
      return {
        // Otherwise all pods would fail in step, as none of different machines do.
        SEED: seedOf(pod.metadata.name),
        ...(await environmentOf(kube, pod.metadata.namespace ?? '', container)),
        IMAGE: container.image,
        HOSTNAME: pod.metadata.name,
        LISTEN_SOCKET: socket,
        PATH: process.env['PATH'] ?? '',
      };
    } catch (error) {
      this.#set({ waiting: { reason: 'CreateContainerConfigError', message: messageOf(error) } });
      await this.#pause(CONFIG_RETRY_MS);
      return undefined;
    }
  }

  #client(): Client {
    return new Client('http://app', { connect: { socketPath: this.#options.socket }, pipelining: 1 });
  }

  #set(state: ContainerState): void {
    this.#state = state;
    this.#options.onChange();
  }

  #aborted(): boolean {
    return this.#stopping.signal.aborted;
  }

  #pause(ms: number): Promise<void> {
    return pause(ms, this.#stopping.signal);
  }
}

/** The variables of a container, from its `envFrom` and `env`. @throws naming the ConfigMap or Secret that is missing */
async function environmentOf(
  kube: Kube,
  namespace: string,
  container: Container,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  const data = async (kind: 'ConfigMap' | 'Secret', name: string, optional = false) => {
    const source = await kube.find<KubeObject & { data?: Record<string, string> }>(kind, namespace, name);
    if (source === undefined && !optional) throw new Error(`${kind.toLowerCase()} "${name}" not found`);
    const entries = Object.entries(source?.data ?? {});
    return kind === 'Secret'
      ? entries.map(([key, value]): [string, string] => [key, Buffer.from(value, 'base64').toString()])
      : entries;
  };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const entries = [
      ...(configMapRef ? await data('ConfigMap', configMapRef.name, configMapRef.optional) : []),
      ...(secretRef ? await data('Secret', secretRef.name, secretRef.optional) : []),
    ];
    for (const [key, value] of entries) env[prefix + key] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const [kind, ref] =
      valueFrom?.secretKeyRef === undefined
        ? (['ConfigMap', valueFrom?.configMapKeyRef] as const)
        : (['Secret', valueFrom.secretKeyRef] as const);
    if (ref === undefined) {
      env[name] = value ?? '';
      continue;
    }
    const found = (await data(kind, ref.name, ref.optional)).find(([key]) => key === ref.key)?.[1];
    if (found !== undefined) env[name] = found;
    else if (ref.optional !== true) {
      throw new Error(`couldn't find key ${ref.key} in ${kind} ${namespace}/${ref.name}`);
    }
  }
  return env;
}

/** Four bytes of the name's hash: each pod draws its own errors and delays. */
function seedOf(name: string): string {
  return String(createHash('sha256').update(name).digest().readUInt32BE());
}

async function answers(client: Client, path: string, timeoutMs: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode, body } = await client.request({ method: 'GET', path, signal });
    await body.dump();
    return statusCode >= 200 && statusCode < 400;
  } catch {
    // What a probe finds wrong is its answer.
    return false;
  }
}

/** 137 and the like for an end by a signal, as container runtimes report it. */
function exitCodeOf(how: string): number {
  const code = /^exit status (\d+)$/.exec(how)?.[1];
  if (code !== undefined) return Number(code);
  return how === 'signal SIGTERM' ? 143 : 137;
}

/** The present in the form of Kubernetes' `Time`: whole seconds. */
export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => undefined);
}
