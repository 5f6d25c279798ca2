import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf } from '../control-plane/build.ts';
import { until } from '../control-plane/processes.ts';
import type { Processes, Program } from '../control-plane/processes.ts';
import type { Plane } from '../control-plane/plane.ts';
import type { Kube } from './kube.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CONFIG = join(ROOT, 'config');
const MAIN = join(ROOT, 'src/main.ts');
const READY_MS = 60_000;
const KUBECTL_MS = 180_000;
const GRACE_MS = 20_000;
const RESTART_MS = 1000;
const MOST_ENDS = 20;
const ACCOUNT = { namespace: 'songbird-system', name: 'songbird' };

/**
 * Installs the operator as users do, with `kubectl apply -k config/`, and takes its Deployment away again: its process is
 * started by the test.
 * @returns the path of a kubeconfig with the rights of the operator's ServiceAccount and no more, good for an hour
 */
export async function installOperator(plane: Plane, kube: Kube): Promise<string> {
  const { namespace, name } = ACCOUNT;
  await kubectl(plane, ['apply', '--server-side', '-k', CONFIG]);
  await kube.delete('Deployment', namespace, name);
  await plane.installCrds([join(ROOT, 'crds')]);
  return plane.kubeconfigAs(namespace, name);
}

/** Takes away what {@link installOperator} has installed, CRDs and with them all releases included. */
export async function uninstallOperator(plane: Plane): Promise<void> {
  await kubectl(plane, ['delete', '--ignore-not-found', '--timeout=120s', '-k', CONFIG]);
}

/** What of `config/` the cluster has already, as kubectl names it: `customresourcedefinition.apiextensions.k8s.io/...`. */
export async function configObjects(plane: Plane): Promise<string[]> {
  const out = await kubectl(plane, ['get', '--ignore-not-found', '-o', 'name', '-k', CONFIG]);
  return out.split('\n').filter((line) => line !== '');
}

/** Never waited for synchronously: it may reach the API server only by way of this process. */
async function kubectl(plane: Plane, args: readonly string[]): Promise<string> {
  const all = ['--kubeconfig', plane.kubeconfig, ...args];
  try {
    return (await promisify(execFile)(plane.binaries.kubectl, all, { timeout: KUBECTL_MS })).stdout;
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim() ?? '';
    throw new Error(`kubectl ${args.join(' ')}: ${stderr === '' ? messageOf(error) : stderr}`, {
      cause: error,
    });
  }
}

export interface OperatorOptions {
  /** Flags of src/main.ts besides those for the addresses and for Prometheus. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whom the API server takes it for; default: what {@link installOperator} answered. */
  readonly kubeconfig?: string;
  /** Two replicas at once need two names and two pairs of ports. */
  readonly name?: string;
  readonly healthPort?: number;
  readonly metricsPort?: number;
}

/**
 * The operator as it runs in production: a process of its own, `node src/main.ts`, that is started again when it ends by
 * itself, as a Deployment's pod is.
 */
export class OperatorProcess {
  readonly #processes: Processes;
  readonly #dir: string;
  readonly #prometheusUrl: string;
  readonly #options: OperatorOptions & { readonly kubeconfig: string };
  readonly #podUid = randomUUID();
  #program: Program | undefined;
  #running = false;
  #ends = 0;

  /** `dir` is the directory of `processes`. */
  constructor(
    processes: Processes,
    dir: string,
    prometheusUrl: string,
    options: OperatorOptions & { readonly kubeconfig: string },
  ) {
    this.#processes = processes;
    this.#dir = dir;
    this.#prometheusUrl = prometheusUrl;
    this.#options = options;
  }

  get #name(): string {
    return this.#options.name ?? 'operator';
  }

  get #health(): string {
    return `127.0.0.1:${this.#options.healthPort ?? 8081}`;
  }

  get #metrics(): string {
    return `127.0.0.1:${this.#options.metricsPort ?? 8080}`;
  }

  get pid(): number {
    if (this.#program === undefined) throw new Error(`${this.#name} is not running`);
    return this.#program.pid;
  }

  /**
   * Starts it, or starts it again after a stop or kill; resolves when `/readyz` answers 200.
   * @throws Error when it does not get ready
   */
  async start(): Promise<void> {
    if (this.#program !== undefined) throw new Error(`${this.#name} runs already`);
    const program = await this.#launch();
    await until(program, READY_MS, () => this.isReady());
  }

  /** True when its `/readyz` answers 200. @throws when nobody answers */
  async isReady(): Promise<boolean> {
    const answer = await fetch(`http://${this.#health}/readyz`);
    await answer.body?.cancel();
    return answer.ok;
  }

  async #launch(): Promise<Program> {
    const { kubeconfig, args = [], env = {} } = this.#options;
    const variables = Object.entries({ POD_UID: this.#podUid, ...env, KUBECONFIG: kubeconfig });
    const program = await this.#processes.start(this.#name, 'env', [
      ...variables.map(([key, value]) => `${key}=${value}`),
      process.execPath,
      MAIN,
      `--health-address=${this.#health}`,
      `--metrics-address=${this.#metrics}`,
      `--prometheus-address=${this.#prometheusUrl}`,
      ...args,
    ]);
    this.#program = program;
    this.#running = true;
    void program.ended.then(() => {
      if (this.#program === program) this.#running = false;
      return this.#restart(program);
    });
    return program;
  }

  /** As a kubelet does, until it has ended too often to be merely unlucky. */
  async #restart(ended: Program): Promise<void> {
    if (this.#program !== ended || ++this.#ends > MOST_ENDS) return;
    await delay(RESTART_MS);
    if (this.#program === ended) await this.#launch();
  }

  /** SIGTERM: it may finish what it is doing. */
  async stop(): Promise<void> {
    const program = this.#program;
    if (program === undefined) return;
    this.#program = undefined;
    await this.#processes.stop(program, GRACE_MS);
  }

  /** SIGKILL, as when its node dies; resolves when it is gone. */
  async kill(): Promise<void> {
    const program = this.#program;
    if (program === undefined) return;
    this.#program = undefined;
    process.kill(program.pid, 'SIGKILL');
    await program.ended;
  }

  /**
   * SIGKILL to the process that runs, or else to the next one; resolves when it is gone. It is started again as after any
   * other end, a second later.
   */
  async crash(): Promise<void> {
    while (!this.#running) await delay(10);
    const program = this.#program;
    if (program === undefined) throw new Error(`${this.#name} is not to run`);
    // Bad luck, and none of its doing.
    this.#ends -= 1;
    process.kill(program.pid, 'SIGKILL');
    await program.ended;
  }

  /** SIGSTOP: it stands still, as in a long pause of its machine, until {@link resume}. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Its own metrics, in Prometheus's text format. */
  async metrics(): Promise<string> {
    return (await fetch(`http://${this.#metrics}/metrics`)).text();
  }

  /** Its log so far, of all its lives. */
  log(): Promise<string> {
    return readFile(join(this.#dir, `${this.#name}.log`), 'utf8');
  }
}
