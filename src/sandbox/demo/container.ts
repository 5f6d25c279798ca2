import { get } from 'node:http';
import { type Clock, sleep } from '../../kube/clock.ts';
import type { ApiClient } from '../../kube/types.ts';
import type { Container, Pod, Probe } from '../mesh/objects.ts';
import { type App, behaviourFromEnv, startApp } from './app.ts';
import { ContainerConfigError, environmentOf } from './env.ts';
import { KNOWN_IMAGES, knownImage } from './images.ts';

/** `status.containerStatuses[]`, as far as the sandbox fills it. */
export interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: ContainerState;
  lastState?: ContainerState;
}

export interface ContainerState {
  waiting?: { reason: string; message?: string };
  running?: { startedAt: string };
  terminated?: Terminated;
}

interface Terminated {
  exitCode: number;
  reason: string;
  message?: string;
  startedAt: string;
  finishedAt: string;
}

export interface ContainerDeps {
  readonly client: ApiClient;
  readonly clock: Clock;
  /** Tells that {@link ContainerRun.status} or {@link ContainerRun.ports} changed. */
  readonly changed: () => void;
}

// A kubelet backs off from 10 s to 5 min; nobody wants to wait for that in a demo.
const BACKOFF_MS = { first: 1000, longest: 10_000 };
const STARTED_LONG_ENOUGH_MS = 30_000;
const CONFIG_RETRY_MS = 2000;

/**
 * One container of a pod: an HTTP server in this process in place of the image, started, probed, and started again
 * when it crashes, as a kubelet would. Liveness, startup and exec probes are taken as passed.
 */
export class ContainerRun {
  readonly #pod: Pod;
  readonly #container: Container;
  readonly #deps: ContainerDeps;
  #status: ContainerStatus;
  #app: App | undefined;
  #ports: Readonly<Record<string, number>> = {};

  constructor(pod: Pod, container: Container, deps: ContainerDeps) {
    this.#pod = pod;
    this.#container = container;
    this.#deps = deps;
    const { name, image = '' } = container;
    const state = { waiting: { reason: 'ContainerCreating' } };
    this.#status = { name, image, imageID: '', ready: false, started: false, restartCount: 0, state };
  }

  get status(): ContainerStatus {
    return this.#status;
  }

  /** Where its container ports really listen on 127.0.0.1. */
  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  /** Keeps the container running; resolves when the signal has aborted. The app is then still there: {@link drain}. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const image = knownImage(this.#container.image ?? '');
    if (image === undefined) {
      await this.#cannotPull(signal);
      return;
    }
    let failures = 0;
    while (!signal.aborted) {
      const began = clock.monotonic();
      const end = await this.#start(image, signal);
      if (end === 'stopped') return;
      if (end === 'unconfigured') {
        await sleep(clock, CONFIG_RETRY_MS, signal);
        continue;
      }
      failures = clock.monotonic() - began > STARTED_LONG_ENOUGH_MS ? 1 : failures + 1;
      const wait = Math.min(BACKOFF_MS.first * 2 ** (failures - 1), BACKOFF_MS.longest);
      this.#crashed(end, wait);
      await sleep(clock, wait, signal);
      this.#set({ restartCount: this.#status.restartCount + 1 });
    }
  }

  /** Goes on answering for `ms`, then closes once every request under way has been answered. */
  async drain(ms: number): Promise<void> {
    await this.#app?.drain(ms);
  }

  async close(): Promise<void> {
    await this.#app?.close();
  }

  /** Runs the app once, and resolves with how it ended. */
  async #start(
    image: { version: string; port: number },
    signal: AbortSignal,
  ): Promise<Terminated | 'stopped' | 'unconfigured'> {
    const { client, clock } = this.#deps;
    const startedAt = new Date(clock.now()).toISOString();
    let crashAfterMs: number;
    try {
      const env = await environmentOf(client, this.#pod, this.#container);
      const options = behaviourFromEnv({ VERSION: image.version, ...env }, this.#container.image);
      crashAfterMs = env['CRASH_AFTER_MS'] === undefined ? Infinity : Number(env['CRASH_AFTER_MS']);
      const seed = Number(env['SEED'] ?? seedOf(this.#pod.metadata.uid ?? this.#pod.metadata.name));
      this.#app = await startApp({ ...options, seed, listen: { host: '127.0.0.1', port: 0 } });
    } catch (error) {
      if (error instanceof ContainerConfigError) {
        this.#wait('CreateContainerConfigError', error.message);
        return 'unconfigured';
      }
      const message = error instanceof Error ? error.message : String(error);
      const finishedAt = new Date(clock.now()).toISOString();
      return { exitCode: 1, reason: 'Error', message, startedAt, finishedAt };
    }
    this.#listening(this.#app, image.port);
    this.#set({ state: { running: { startedAt } }, started: true });
    await this.#probe(crashAfterMs, signal);
    if (signal.aborted) return 'stopped';
    await this.#app.close();
    this.#app = undefined;
    this.#ports = {};
    const finishedAt = new Date(clock.now()).toISOString();
    return { exitCode: 1, reason: 'Error', startedAt, finishedAt };
  }

  #listening({ listen }: App, imagePort: number): void {
    if (!('port' in listen)) return;
    const declared = (this.#container.ports ?? []).map(({ containerPort }) => containerPort);
    const ports = declared.length > 0 ? declared : [imagePort];
    this.#ports = Object.fromEntries(ports.map((port) => [String(port), listen.port]));
  }

  /** Keeps `ready` true to the readiness probe, until the app crashes or the signal aborts. */
  async #probe(crashAfterMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const {
      initialDelaySeconds = 0,
      periodSeconds = 10,
      failureThreshold = 3,
    } = this.#container.readinessProbe ?? {};
    const crashAt = clock.monotonic() + crashAfterMs;
    const pause = (ms: number) => sleep(clock, Math.min(ms, crashAt - clock.monotonic()), signal);
    await pause(initialDelaySeconds * 1000);
    let failures = 0;
    while (!signal.aborted && clock.monotonic() < crashAt) {
      const answered = await this.#answers(this.#container.readinessProbe);
      failures = answered ? 0 : failures + 1;
      if (answered) this.#set({ ready: true });
      else if (failures >= failureThreshold) this.#set({ ready: false });
      await pause(periodSeconds * 1000);
    }
  }

  async #answers(probe: Probe | undefined): Promise<boolean> {
    if (probe?.httpGet === undefined) return true;
    const { timeoutSeconds = 1 } = probe;
    const { path = '/', port } = probe.httpGet;
    const number =
      typeof port === 'number'
        ? port
        : this.#container.ports?.find(({ name }) => name === port)?.containerPort;
    const listening = this.#ports[String(number)];
    if (listening === undefined) return false;
    return new Promise((resolve) => {
      const request = get(
        { host: '127.0.0.1', port: listening, path, agent: false, timeout: timeoutSeconds * 1000 },
        (answer) => {
          answer.resume();
          const status = answer.statusCode ?? 0;
          resolve(status >= 200 && status < 400);
        },
      );
      request.on('timeout', () => request.destroy());
      request.on('error', () => {
        resolve(false);
      });
    });
  }

  async #cannotPull(signal: AbortSignal): Promise<void> {
    const { image = '' } = this.#container;
    const why = `this cluster has no registry: it runs ${KNOWN_IMAGES}`;
    this.#wait('ErrImagePull', `failed to pull image "${image}": ${why}`);
    await sleep(this.#deps.clock, BACKOFF_MS.first, signal);
    if (!signal.aborted) this.#wait('ImagePullBackOff', `Back-off pulling image "${image}": ${why}`);
  }

  #crashed(end: Terminated, waitMs: number): void {
    const { name } = this.#container;
    const pod = `pod=${this.#pod.metadata.name}_${this.#pod.metadata.namespace ?? ''}`;
    const message = `back-off ${waitMs / 1000}s restarting failed container=${name} ${pod}`;
    const lastState = { terminated: end };
    this.#set({ ready: false, started: false, lastState });
    this.#wait('CrashLoopBackOff', message);
  }

  #wait(reason: string, message: string): void {
    this.#set({ ready: false, started: false, state: { waiting: { reason, message } } });
  }

  #set(change: Partial<ContainerStatus>): void {
    const same = Object.entries(change).every(
      ([key, value]) => JSON.stringify(value) === JSON.stringify(this.#status[key as keyof ContainerStatus]),
    );
    if (same) return;
    this.#status = { ...this.#status, ...change };
    this.#deps.changed();
  }
}

/** Another seed for each pod, and the same for the same pod. */
function seedOf(text: string): number {
  let hash = 2_166_136_261;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  return hash;
}
